"""Parcels of the simulated day: none appears, none vanishes, no counter runs faster than it can."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.twin.arrivals import Arrivals
from agent.twin.day import UNASSIGNED, Day
from agent.twin.flow import CATCH_UP, FULL_YARD, MARGIN
from agent.twin.script import KINDS, DayKind, script
from config.device_settings import CounterRef
from config.line_settings import Line

RATE_PER_S = 20.0
ANY_KIND = st.sampled_from(KINDS)
STEPS = st.lists(st.floats(0.0, 200.0), min_size=1, max_size=8)


def counter(name: str) -> CounterRef:
    return CounterRef("plc", name)


def line(name: str, capacity_pph: float, eyes: int = 2) -> Line:
    gates = {role: tuple(counter(f"{name}-{role}-{n}") for n in range(eyes)) for role in ("in", "out")}
    return Line(
        id=name,
        name_zh=name,
        name_en=name,
        induct=gates["in"],
        discharge=gates["out"],
        recirculation=(counter(f"{name}-loop"),),
        reject=(counter(f"{name}-reject"),),
        capacity_pph=capacity_pph,
        buffer_parcels=100,
    )


def day(seed: int, lines: list[Line], kind: DayKind = "normal", rate_per_s: float = RATE_PER_S) -> Day:
    return Day(lines, {ref: rate_per_s for one in lines for _, ref in one.counters()}, seed, script(kind, seed))


def counts(day: Day) -> dict[str, int]:
    return {str(ref): gate.count for ref, gate in day.gates.items()}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(), kind=ANY_KIND, capacity=st.floats(100, 60_000), steps=STEPS)
def test_every_inducted_parcel_is_discharged_rejected_or_on_the_sorter(
    seed: int, kind: DayKind, capacity: float, steps: list[float]
) -> None:
    played = day(seed, [line("a", capacity)], kind)
    flow, at_s, before = played.flows["a"], 0.0, counts(played)
    for step in steps:
        at_s += step
        played.advance(at_s)
        assert flow.passed("induct") == flow.passed("discharge") + flow.passed("reject") + flow.wip
        assert flow.waiting >= 0
        assert all(now >= before[name] for name, now in counts(played).items())
        before = counts(played)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(), capacity=st.floats(100, 60_000))
def test_the_counters_of_a_role_together_see_each_parcel_once(seed: int, capacity: float) -> None:
    one = line("a", capacity, eyes=3)
    played = day(seed, [one])
    played.advance(300.0)
    flow = played.flows["a"]
    for role, refs in (("induct", one.induct), ("discharge", one.discharge), ("reject", one.reject)):
        assert sum(played.gates[ref].count for ref in refs) == flow.passed(role)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(), kind=ANY_KIND, steps=STEPS)
def test_the_same_seed_gives_the_same_day_however_often_it_is_looked_at(
    seed: int, kind: DayKind, steps: list[float]
) -> None:
    often, once = (day(seed, [line("a", 9000), line("b", 20_000)], kind) for _ in range(2))
    at_s = 0.0
    for step in steps:
        at_s += step
        often.advance(at_s)
    once.advance(at_s)
    assert counts(often) == counts(once)


def test_another_seed_gives_another_day() -> None:
    first, second = (day(seed, [line("a", 20_000)]) for seed in (1, 2))
    for played in (first, second):
        played.advance(600.0)
    assert counts(first) != counts(second)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(),
    rate=st.floats(0.5, 50.0),
    paces=st.lists(st.tuples(st.floats(0.1, 200.0), st.floats(0.05, 5.0)), min_size=1, max_size=6),
)
def test_no_counter_runs_faster_than_its_plausible_rate_at_any_speed(
    seed: int, rate: float, paces: list[tuple[float, float]]
) -> None:
    played = day(seed, [line("a", 40_000, eyes=1)], "peak", rate)
    at_s = 0.0
    for speed, wall_s in paces:
        played.pace(speed)
        before = counts(played)
        at_s += speed * wall_s
        played.advance(at_s)
        most = MARGIN * rate * wall_s + 1.0
        assert all(now - before[name] <= most + 1e-6 for name, now in counts(played).items())


def test_a_counter_that_two_lines_share_keeps_its_rate_and_sees_both() -> None:
    shared = line("a", 30_000, eyes=1)
    other = Line("b", "b", "b", shared.induct, (), (), (), 30_000, 100)
    played = Day([shared, other], dict.fromkeys((ref for _, ref in shared.counters()), 5.0), 1)
    played.advance(100.0)
    both = played.flows["a"].passed("induct") + played.flows["b"].passed("induct")
    assert played.gates[shared.induct[0]].count == both
    assert both <= MARGIN * 5.0 * 100.0 + 1


def test_a_jam_stops_induction_and_belt_and_is_made_good_afterwards() -> None:
    capacity_pph = 9000
    played = day(3, [line("a", capacity_pph)])
    flow = played.flows["a"]
    played.advance(60.0)
    inducted, wip = flow.passed("induct"), flow.wip
    flow.jam(30.0)
    played.advance(89.9)
    assert (flow.passed("induct"), flow.wip) == (inducted, wip)
    queue = flow.waiting
    assert queue > 10
    played.advance(200.0)
    assert flow.waiting < queue
    assert flow.passed("induct") - inducted <= CATCH_UP * capacity_pph / 3600.0 * 110.1 + 1


def test_a_peak_day_brings_about_forty_percent_more() -> None:
    ordinary, peak = (day(5, [line("a", 1500)], kind) for kind in KINDS[:2])
    arrived = []
    for played in (ordinary, peak):
        played.advance(86_400.0)
        flow = played.flows["a"]
        arrived.append(flow.passed("induct") + flow.waiting)
    assert 1.3 < arrived[1] / arrived[0] < 1.5


def test_arrivals_swell_with_the_trucks_and_ebb_at_the_shift_change() -> None:
    arrivals = Arrivals(Random(1), 10_000, script("normal", 1))

    def mean_pph(hour: float) -> float:
        start_s = (hour - 9.0) * 3600.0
        return sum(arrivals.pph(start_s + second) for second in range(0, 300, 5)) / 60

    assert mean_pph(15.0) > 1.4 * mean_pph(12.0)
    assert mean_pph(16.0 - 0.04) < 0.6 * mean_pph(16.3)


def test_arrivals_come_at_the_rate_that_the_day_says() -> None:
    arrivals = Arrivals(Random(7), 20_000, script("normal", 7))
    expected = sum(arrivals.pph(second) for second in range(3600)) / 3600.0
    came = 0
    while arrivals.next_s < 3600.0:
        came += 1
        arrivals.draw()
    assert came == pytest.approx(expected, rel=0.06)


def test_counters_without_a_cable_stand_still_and_those_of_a_site_without_lines_all_move() -> None:
    one = line("a", 20_000)
    rates = dict.fromkeys([ref for _, ref in one.counters()] + [counter("spare")], RATE_PER_S)
    wired, bare = Day([one], rates, 1), Day([], rates, 1)
    for played in (wired, bare):
        played.advance(300.0)
    assert wired.gates[counter("spare")].count == 0
    assert all(gate.count > 100 for gate in bare.gates.values())
    assert set(bare.flows) == {UNASSIGNED}


def test_a_yard_that_is_full_holds_the_trucks_back() -> None:
    played = day(1, [line("a", 60_000, eyes=1)], rate_per_s=1.0)
    played.advance(3600.0)
    assert played.flows["a"].waiting == FULL_YARD
