"""What the twin's registers show is its truth, in every type, word order and modulus, read by a client of its own."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.client import ModbusTcpClient
from twins import playing, read_tcp, site

from agent.twin.faces import words
from agent.twin.site import Scenario
from config.device_settings import Point, ValueType, WordOrder
from config.settings import Settings
from drivers.registers import register_decoder

ORDERS = get_args(WordOrder)
COUNTERS = ("u16", "i16", "u32", "i32", "u64", "i64", "bcd16", "bcd32")
LIMITS = {"u16": 2**16, "u32": 2**32, "u64": 2**64, "bcd16": 10**4, "bcd32": 10**8}
LIMITS |= {"i16": 2**15, "i32": 2**31, "i64": 2**63}
INTEGERS = st.sampled_from(COUNTERS).flatmap(
    lambda kind: st.tuples(st.just(kind), st.integers(-LIMITS[kind] if kind[0] == "i" else 0, LIMITS[kind] - 1))
)
FLOATS = st.one_of(
    st.tuples(st.just("f32"), st.floats(allow_nan=False, allow_infinity=False, width=32)),
    st.tuples(st.just("f64"), st.floats(allow_nan=False, allow_infinity=False)),
)


def point(kind: ValueType, order: WordOrder) -> Point:
    return Point("p", "gauge", "holding", 0, kind, order, None, 20.0, 1.0, "", None, None)


@given(value=st.one_of(INTEGERS, FLOATS), order=st.sampled_from(ORDERS))
def test_every_type_and_order_is_read_back_by_the_driver(value: tuple[ValueType, float], order: WordOrder) -> None:
    kind, number = value
    one = point(kind, order)
    octets = b"".join(word.to_bytes(2, "big") for word in words(one, number))
    assert register_decoder([one], 0, 0)(bytearray(octets)) == (number,)


def every_counter() -> str:
    """One device with a counter of every type and order, with its own and with smaller moduli, holes between them."""
    text = '[bus.b]\ntcp = "10.0.0.1"\n[device.d]\nbus = "b"\nunit = 7\n'
    at = 0
    for area in ("holding", "input"):
        for kind in COUNTERS:
            for order in ORDERS:
                small = {"bcd16": 1000, "u16": 50_000, "i16": 20_000, "bcd32": 10**6}.get(kind, 10**6)
                for modulus in ("", f"modulus = {small}\n"):
                    text += f'[device.d.point.p{at}]\narea = "{area}"\naddress = {at}\ntype = "{kind}"\n'
                    text += f'word_order = "{order}"\nkind = "counter"\n{modulus}'
                    at += 5 if at % 3 else 4
    return text


def as_shown(raw: int, one: Point) -> int:
    """The number that the driver reads for a counter: signed types run into the negative half way round."""
    bits = {"i16": 16, "i32": 32, "i64": 64}.get(one.type)
    return raw - (1 << bits) if bits and raw >= 1 << (bits - 1) else raw


def test_a_client_reads_the_truth_of_every_counter_before_and_after_its_wrap(tmp_path: Path) -> None:
    settings = site(every_counter())
    (device,) = settings.devices
    by_name = {one.name: one for one in device.points}
    with playing(settings, tmp_path, Scenario(speed=5.0, running=False)) as played, played.dial("b") as wire:
        start = played.raw("d")
        for before in (3, 1):
            for name in by_name:
                played.say("wrap", counter=f"d.{name}", before=before)
            played.say("go")
            while not all(count >= 4 for count in played.say("truth")["truth"]["-"]["induct"].values()):
                read_tcp(wire, device)
            played.say("freeze")
            shown = {name: as_shown(raw, by_name[name]) for name, raw in played.raw("d").items()}
            assert read_tcp(wire, device) == shown
        counted = played.say("truth")["truth"]["-"]["induct"]
    assert set(counted) == {f"d.{name}" for name in start}
    assert all(by_name[name].modulus is not None and raw < by_name[name].modulus for name, raw in start.items())


def test_the_registers_rise_by_what_was_counted_and_wrap_at_the_modulus(tmp_path: Path) -> None:
    settings = site(every_counter())
    (device,) = settings.devices
    with playing(settings, tmp_path, Scenario(speed=5.0, running=False)) as played:
        start = played.raw("d")
        counted = dict.fromkeys(start, 0)
        played.say("go")
        while min(counted.values()) < 20:
            counts = played.say("truth")["truth"]["-"]["induct"]
            counted = {name: counts[f"d.{name}"] for name in start}
        played.say("freeze")
        counts = played.say("truth")["truth"]["-"]["induct"]
        end = played.raw("d")
    moduli = {one.name: one.modulus for one in device.points}
    assert end == {name: (start[name] + counts[f"d.{name}"]) % moduli[name] for name in start}
    assert any(end[name] < start[name] for name in start)


PLC = """\
[bus.b]
tcp = "10.0.0.1"
[device.d]
bus = "b"
unit = 7
[device.d.point.belt]
area = "discrete"
address = 3
[device.d.point.count]
area = "holding"
address = 100
type = "u32"
kind = "counter"
[device.d.point.level]
area = "holding"
address = 102
type = "i16"
low = 10
high = 30
"""


def test_pymodbus_reads_the_same_and_holes_bits_and_writes_are_answered_like_a_device(tmp_path: Path) -> None:
    with playing(site(PLC), tmp_path) as played:
        played.say("preset", counter="d.count", value=0x0001_0002)
        host, port = played.twin.wires["b"].address.split(":")
        client = ModbusTcpClient(host, port=int(port), retries=0, timeout=30)
        assert client.connect()
        try:
            assert client.read_holding_registers(100, count=3, device_id=7).registers == [1, 2, 20]
            assert client.read_holding_registers(103, count=1, device_id=7).exception_code == 2
            assert client.read_input_registers(100, count=1, device_id=7).exception_code == 2
            assert client.read_discrete_inputs(3, count=1, device_id=7).bits[0] is False
            assert client.write_register(100, 5, device_id=7).exception_code == 1
            assert client.read_holding_registers(100, count=2, device_id=7).registers == [1, 2]
        finally:
            client.close()
        assert played.say("state")["devices"]["d"]["writes"] == 1


def test_a_torn_read_shows_a_carry_half_done_once_and_only_when_asked_for(tmp_path: Path) -> None:
    settings = site(PLC)
    with playing(settings, tmp_path) as played, played.dial("b") as wire:
        played.say("preset", counter="d.count", value=65_530)
        played.say("tear", counter="d.count")
        seen = [read_tcp(wire, settings.devices[0])["count"] for _ in range(2)]
    assert seen == [65_530 + 65_536, 65_530]


def test_a_clean_reset_comes_right_after_a_read_so_that_nothing_counted_is_lost(tmp_path: Path) -> None:
    settings = site(PLC)
    with playing(settings, tmp_path, Scenario(speed=60.0)) as played, played.dial("b") as wire:
        device, seen, read = settings.devices[0], [], threading.Event()
        face = played.twin.images["d"].counters["count"]
        for number in range(40):
            if number == 20:
                played.do(lambda: face.reset_after_read(read.set))
            seen.append(read_tcp(wire, device)["count"])
        played.say("freeze")
        seen.append(read_tcp(wire, device)["count"])
        truth = played.say("truth")
    assert read.is_set()
    assert seen[21] < seen[20]
    assert truth["lost"] == {}
    assert face.raw == seen[-1]
    assert seen[20] - first_raw(settings, tmp_path) + seen[-1] == truth["truth"]["-"]["induct"]["d.count"]


def first_raw(settings: Settings, folder: Path) -> int:
    """Where the counter of the default seed stands before the first parcel."""
    with playing(settings, folder) as played:
        return played.raw("d")["count"]


def test_what_was_counted_unseen_before_a_hard_reset_is_told_as_lost(tmp_path: Path) -> None:
    settings = site(PLC)
    with playing(settings, tmp_path, Scenario(speed=200.0)) as played, played.dial("b") as wire:
        read_tcp(wire, settings.devices[0])
        played.say("freeze")
        read_tcp(wire, settings.devices[0])
        seen = played.say("truth")["truth"]["-"]["induct"]["d.count"]
        played.say("go")
        while (counted := played.say("truth")["truth"]["-"]["induct"]["d.count"]) == seen:
            pass
        played.say("freeze")
        counted = played.say("truth")["truth"]["-"]["induct"]["d.count"]
        played.say("reset", device="d")
        assert read_tcp(wire, settings.devices[0])["count"] == 0
        assert played.say("truth")["lost"] == {"d.count": counted - seen}


@pytest.mark.parametrize("device", ["nobody", "d"])
def test_a_clean_reset_of_a_silent_device_is_refused_after_a_while_or_at_once(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.twin.site.READ_WITHIN_S", 0.05)
    with playing(site(PLC), tmp_path) as played, pytest.raises(Exception, match=r"no read|has no"):
        played.say("reset", device=device, clean=True)
