"""Every device profile has a recorded exchange, and reads from it what was recorded."""

from __future__ import annotations

import struct
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiled import Written, modelled

from config import profiles
from config.bus_settings import Framing
from config.device_settings import REGISTERS, Device
from config.notation import Range
from drivers.modbus import asks
from drivers.modbus_frames import FUNCTIONS

RECORDINGS = Path(__file__).parent.parent / "recordings"
NAMES = profiles.names()
PROFILES = {name: profiles.load(name) for name in NAMES}
READ_FUNCTIONS = {1, 2, 3, 4}


def recording(name: str) -> dict[str, Any]:
    return tomllib.loads((RECORDINGS / f"{name}.toml").read_text())


def exchanges(name: str) -> list[dict[str, Any]]:
    recorded: list[dict[str, Any]] = recording(name)["exchange"]
    return recorded


def own_points(name: str) -> Written:
    """What the recording's site declares beside the profile's own points, by the PLC's names."""
    written: Written = recording(name).get("point", {})
    return written


def turn_of(exchange: dict[str, Any]) -> int:
    return int(exchange["request"][:4], 16) if exchange["framing"] == "tcp" else 0


def test_at_least_twenty_device_models_are_known_without_code() -> None:
    assert len(NAMES) >= 20
    kinds = [PROFILES[name].kind for name in NAMES]
    assert set(kinds) >= {"counter-module", "panel-counter", "plc", "drive", "meter"}
    assert "other" not in kinds


def test_every_recording_belongs_to_a_profile_and_every_profile_has_one() -> None:
    assert sorted(path.stem for path in RECORDINGS.glob("*.toml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_reads_from_its_recording_what_was_recorded(name: str) -> None:
    for exchange in exchanges(name):
        turn = turn_of(exchange)
        matching = [
            ask
            for ask in asks(modelled(name, exchange["framing"], own_points(name)), exchange["framing"])
            if ask.request(turn) == bytes.fromhex(exchange["request"])
        ]
        assert len(matching) == 1
        buffer = bytearray.fromhex(exchange["reply"])
        batch = matching[0].answer(buffer, turn, 0.0)
        assert batch is not None
        assert not buffer
        assert dict(zip(matching[0].points, batch.values, strict=True)) == exchange["values"]


@pytest.mark.parametrize("name", NAMES)
def test_the_recordings_of_a_profile_show_every_point_over_every_transport_and_say_where_they_are_from(
    name: str,
) -> None:
    points = {*PROFILES[name].points, *own_points(name)}
    assert points
    for framing in PROFILES[name].transports:
        recorded = [exchange for exchange in exchanges(name) if exchange["framing"] == framing]
        assert {point for exchange in recorded for point in exchange["values"]} == points
    assert {exchange["framing"] for exchange in exchanges(name)} == set(PROFILES[name].transports)
    assert all(exchange["source"] for exchange in exchanges(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_says_who_made_it_how_sure_we_are_and_what_a_technician_must_know(name: str) -> None:
    profile = PROFILES[name]
    assert profile.maker
    assert profile.model
    assert profile.source
    assert profile.transports
    assert len(profile.hints_en) == len(profile.hints_zh) > 0
    assert all(any("一" <= letter <= "鿿" for letter in hint) for hint in profile.hints_zh)


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_called_verified_only_on_bytes_captured_from_a_device(name: str) -> None:
    composed = [exchange for exchange in exchanges(name) if "not captured" in exchange["source"]]
    assert not composed or PROFILES[name].trust == "experimental"


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_asked_for_with_reads_only_and_all_of_it(name: str) -> None:
    for framing in PROFILES[name].transports:
        assert_only_read(modelled(name, framing, own_points(name)), framing)


@pytest.mark.parametrize("name", [name for name in NAMES if PROFILES[name].notation])
@settings(max_examples=20, deadline=None)
@given(drawn=st.data())
def test_whatever_a_site_names_in_a_plc_is_asked_for_with_reads_only_and_all_of_it(
    name: str, drawn: st.DataObject
) -> None:
    ref = drawn.draw(st.sampled_from(PROFILES[name].notation).flatmap(written_in))
    framing = PROFILES[name].transports[0]
    assert_only_read(modelled(name, framing, {"own": {"ref": ref}}), framing)


def written_in(one: Range) -> st.SearchStrategy[str]:
    """Names of that range, as a PLC's programmer writes them."""
    digits = {8: "o", 10: "d", 16: "X"}[one.radix]
    whole = round(1 / one.step) if one.step < 1 else 1
    numbers = st.integers(0, (one.last - one.first) // whole).map(lambda number: one.first + number * whole)
    return numbers.map(lambda number: f"{one.prefix}{number:{digits}}")


def assert_only_read(device: Device, framing: Framing) -> None:
    made = asks(device, framing)
    assert sorted(point for ask in made for point in ask.points) == sorted(point.name for point in device.points)
    for ask in made:
        points = [point for point in device.points if point.name in ask.points]
        pdu = ask.request(7)[6:] if framing == "tcp" else ask.request(7)[:-2]
        unit, function, first, quantity = struct.unpack(">BBHH", pdu)
        assert unit == device.unit
        assert {function} == {FUNCTIONS[point.area] for point in points} <= READ_FUNCTIONS
        assert quantity <= (2000 if function <= 2 else device.max_read_registers)
        assert all(first <= one.address <= first + quantity - REGISTERS[one.type] for one in points)
