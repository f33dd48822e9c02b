"""Every device profile has a recorded exchange, and reads from it what was recorded."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from config import profiles
from config.settings import Device
from drivers.modbus import asks

RECORDINGS = Path(__file__).parent.parent / "recordings"
NAMES = profiles.names()


def modelled(name: str) -> Device:
    """A device that is just what its profile says."""
    profile = profiles.load(name)
    return Device(
        name, "bus", profile.default_unit, 1.0, name, profile.max_read_registers, tuple(profile.points.values())
    )


def exchanges(name: str) -> list[dict[str, Any]]:
    recorded: list[dict[str, Any]] = tomllib.loads((RECORDINGS / f"{name}.toml").read_text())["exchange"]
    return recorded


def turn_of(exchange: dict[str, Any]) -> int:
    return int(exchange["request"][:4], 16) if exchange["framing"] == "tcp" else 0


def test_every_recording_belongs_to_a_profile_and_every_profile_has_one() -> None:
    assert sorted(path.stem for path in RECORDINGS.glob("*.toml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_reads_from_its_recording_what_was_recorded(name: str) -> None:
    for exchange in exchanges(name):
        turn = turn_of(exchange)
        matching = [
            ask
            for ask in asks(modelled(name), exchange["framing"])
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
    profile = profiles.load(name)
    assert {exchange["framing"] for exchange in exchanges(name)} == set(profile.transports)
    assert {point for exchange in exchanges(name) for point in exchange["values"]} == set(profile.points)
    assert all(exchange["source"] for exchange in exchanges(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_says_who_made_it_how_sure_we_are_and_what_a_technician_must_know(name: str) -> None:
    profile = profiles.load(name)
    assert profile.maker
    assert profile.model
    assert profile.source
    assert profile.transports
    assert len(profile.hints_en) == len(profile.hints_zh) > 0
    assert all(any("一" <= letter <= "鿿" for letter in hint) for hint in profile.hints_zh)


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_called_verified_only_on_bytes_captured_from_a_device(name: str) -> None:
    composed = [exchange for exchange in exchanges(name) if "not captured" in exchange["source"]]
    assert not composed or profiles.load(name).trust == "experimental"
