"""The read planner: every point once and whole, never over a border, never dearer than reading each alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_oracle import FUNCTIONS, WIDTHS, device, point

from config.bus_settings import SerialBus, TcpBus
from config.device_settings import Device, Point, Stretch
from drivers.plan import NOTHING, Learned, holes, plan, refused, run_s, spread
from drivers.wire import NO_HOLES, Price, price

REGISTER_TYPES = sorted(set(WIDTHS) - {"bit"})
BITS = ("coil", "discrete")


def serial(baud: int, parity: Literal["none", "even"] = "even") -> SerialBus:
    return SerialBus("line", "/dev/null", baud, parity, 1, 0.5)


PRICES = [price(serial(9600)), price(serial(115200)), price(TcpBus("eye", "10.0.0.1", 502, 1.0)), NO_HOLES]


@st.composite
def devices(draw: Any) -> Device:
    """Devices with points, stretches and snapshots as the checked files allow them."""
    points, readable = [], []
    for area in draw(st.sets(st.sampled_from(sorted(FUNCTIONS)), min_size=1)):
        address = 0
        for n in range(draw(st.integers(1, 12))):
            of_type = "bit" if area in BITS else draw(st.sampled_from(REGISTER_TYPES))
            address += draw(st.sampled_from([0, 0, 0, 1, 3, 17, 60]))
            points.append(point(f"{area}-{n}", area, address, of_type, snapshot=draw(st.sampled_from(["", "", area]))))
            address += WIDTHS[of_type]
    limit = draw(st.sampled_from([4, 10, 60, 125]))
    made = device(*points, unit=draw(st.integers(1, 247)), max_read_registers=limit)
    for area in {each.area for each in points}:
        if draw(st.booleans()):
            border = draw(st.integers(1, 200))
            readable += [Stretch(area, 0, border - 1), Stretch(area, border, 65_535)]
    return replace(made, points=tuple(_possible(made, readable)), readable=tuple(readable))


def _possible(made: Device, readable: list[Stretch]) -> list[Point]:
    """The points, without a snapshot where it could not come from one read, none across a border."""
    kept = [each for each in made.points if _within(readable, each.area, each.address, _end(each))]
    for area in {each.area for each in kept}:
        together = [each for each in kept if each.snapshot == area]
        first, end = min((e.address for e in together), default=0), max((_end(e) for e in together), default=0)
        if end - first > (2000 if area in BITS else made.max_read_registers) or not _within(readable, area, first, end):
            kept = [replace(each, snapshot="") if each.snapshot == area else each for each in kept]
    return kept


def _end(one: Point) -> int:
    return one.address + WIDTHS[one.type]


def _within(readable: list[Stretch], area: str, first: int, end: int) -> bool:
    of_area = [one for one in readable if one.area == area]
    return not of_area or any(one.first <= first and end <= one.last + 1 for one in of_area)


@given(devices(), st.sampled_from(PRICES))
def test_every_point_is_read_exactly_once_whole_and_with_its_snapshot(of: Device, cost: Price) -> None:
    runs = plan(of, cost)
    assert sorted(each.name for run in runs for each in run) == sorted(each.name for each in of.points)
    for run in runs:
        first, quantity = spread(run)
        assert all(first <= each.address and _end(each) <= first + quantity for each in run)
        for each in run:
            if each.snapshot:
                assert {one.name for one in of.points if one.snapshot == each.snapshot} <= {one.name for one in run}


@given(devices(), st.sampled_from(PRICES))
def test_no_read_is_longer_than_the_device_allows_or_leaves_a_readable_stretch(of: Device, cost: Price) -> None:
    for run in plan(of, cost):
        first, quantity = spread(run)
        area = run[0].area
        assert {each.area for each in run} == {area}
        assert quantity <= (2000 if area in BITS else of.max_read_registers)
        assert _within(list(of.readable), area, first, first + quantity)


@given(devices(), st.sampled_from(PRICES[:3]))
def test_a_plan_never_costs_more_than_reading_each_alone_or_neighbours_together(of: Device, cost: Price) -> None:
    planned = sum(run_s(run, cost) for run in plan(of, cost))
    assert planned <= sum(run_s(run, cost) for run in plan(of, NO_HOLES)) + 1e-9
    if not any(each.snapshot for each in of.points):
        assert planned <= sum(run_s((each,), cost) for each in of.points) + 1e-9


@given(st.lists(st.integers(0, 40), min_size=1, max_size=7, unique=True), st.sampled_from(PRICES[:3]))
def test_of_all_ways_to_part_a_few_registers_the_plan_is_the_cheapest(addresses: list[int], cost: Price) -> None:
    points = [point(f"p{at}", "input", at, "u16") for at in sorted(addresses)]
    ways = (
        [points[a:b] for a, b in zip((0, *borders), (*borders, len(points)), strict=True)]
        for count in range(len(points))
        for borders in combinations(range(1, len(points)), count)
    )
    best = min(sum(run_s(tuple(run), cost) for run in way) for way in ways)
    assert sum(run_s(run, cost) for run in plan(device(*points), cost)) == pytest.approx(best)


def spans(of: Device, cost: Price, learned: Learned = NOTHING) -> list[tuple[int, int]]:
    return [spread(run) for run in plan(of, cost, learned)]


def test_a_hole_is_read_where_its_registers_cost_less_than_a_request() -> None:
    of = device(point("a", "holding", 0, "u16"), point("b", "holding", 21, "u16"))
    slow, fast = price(serial(2400)), price(serial(19200))
    assert 40 * slow.byte_s > slow.read_s and 40 * fast.byte_s < fast.read_s
    assert spans(of, slow) == [(0, 1), (21, 1)]
    assert spans(of, fast) == [(0, 22)]


def test_a_hole_of_bits_is_an_eighth_of_its_bytes() -> None:
    of = device(point("a", "coil", 0, "bit"), point("b", "coil", 300, "bit"))
    assert spans(of, price(serial(9600))) == [(0, 301)]
    assert spans(of, NO_HOLES) == [(0, 1), (300, 1)]


def test_snapshots_that_interlock_are_read_one_after_the_other() -> None:
    of = device(
        point("a0", "holding", 0, "u16", snapshot="a"), point("b0", "holding", 40, "u16", snapshot="b"),
        point("a1", "holding", 50, "u16", snapshot="a"), point("b1", "holding", 130, "u16", snapshot="b"),
    )  # fmt: skip
    assert spans(of, PRICES[0]) == [(0, 51), (40, 91)]
    assert [[each.name for each in run] for run in plan(of, PRICES[0])] == [["a0", "a1"], ["b0", "b1"]]


def test_a_refused_read_is_parted_at_its_holes_first_and_all_of_them() -> None:
    of = device(*(point(f"p{at}", "holding", at, "u16") for at in (0, 1, 5, 9)))
    (run,) = plan(of, PRICES[1])
    assert holes(run) == (("holding", 5), ("holding", 9))
    learned = refused(run, NOTHING)
    assert spans(of, PRICES[1], learned) == [(0, 2), (5, 1), (9, 1)]
    assert not learned.unsupported


@given(st.integers(1, 100), st.sets(st.integers(0, 99), max_size=3))
def test_what_a_device_does_not_have_is_found_and_nothing_else_is_given_up(count: int, lacking: set[int]) -> None:
    of = device(*(point(f"p{n}", "holding", n, "u16") for n in range(count)))
    learned, refusals = NOTHING, 0
    while bad := [run for run in plan(of, PRICES[0], learned) if lacking.intersection(each.address for each in run)]:
        for run in bad:
            learned = refused(run, learned)
            refusals += 1
    assert learned.unsupported == {f"p{n}" for n in lacking if n < count}
    assert refusals <= 3 * 8
    assert len(plan(of, PRICES[0], learned)) <= 1 + 3 * 8


@given(devices(), st.data())
def test_what_was_learned_only_ever_parts_reads(of: Device, data: st.DataObject) -> None:
    learned = NOTHING
    for _ in range(data.draw(st.integers(1, 6))):
        runs = plan(of, PRICES[0], learned)
        if not runs:
            return
        run = data.draw(st.sampled_from(runs))
        learned = refused(run, learned)
        assert run not in plan(of, PRICES[0], learned)
        left = {each.name for each in of.points} - learned.unsupported
        assert sorted(each.name for again in plan(of, PRICES[0], learned) for each in again) == sorted(left)


def test_two_thousand_coils_are_planned_at_once() -> None:
    of = device(*(point(f"c{n}", "coil", n, "bit") for n in range(20_000)))
    assert len(plan(of, PRICES[0])) == 10
