"""Asks come up on multiples of their period since the start; what was missed is skipped, never queued."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from slaves import unit_device

from agent.bus.schedule import DeadlineSchedule, Slot, slots_of, ticks_of
from drivers.modbus import asks

START_S = 500.0


def slots(*periods_s: float) -> list[Slot]:
    devices = [unit_device(f"plc-{n}", "line", n + 1, period_s) for n, period_s in enumerate(periods_s)]
    return slots_of((device, asks(device, "rtu")) for device in devices)


def run(schedule: DeadlineSchedule, cost_s: float, until_s: float) -> list[tuple[float, str]]:
    """Serve the schedule with asks that take `cost_s` each."""
    now_s, served = START_S, []
    while now_s < until_s:
        slot = schedule.take(now_s)
        if slot is None:
            now_s = schedule.next_due_s()
            continue
        served.append((now_s, slot.device))
        now_s += cost_s
        schedule.done(slot, now_s)
    return served


def test_each_ask_comes_up_at_multiples_of_its_period() -> None:
    served = run(DeadlineSchedule(slots(1.0, 0.5), START_S), 0.001, START_S + 4.9)
    assert [round(at - START_S, 2) for at, device in served if device == "plc-0"] == [0, 1, 2, 3, 4]
    assert [round(at - START_S, 1) for at, device in served if device == "plc-1"] == [n / 2 for n in range(10)]


def test_a_wire_too_slow_for_its_plan_shares_itself_and_forgets_what_is_past() -> None:
    served = run(DeadlineSchedule(slots(*[0.1] * 5), START_S), 0.07, START_S + 70)
    counts = Counter(device for _, device in served)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert sum(counts.values()) == 1000


def test_a_slow_ask_among_fast_ones_is_served_before_its_period_ends() -> None:
    served = run(DeadlineSchedule(slots(0.1, 0.1, 2.0), START_S), 0.06, START_S + 60)
    slow = [at for at, device in served if device == "plc-2"]
    assert len(slow) == 30


def test_after_a_long_sleep_each_ask_comes_up_once() -> None:
    schedule = DeadlineSchedule(slots(0.1, 0.5, 1.0), START_S)
    run(schedule, 0.001, START_S + 2)
    later_s = START_S + 3600.05
    woken = []
    while (slot := schedule.take(later_s)) is not None:
        woken.append(slot.device)
        schedule.done(slot, later_s)
    assert sorted(woken) == ["plc-0", "plc-1", "plc-2"]
    assert schedule.next_due_s() > later_s


def test_who_gives_way_is_served_after_all_others_and_only_once() -> None:
    schedule = DeadlineSchedule(slots(1.0, 1.0, 1.0), START_S)
    first = schedule.take(START_S)
    assert first is not None
    assert schedule.give_way(first, START_S)
    order = []
    while (slot := schedule.take(START_S)) is not None:
        if slot is first:
            assert not schedule.give_way(slot, START_S)
        order.append(slot.device)
        schedule.done(slot, START_S)
    assert order == ["plc-1", "plc-2", "plc-0"]


def test_a_hurried_device_goes_first_and_keeps_its_place_in_time() -> None:
    schedule = DeadlineSchedule(slots(1.0, 1.0), START_S)
    run(schedule, 0.001, START_S + 0.5)
    schedule.hurry("plc-1")
    slot = schedule.take(START_S + 0.5)
    assert slot is not None
    assert slot.device == "plc-1"
    schedule.done(slot, START_S + 0.5)
    assert schedule.take(START_S + 0.9) is None
    assert schedule.next_due_s() == START_S + 1.0


def test_a_turn_can_be_put_off_within_its_period_but_not_beyond() -> None:
    schedule = DeadlineSchedule(slots(1.0), START_S)
    slot = schedule.take(START_S)
    assert slot is not None
    assert not schedule.postpone(slot, START_S + 1.0)
    assert schedule.postpone(slot, START_S + 0.4)
    assert schedule.take(START_S + 0.3) is None
    assert schedule.take(START_S + 0.4) is slot


@given(st.lists(st.sampled_from([0.1, 0.3, 1.0, 7.0]), min_size=1, max_size=8), st.floats(0, 1e5))
def test_a_tick_is_never_in_the_past_and_on_a_multiple_of_its_period(periods_s: list[float], elapsed_s: float) -> None:
    for tick in ticks_of(slots(*periods_s), START_S):
        now_s = max(START_S + elapsed_s, tick.due_s)
        tick.done(now_s)
        assert now_s <= tick.due_s <= now_s + tick.period_s * 1.001
        assert abs((tick.due_s - START_S) / tick.period_s - tick.cycle) < 1e-6


def test_a_device_that_is_asked_otherwise_is_asked_the_new_at_once_and_on_its_grid_and_the_old_no_more() -> None:
    device = unit_device("plc-0", "line", 1, 1.0)
    (ask,) = asks(device, "rtu")
    schedule = DeadlineSchedule(slots(1.0, 1.0), START_S)
    run(schedule, 0.001, START_S + 2.5)
    schedule.replan(device, {7: ask, 8: ask}, START_S + 2.5)
    now_s, served = START_S + 2.5, []
    while now_s < START_S + 4.9:
        slot = schedule.take(now_s)
        if slot is None:
            now_s = schedule.next_due_s()
            continue
        served.append((round(now_s - START_S, 1), slot.device, slot.index))
        schedule.done(slot, now_s)
    mine = [(at_s, index) for at_s, name, index in served if name == "plc-0"]
    assert mine == [(2.5, 7), (2.5, 8), (3.0, 7), (3.0, 8), (4.0, 7), (4.0, 8)]
    assert [at_s for at_s, name, _ in served if name == "plc-1"] == [3.0, 4.0]


def test_a_device_that_is_asked_nothing_any_more_leaves_the_wire_to_the_others() -> None:
    schedule = DeadlineSchedule(slots(1.0, 1.0), START_S)
    schedule.replan(unit_device("plc-0", "line", 1, 1.0), {}, START_S)
    assert {device for _, device in run(schedule, 0.001, START_S + 3.5)} == {"plc-1"}
