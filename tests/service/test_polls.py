"""How polling goes is told with health: what failed, how long answers took, what was refused, wrapped or reset."""

from __future__ import annotations

import os
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st
from ptys import Serving, raw_pty
from reported_hour import Hour, told
from simulated_site import Life
from slaves import RtuUnits, TcpUnits, outcomes_until, rtu, unit_device

from agent.bus import Answered, Missed, Owner
from agent.bus.serial_line import SerialOwner
from agent.bus.tcp_poller import TcpOwner
from agent.polls import Delays, Polls
from config.bus_settings import SerialBus, TcpBus
from config.device_settings import CounterRef
from drivers import Batch
from drivers.modbus import asks

IN, OUT = CounterRef("eye", "in"), CounterRef("eye", "out")
STEP = 2 ** (1 / 4)
SLOW_S = 0.06


@given(st.lists(st.floats(0.0, 60.0), max_size=200), st.sampled_from((0.5, 0.95, 1.0)))
def test_a_share_of_the_delays_is_known_to_a_quarter_of_an_octave(delays_s: list[float], share: float) -> None:
    delays = Delays()
    for _ in range(2):  # what was taken does not come again
        for one_s in delays_s:
            delays.add(one_s)
        told_ms, true_ms = delays.take(share), [1000 * one_s for one_s in sorted(delays_s)]
        if told_ms is None:
            assert not true_ms
            continue
        at_or_below = sum(one <= told_ms + 0.05 for one in true_ms)
        assert at_or_below >= share * len(true_ms)
        assert sum(one <= told_ms / STEP - 0.05 for one in true_ms) < share * len(true_ms) or told_ms == 1.0


def heard(owner: Owner, device: str, times: int) -> Polls:
    """What is known of polling once `device` was heard of so often."""
    polls = Polls()
    owner.start()
    try:
        outcomes = outcomes_until(
            owner, lambda seen: sum(getattr(one, "device", "") == device for one in seen) >= times
        )
    finally:
        owner.stop()
    for outcome in outcomes:
        if isinstance(outcome, Answered | Missed):
            polls.hear(outcome)
    return polls


def test_over_tcp_a_refusal_and_a_silence_are_told_of_their_devices_and_how_long_the_slow_one_takes() -> None:
    devices = [unit_device(f"unit-{unit}", "bus", unit, 0.2) for unit in (1, 2, 3)]
    with TcpUnits({1, 2}) as units:
        units.behave[1] = lambda _, reply: [(SLOW_S, reply)]
        units.behave[2] = lambda request, _: [(0.0, request[:4] + b"\0\3" + bytes((request[6], 0x83, 2)))]
        bus = TcpBus("bus", "127.0.0.1", units.port, 0.3)
        polls = heard(TcpOwner([bus], [(one, asks(one, "tcp")) for one in devices]), "unit-3", 2)
    told = polls.report()
    assert told["devices"] == {"unit-2": {"err_pct": 100.0, "exc_code_last": 2}, "unit-3": {"err_pct": 100.0}}
    assert told["poll_lat_p95_ms"] >= 1000 * SLOW_S  # type: ignore[operator]
    assert 0 < told["poll_ok_pct"] < 100  # type: ignore[operator]
    assert polls.report() == {"poll_ok_pct": None, "poll_lat_p95_ms": None, "devices": {"unit-2": {"exc_code_last": 2}}}


def test_on_a_line_the_same_is_told() -> None:
    units = RtuUnits({1, 2})
    units.behave[1] = lambda reply: [(SLOW_S, reply)]
    units.behave[2] = lambda _: [(0.0, rtu(2, 0x83, 4))]
    ours, theirs = raw_pty()
    bus = SerialBus("bus", os.ttyname(theirs), 115200, "none", 1, 0.3)
    devices = [unit_device(f"unit-{unit}", "bus", unit, 0.2) for unit in (1, 2)]
    with closing(Serving(ours, units)):
        polls = heard(SerialOwner(bus, [(one, asks(one, "rtu")) for one in devices]), "unit-2", 3)
    os.close(ours)
    os.close(theirs)
    told = polls.report()
    assert told["devices"] == {"unit-2": {"err_pct": 100.0, "exc_code_last": 4}}
    assert told["poll_lat_p95_ms"] >= 1000 * SLOW_S  # type: ignore[operator]


def test_what_another_master_asked_has_no_delay_of_ours() -> None:
    polls = Polls()
    polls.hear(Answered("plc", 0, Batch((1,), 1.0)))
    assert polls.report() == {"poll_ok_pct": 100.0, "poll_lat_p95_ms": None, "devices": None}


def test_a_wrap_a_reset_and_a_clock_that_is_set_are_told_with_the_next_health() -> None:
    def before(second: int, life: Life, hour: Hour) -> None:
        if second == 0:
            hour.counters[OUT].raw = (1 << 32) - 20
        if second == 150:
            hour.counters[IN].raw = 0
            hour.clock.wrong_s = -3600.0

    health = [one.fields for one in told(250, before=before) if one.tail == "health"]
    assert [one.get("clock_step_s") for one in health] == [None, 0.0, -3600.0, 0.0]
    wrapped, reset = {"eye": {"wrap_n": 1}}, {"eye": {"wrap_n": 1, "reset_n": 1}}
    assert [one.get("devices") for one in health] == [wrapped, wrapped, reset, reset]
    assert {one["poll_ok_pct"] for one in health} == {100.0}
