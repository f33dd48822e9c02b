"""What a device refuses leaves the poll list, and only that: the rest is read, and what was missing is tried again."""

from __future__ import annotations

import pytest
from modbus_oracle import device, point

from agent.bus.plans import BELIEVED, FIRST_RETRY_S, LONGEST_RETRY_S, DevicePlan
from config.bus_settings import TcpBus
from drivers.wire import price

PRICE = price(TcpBus("eye", "10.0.0.1", 502, 1.0))
APART = device(*(point(f"p{at}", "holding", at, "u16") for at in (0, 1, 9)))
TOGETHER = device(*(point(f"p{at}", "holding", at, "u16") for at in range(4)))


def reads(plan: DevicePlan) -> list[tuple[str, ...]]:
    return [ask.points for ask in plan.asks.values()]


def refuse(plan: DevicePlan, lacking: str, now_s: float) -> int:
    """Ask round by round as an owner does, until nothing is refused any more; how many refusals that took."""
    refusals = 0
    while bad := [number for number, ask in plan.asks.items() if lacking in ask.points]:
        for number in bad:
            refusals += 1
            plan.refused(number, now_s)
    return refusals


def test_a_read_over_a_hole_is_parted_at_the_first_refusal_and_that_is_remembered() -> None:
    plan = DevicePlan(APART, "tcp", PRICE)
    assert reads(plan) == [("p0", "p1", "p9")]
    assert plan.refused(0, 0.0)
    assert reads(plan) == [("p0", "p1"), ("p9",)]
    assert reads(DevicePlan(APART, "tcp", PRICE, plan.learned.cuts)) == [("p0", "p1"), ("p9",)]
    assert reads(DevicePlan(TOGETHER, "tcp", PRICE, plan.learned.cuts)) == [("p0", "p1", "p2", "p3")]


def test_a_read_without_holes_is_believed_to_be_refused_after_three_in_a_row() -> None:
    plan = DevicePlan(TOGETHER, "tcp", PRICE)
    for _ in range(BELIEVED - 1):
        assert not plan.refused(0, 0.0)
    assert not plan.answered(0, 0.0)
    for _ in range(BELIEVED - 1):
        assert not plan.refused(0, 0.0)
    assert plan.refused(0, 0.0)
    assert reads(plan) == [("p0", "p1"), ("p2", "p3")]


def test_a_point_that_is_not_there_leaves_the_poll_list_and_its_neighbours_stay() -> None:
    plan = DevicePlan(TOGETHER, "tcp", PRICE)
    assert refuse(plan, "p2", 0.0) == 3 * BELIEVED
    assert plan.missing == ("p2",)
    assert reads(plan) == [("p0", "p1"), ("p3",)]


def test_numbers_of_reads_are_not_used_again_and_a_read_that_stays_keeps_its_own() -> None:
    plan = DevicePlan(TOGETHER, "tcp", PRICE)
    refuse(plan, "p3", 0.0)
    kept = {number: ask.points for number, ask in plan.asks.items()}
    assert 0 not in kept and not plan.refused(0, 0.0)
    plan.retry(LONGEST_RETRY_S)
    assert kept.items() <= {number: ask.points for number, ask in plan.asks.items()}.items()


def test_what_is_missing_is_asked_again_after_a_while_that_doubles_to_ten_minutes() -> None:
    plan, now_s, waits = DevicePlan(TOGETHER, "tcp", PRICE), 1000.0, []
    for _ in range(9):
        refuse(plan, "p0", now_s)
        asked_s = now_s
        while not plan.retry(now_s):
            now_s += 1.0
        waits.append(now_s - asked_s)
        assert plan.missing == ("p0",) and ("p0",) in reads(plan)
    assert waits[:3] == [FIRST_RETRY_S, 2 * FIRST_RETRY_S, 4 * FIRST_RETRY_S]
    assert waits[-1] == LONGEST_RETRY_S == max(waits)


@pytest.mark.parametrize("lacking", ["p0", "p1", "p2", "p3"])
def test_when_a_missing_point_answers_all_is_planned_anew(lacking: str) -> None:
    plan = DevicePlan(TOGETHER, "tcp", PRICE)
    refuse(plan, lacking, 0.0)
    assert not any(plan.answered(number, 0.0) for number in list(plan.asks))
    assert plan.retry(FIRST_RETRY_S)
    (number,) = (number for number, ask in plan.asks.items() if ask.points == (lacking,))
    assert plan.answered(number, 0.0)
    assert plan.missing == () and reads(plan) == [("p0", "p1", "p2", "p3")]


def test_a_snapshot_that_is_refused_is_missing_as_a_whole() -> None:
    both = [point(f"s{at}", "holding", at, "u16", snapshot="s") for at in (0, 7)]
    plan = DevicePlan(device(*both, point("p", "holding", 8, "u16")), "tcp", PRICE)
    assert reads(plan) == [("s0", "s7", "p")]
    refuse(plan, "s7", 0.0)
    assert plan.missing == ("s0", "s7") and reads(plan) == [("p",)]
