"""How polling goes is told with health: what failed, how long answers took, what was refused, wrapped or reset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ptys import Serving, raw_pty
from reported_hour import Hour, told
from simulated_site import Life
from slaves import RtuUnits, TcpUnits, outcomes_until, rtu, unit_device

from agent import clock
from agent.bus import Answered, Owner
from agent.bus.plans import DevicePlan
from agent.bus.serial_line import SerialOwner
from agent.bus.tcp_poller import TcpOwner
from agent.intake import Intake
from agent.polls import Delays, Polls
from config.bus_settings import SerialBus, TcpBus
from config.device_settings import CounterRef
from drivers import Batch
from drivers.wire import NO_HOLES

IN, OUT = CounterRef("eye", "in"), CounterRef("eye", "out")
STEP = 2 ** (1 / 4)
SLOW_S, TIMEOUT_S = 0.06, 0.3


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
        assert sum(one <= told_ms for one in true_ms) >= share * len(true_ms)
        assert told_ms == 1.0 or sum(one <= told_ms / STEP - 0.1 for one in true_ms) < share * len(true_ms)


def heard(bus: SerialBus | TcpBus, units: Sequence[int], times: int) -> Polls:
    """What is known of polling once the last of the units was heard of so often."""
    plans = [DevicePlan(unit_device(f"unit-{unit}", "bus", unit, 0.2), bus.framing, NO_HOLES) for unit in units]
    asking = [(plan.device, tuple(plan.asks.values())) for plan in plans]
    owner: Owner = SerialOwner(bus, asking) if isinstance(bus, SerialBus) else TcpOwner([bus], asking)
    intake = Intake(plans, {}, lambda _: owner, clock.boot_seconds())
    last = plans[-1].device.id
    owner.start()
    try:
        outcomes = outcomes_until(owner, lambda seen: sum(getattr(one, "device", "") == last for one in seen) >= times)
    finally:
        owner.stop()
    for outcome in outcomes:
        intake.hear(outcome, clock.now())
    return intake.polls


def test_over_tcp_a_refusal_and_a_silence_are_told_of_their_devices_and_a_retry_is_in_the_delay() -> None:
    with TcpUnits({1, 2}) as units:
        units.behave[1] = lambda _, reply: (
            [(0.0, reply)] if len(units.received[1]) % 2 == 0 else [(SLOW_S, reply[:7] + b"\x04" + reply[8:])]
        )
        units.behave[2] = lambda request, _: [(0.0, request[:4] + b"\0\3" + bytes((request[6], 0x83, 2)))]
        polls = heard(TcpBus("bus", "127.0.0.1", units.port, TIMEOUT_S), (1, 2, 3), 2)
    told = polls.report()
    assert told["devices"] == {"unit-2": {"err_pct": 100.0, "exc_code_last": 2}, "unit-3": {"err_pct": 100.0}}
    assert SLOW_S <= told["poll_lat_p95_ms"] / 1000 <= 2.5 * TIMEOUT_S  # type: ignore[operator]
    assert 0 < told["poll_ok_pct"] < 100  # type: ignore[operator]
    assert polls.report() == {"poll_ok_pct": None, "poll_lat_p95_ms": None, "devices": {"unit-2": {"exc_code_last": 2}}}


def test_on_a_line_the_same_is_told() -> None:
    units = RtuUnits({1, 2})
    units.behave[1] = lambda reply: [(SLOW_S, reply)]
    units.behave[2] = lambda _: [(0.0, rtu(2, 0x83, 4))]
    ours, theirs = raw_pty()
    with closing(Serving(ours, units)):
        told = heard(SerialBus("bus", os.ttyname(theirs), 115200, "none", 1, TIMEOUT_S), (1, 2), 3).report()
    os.close(ours)
    os.close(theirs)
    assert told["devices"] == {"unit-2": {"err_pct": 100.0, "exc_code_last": 4}}
    assert SLOW_S <= told["poll_lat_p95_ms"] / 1000 <= 2.5 * TIMEOUT_S  # type: ignore[operator]


def test_one_miss_in_a_great_many_asks_is_never_rounded_away() -> None:
    polls = Polls()
    for _ in range(3000):
        polls.answered("plc", None, usable=True)
    polls.answered("plc", None, usable=False)
    assert polls.report() == {"poll_ok_pct": 99.9, "poll_lat_p95_ms": None, "devices": {"plc": {"err_pct": 0.1}}}


def test_an_answer_that_holds_no_number_within_its_limits_brought_no_value() -> None:
    plan = DevicePlan(unit_device("plc", "bus", 1, 1.0), "rtu", NO_HOLES)
    intake = Intake([plan], {}, pytest.fail, 0.0)
    for value in (None, 7):
        intake.hear(Answered("plc", next(iter(plan.asks)), Batch((value,), 1.0)), clock.now())
    assert intake.polls.report()["devices"] == {"plc": {"err_pct": 50.0}}


def test_a_wrap_a_reset_and_a_clock_that_is_set_are_told_with_the_next_health() -> None:
    def before(second: int, life: Life, hour: Hour) -> None:
        if second == 0:
            hour.counters[OUT].raw = (1 << 32) - 20
        if second == 150:
            hour.counters[IN].raw = 0
            hour.clock.wrong_s = -3600.0

    health = [one.fields for one in told(250, before=before) if one.tail == "health"]
    assert [str(one["clock_step_s"]) for one in health] == ["0.0", "0.0", "-3600.0", "0.0"]
    wrapped, reset = {"eye": {"wrap_n": 1}}, {"eye": {"wrap_n": 1, "reset_n": 1}}
    assert [one.get("devices") for one in health] == [wrapped, wrapped, reset, reset]
    assert {one["poll_ok_pct"] for one in health} == {100.0}
