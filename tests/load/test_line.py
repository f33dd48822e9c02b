"""The load of a line: figures from all their counters or none, and a quality that says which."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import pytest

from agent.load.conditions import ORDINARY, Conditions
from agent.load.instant import Instant
from agent.load.line import LineModel
from agent.load.line_load import LineLoad
from agent.load.machine import Transition
from agent.load.meter import CounterRule, Meter
from agent.uplink import reports
from agent.uplink.contract import Head
from config.device_settings import CounterRef
from config.line_settings import Line

RULE = CounterRule(2**32, 20.0)
IN_1, IN_2, OUT, REJECT = (CounterRef("plc", name) for name in ("in1", "in2", "out", "reject"))
LOOP, KEYED, METER = (CounterRef("plc", name) for name in ("loop", "keyed", "kwh"))


def at(boot_s: float, wall_s: float = 1.8e9) -> Instant:
    return Instant("a", boot_s, wall_s, "ntp")


def line(
    induct: Sequence[CounterRef] = (IN_1, IN_2), discharge: Sequence[CounterRef] = (OUT,), **other: object
) -> Line:
    given = {"recirculation": (), "reject": (REJECT,), "capacity_pph": 20_000.0, "buffer_parcels": 5000, **other}
    return Line("north", "北线", "North", tuple(induct), tuple(discharge), **given)  # type: ignore[arg-type]


class Belt:
    """A line whose counters run at set rates, read once a second unless silent."""

    def __init__(self, line: Line, per_s: dict[CounterRef, int]) -> None:
        self.meters = {ref: Meter(RULE, 1) for _, ref in line.counters()}
        self.model = LineModel(line, self.meters)
        self.per_s = per_s
        self.raw = dict.fromkeys(self.meters, 1_000_000)
        self.now_s = 1000.0
        self.silent: set[CounterRef] = set()

    def run_empty(self) -> Belt:
        """A parcel comes and goes, and the belt stands still: it was seen empty."""
        per_s, self.per_s = self.per_s, {IN_1: 1, OUT: 1}
        self.run(2)
        self.per_s = {}
        self.run(140)
        self.per_s = per_s
        return self

    def count(self, wall_s: float = 1.8e9) -> None:
        self.now_s += 1.0
        for ref, meter in self.meters.items():
            self.raw[ref] += self.per_s.get(ref, 0)
            if ref not in self.silent:
                meter.advance(self.raw[ref], at(self.now_s, wall_s))

    def run(self, seconds: int, wall_s: float = 1.8e9, conditions: Conditions = ORDINARY) -> LineLoad:
        for _ in range(seconds):
            self.count(wall_s)
            self.model.sample(at(self.now_s, wall_s), conditions)
            load = self.model.advance(at(self.now_s, wall_s))
        return load


def test_a_steady_line_has_totals_rates_and_load() -> None:
    load = Belt(line(), {IN_1: 3, IN_2: 2, OUT: 4}).run_empty().run(1000)
    assert load.induct is not None and load.discharge is not None and load.reject is not None
    assert (load.induct.lo, load.induct.total, load.induct.hi) == (5001, 5001, 5001)
    assert load.induct.pph_60 == load.induct.pph_900 == pytest.approx(18_000)
    assert load.discharge.pph_60 == pytest.approx(14_400)
    assert load.takt_s == pytest.approx(0.25)
    assert (load.wip_lo, load.wip) == (1000, 1000)
    assert load.load_ratio_in == pytest.approx(0.9)
    assert load.load_ratio_out == pytest.approx(0.72)
    assert load.fill_ratio == pytest.approx(0.2)
    assert load.load_index == pytest.approx(90)
    assert load.quality == "good"
    assert load.recirculation is None, "a role without counters is None, never 0"


def test_a_line_that_was_just_drawn_is_judged_by_other_conditions_at_the_same_moment() -> None:
    belt = Belt(line(), {IN_1: 5, OUT: 5}).run_empty()
    before = belt.run(1000)
    assert before.load_index == pytest.approx(90)
    moment = at(belt.now_s)
    belt.model.judge(moment, Conditions(capacity_pph=36_000.0, suspended="flood"))
    after = belt.model.advance(moment)
    assert after.load_index == pytest.approx(50)
    assert (after.steered.state, after.room.capacity_eff_pph) == ("SUSPENDED", 36_000.0)
    assert (after.induct, after.wip, after.pace) == (before.induct, before.wip, before.pace)
    assert [one for one in belt.model.steering.take_events() if isinstance(one, Transition)][-1].after == "SUSPENDED"


def test_the_load_index_is_the_fill_when_the_floor_is_fuller_than_the_belt() -> None:
    load = Belt(line(buffer_parcels=1000), {IN_1: 3, OUT: 2}).run(901)
    assert load.load_index == pytest.approx(90)


def test_the_load_index_ends_at_200() -> None:
    assert Belt(line(capacity_pph=100.0), {IN_1: 3}).run(901).load_index == 200.0


def test_the_first_minutes_are_an_estimate() -> None:
    belt = Belt(line(discharge=(), reject=()), {IN_1: 3})
    assert belt.run(5).load_index is None
    assert belt.run(10).load_index == pytest.approx(54)
    assert belt.run(100).quality == "estimated"
    assert belt.run(400).quality == "good"


def test_one_silent_counter_makes_its_figures_none_and_the_line_partial() -> None:
    belt = Belt(line(), {IN_1: 3, IN_2: 2, OUT: 4}).run_empty()
    belt.run(1000)
    belt.silent = {IN_2}
    load = belt.run(4)
    assert load.quality == "partial"
    assert load.induct is not None and load.discharge is not None
    assert (load.induct.pph_60, load.induct.pph_900, load.wip, load.load_index) == (None, None, None, None)
    assert load.induct.total == 5001 + 12, "the total stands: what was counted was counted"
    assert load.discharge.pph_60 == pytest.approx(14_400)
    belt.silent = set()
    again = belt.run(1)
    assert again.induct is not None
    assert (again.quality, again.induct.total) == ("good", 5026)
    assert again.induct.pph_60 == pytest.approx(18_000), "what came after the silence is spread over it"


def test_a_line_nobody_answers_for_is_stale_and_says_no_number() -> None:
    belt = Belt(line(), {IN_1: 3, OUT: 4})
    assert belt.run(2).quality == "estimated"
    belt.silent = set(belt.meters)
    load = belt.run(4)
    assert load.quality == "stale"
    assert (load.wip, load.takt_s, load.load_ratio_in, load.load_ratio_out, load.load_index) == (None,) * 5


def test_counters_that_never_answered_are_stale() -> None:
    model = LineModel(line(), {ref: Meter(RULE, 1) for ref in (IN_1, IN_2, OUT, REJECT)})
    assert model.advance(at(5.0)).quality == "stale"


def test_a_line_whose_counters_answer_nonsense_is_bad() -> None:
    only = line(induct=(IN_1,), reject=(), discharge=())
    belt = Belt(only, {IN_1: 3})
    belt.run(2)
    for n in range(10):
        belt.meters[IN_1].advance(10**7 * (7 * n % 13 + 1), at(belt.now_s + n))
    assert belt.model.advance(at(belt.now_s + 9)).quality == "bad"
    assert belt.model.advance(at(belt.now_s + 99)).quality == "stale", "nonsense of long ago is silence"


def test_a_line_without_counters_is_unsupported() -> None:
    load = LineModel(line((), (), reject=()), {}).advance(at(5.0))
    assert load.quality == "unsupported"
    assert (load.induct, load.discharge, load.wip, load.load_index) == (None, None, None, None)


def test_a_line_without_discharge_counters_has_a_load_but_no_work_in_progress() -> None:
    load = Belt(line(discharge=(), reject=()), {IN_1: 4, IN_2: 1}).run(901)
    assert (load.wip, load.fill_ratio, load.takt_s) == (None, None, None)
    assert load.load_index == pytest.approx(90)


def test_another_counter_brings_no_false_rate_and_no_fall_of_the_total() -> None:
    belt = Belt(line(), {IN_1: 3, IN_2: 2, OUT: 4})
    before = belt.run(901)
    belt.raw[IN_1] = 900_000_000
    loads = [belt.run(1) for _ in range(60)]
    totals = [load.induct.total for load in (before, *loads) if load.induct]
    assert all(later >= earlier for earlier, later in pairwise(totals))
    rates = [load.induct.pph_60 for load in loads if load.induct and load.induct.pph_60 is not None]
    assert rates and all(rate <= 18_001 for rate in rates)
    assert loads[-1].quality == "estimated"


def test_a_gap_brings_no_false_rate() -> None:
    belt = Belt(line(), {IN_1: 3, OUT: 3})
    belt.run(100)
    belt.silent = {IN_1}
    belt.run(4000)
    belt.silent = set()
    for _ in range(60):
        load = belt.run(1)
        assert load.induct is None or load.induct.pph_60 is None or load.induct.pph_60 == pytest.approx(10_800)


def test_the_wall_clock_has_no_part_in_a_rate() -> None:
    belt = Belt(line(), {IN_1: 3, OUT: 3})
    belt.run(100)
    load = belt.run(100, wall_s=0.0)
    assert load.induct is not None
    assert load.induct.pph_60 == pytest.approx(10_800)


def test_parcels_that_were_on_the_belt_at_the_start_are_never_counted_as_missing() -> None:
    belt = Belt(line(), {OUT: 2})
    draining = belt.run(400)
    assert (draining.wip_lo, draining.wip) == (0, 0)
    assert draining.quality == "estimated"
    assert draining.wip_drift == 2 * 399, "each of them is told"
    belt.per_s = {IN_1: 3}
    assert belt.run(100).wip == 300


def test_an_eye_that_answers_an_hour_late_puts_no_parcels_on_the_belt() -> None:
    belt = Belt(line(), {IN_1: 2, OUT: 2})
    belt.silent = {OUT}
    assert belt.run(3600).wip is None
    belt.silent = set()
    load = belt.run(1000)
    assert (load.wip_lo, load.wip) == (0, 0)
    assert load.quality == "estimated", "what was on the belt when the eye came is not known"


def test_another_counter_begins_work_in_progress_anew() -> None:
    belt = Belt(line(), {IN_1: 3, OUT: 2}).run_empty()
    assert belt.run(100).wip == 100
    belt.raw[OUT] = 900_000_000
    belt.run(10)
    load = belt.run(10)
    assert load.wip is not None and load.wip <= 20
    assert load.quality == "estimated"


def test_a_miscount_is_forgotten_after_a_day() -> None:
    belt = Belt(line(), {IN_1: 2, OUT: 1}).run_empty()
    assert belt.run(1000).wip == 1000, "parcels that the discharge eye did not see"
    belt.per_s = {}
    assert belt.run(100).wip == 1000
    belt.now_s += 25 * 3600
    belt.run(10)
    assert belt.run(10).wip == 0


def test_rates_do_not_depend_on_how_often_is_reported() -> None:
    belt = Belt(line(), {IN_1: 3, OUT: 2})
    for _ in range(3600):
        belt.count()
        belt.model.sample(at(belt.now_s))
    load = belt.model.advance(at(belt.now_s))
    assert load.induct is not None and load.wip is not None
    assert (load.induct.pph_60, load.induct.pph_900) == (pytest.approx(10_800), pytest.approx(10_800))
    assert 3600 - 5 <= load.wip <= 3600


def test_an_unbounded_counter_leaves_work_in_progress_what_it_is_at_least() -> None:
    belt = Belt(line(), {IN_1: 3, OUT: 2})
    belt.run(20)
    belt.meters[IN_1].hi = None
    load = belt.run(1)
    assert load.induct is not None
    assert (load.induct.hi, load.wip) == (None, 20)


def test_shares_and_tempo_are_of_a_quarter_of_an_hour() -> None:
    every = line(recirculation=(LOOP,), manual=(KEYED,))
    load = Belt(every, {IN_1: 4, OUT: 3, REJECT: 1, LOOP: 2, KEYED: 1}).run(901)
    assert load.pace.tempo == pytest.approx(0.75)
    assert load.pace.reject_rate == load.pace.manual_rate == pytest.approx(0.25)
    assert load.pace.recirc_rate == pytest.approx(2 / 3)


def test_a_line_at_rest_has_no_shares_and_no_tempo() -> None:
    load = Belt(line(recirculation=(LOOP,)), {}).run(901)
    assert (load.pace.tempo, load.pace.reject_rate, load.pace.recirc_rate, load.pace.transit_min, load.takt_s) == (
        None,
    ) * 5


def test_headroom_is_what_the_capacity_and_the_floor_still_take() -> None:
    load = Belt(line(), {IN_1: 3, OUT: 2}).run_empty().run(1000)
    assert load.room.headroom_pph == pytest.approx(20_000 - 10_800)
    assert load.room.headroom_parcels == pytest.approx(0.95 * 5000 - 1000)
    peak = Belt(line(), {IN_1: 3, OUT: 2}).run_empty().run(1000, conditions=Conditions(capacity_pph=10_000.0))
    assert (peak.room.headroom_pph, peak.room.capacity_eff_pph) == (0.0, 10_000.0)
    assert peak.load_index == pytest.approx(108)


def test_what_a_drill_with_less_capacity_made_of_a_line_ends_with_it() -> None:
    belt = Belt(line(), {IN_1: 3, OUT: 3}).run_empty()
    drill = Conditions(plan="drill-1", capacity_pph=10_000.0, exercise=True)
    assert belt.run(1900, conditions=drill).steered.state == "SATURATED"
    after = belt.run(6).steered
    assert (after.state, after.cause) == ("NORMAL", "exercise_over")


def test_induct_counters_that_see_every_pass_do_not_fill_the_line() -> None:
    passes = line(recirculation=(LOOP,), induct_counts_passes=True)
    load = Belt(passes, {IN_1: 5, LOOP: 2, OUT: 3}).run(1000)
    assert load.wip is not None and load.wip <= 5


def test_smoothness_is_known_after_an_hour_and_falls_with_stops() -> None:
    belt = Belt(line(), {IN_1: 2, OUT: 2})
    assert belt.run(3500).pace.smoothness is None
    assert belt.run(400).pace.smoothness == pytest.approx(1.0, abs=0.01)
    belt.per_s = {}
    stopped = belt.run(900).pace.smoothness
    assert stopped is not None and stopped < 0.6


def test_a_line_that_swells_has_a_ramp() -> None:
    belt = Belt(line(), {IN_1: 1, OUT: 1})
    belt.run(620)
    belt.per_s = {IN_1: 2, OUT: 2}
    ramp = belt.run(320).pace.ramp_pph_min
    assert ramp is not None and 0 < ramp <= 3600 / 5


def test_energy_is_told_for_a_thousand_parcels_from_half_an_hour_on() -> None:
    belt = Belt(line(energy=(METER,), kwh_per_count=0.01), {IN_1: 2, OUT: 2, METER: 1})
    assert belt.run(1000).pace.kwh_per_1000 is None
    assert belt.run(1000).pace.kwh_per_1000 == pytest.approx(1000 * 0.01 / 2)


def test_a_line_without_parcels_is_starved_and_one_that_gives_none_out_is_blocked() -> None:
    belt = Belt(line(), {IN_1: 2, OUT: 2}).run_empty()
    before = belt.run(200)
    belt.per_s = {IN_1: 2}
    jammed = belt.run(160)
    assert jammed.pace.blocked_s - before.pace.blocked_s == pytest.approx(100, abs=2)
    belt.per_s = {OUT: 40}
    belt.run(8)
    belt.per_s = {}
    empty = belt.run(160, conditions=Conditions(run=True))
    assert empty.pace.starved_s - jammed.pace.starved_s == pytest.approx(100, abs=10)
    assert empty.pace.idle_run_s == pytest.approx(100, abs=10)
    stopped = belt.run(100, conditions=Conditions(run=False))
    assert (stopped.pace.starved_s, stopped.pace.blocked_s, stopped.pace.idle_run_s) == (
        empty.pace.starved_s,
        empty.pace.blocked_s,
        empty.pace.idle_run_s,
    )


def test_the_observed_capacity_stands_for_the_design_where_that_is_enabled_and_less() -> None:
    for observes, expected in ((True, 5000.0), (False, 20_000.0)):
        belt = Belt(line(capacity_observed=observes), {IN_1: 3, OUT: 3})
        belt.model.restore(belt.model.kept() | {"observed": [[10, 200.0]]}, 0.0)
        load = belt.run(950)
        assert load.room.capacity_eff_pph == expected
        assert load.load_ratio_in == pytest.approx(10_800 / expected)
        assert load.load_ratio_out == pytest.approx(10_800 / 20_000)


def test_slow_counters_are_waited_for_after_a_restart() -> None:
    slow = CounterRule(2**32, 20.0, period_s=10.0)
    meters = {ref: Meter(slow, 1) for _, ref in line().counters()}
    model = LineModel(line(), meters, patience_s=15.0)
    kept = json.loads(json.dumps(model.kept()))
    kept["steer"][0] = ["BUSY", "load_index", 1, 900.0]
    model.restore(kept, 0.0)
    for second in range(1001, 1100):
        if second % 10 == 0:
            for meter in meters.values():
                meter.advance(second * 4, at(float(second)))
        model.sample(at(float(second)))
    assert [one for one in model.steering.take_events() if isinstance(one, Transition)] == []
    assert model.advance(at(1100.0)).steered.state == "BUSY"


def test_each_of_several_induct_stations_has_a_rate_and_a_silent_one_none() -> None:
    belt = Belt(line(), {IN_1: 3, IN_2: 1, OUT: 4})
    belt.run(1000)
    stations = belt.model.stations(at(belt.now_s))
    assert stations == {"plc.in1": pytest.approx(10_800), "plc.in2": pytest.approx(3600)}
    belt.silent = {IN_1}
    load = belt.run(10)
    stations = belt.model.stations(at(belt.now_s))
    assert stations == {"plc.in2": pytest.approx(3600)}
    said = json.loads(reports.line_state(Head(at(belt.now_s), "1-abcdef", 1), "north", load, stations).payload)
    assert said["station_pph"] == {"plc.in2": 3600}


def test_the_rate_of_a_single_induct_station_is_the_lines_own() -> None:
    belt = Belt(line(induct=[IN_1]), {IN_1: 3, OUT: 3})
    load = belt.run(100)
    assert belt.model.stations(at(belt.now_s)) == {}
    assert "station_pph" not in json.loads(reports.line_state(Head(at(1.0), "1-abcdef", 1), "north", load).payload)


def test_a_line_that_counts_passes_and_is_in_balance_does_not_fill() -> None:
    steady: dict[CounterRef, int] = {IN_1: 5, OUT: 4, LOOP: 1}
    going_round = line((IN_1,), reject=(), recirculation=(LOOP,), induct_counts_passes=True)
    belt = Belt(going_round, steady).run_empty()
    belt.per_s = {IN_1: 8, OUT: 4, LOOP: 1}
    belt.run(400)
    belt.per_s = steady
    before = belt.run(1000)
    load = belt.run(1000)
    assert load.wip == before.wip == 1200
    assert (load.steered.tts_min, load.steered.warn_min, load.steered.clear_min) == (None, None, None)


def test_a_line_that_counts_passes_fills_by_what_truly_stays_on_it() -> None:
    filling = line((IN_1,), reject=(), recirculation=(LOOP,), induct_counts_passes=True)
    load = Belt(filling, {IN_1: 6, OUT: 4, LOOP: 1}).run_empty().run(1000)
    assert load.wip == 1000
    assert load.steered.tts_min == pytest.approx(4000 / 60, abs=2)


def test_energy_a_thousand_parcels_is_not_told_while_the_meter_is_silent() -> None:
    belt = Belt(line(energy=(METER,)), {IN_1: 3, IN_2: 2, OUT: 4, METER: 1})
    assert belt.run(2400).pace.kwh_per_1000 == pytest.approx(250)
    belt.silent = {METER}
    assert belt.run(10).pace.kwh_per_1000 is None
    belt.silent = {OUT}
    assert belt.run(10).pace.kwh_per_1000 is None
    belt.silent = set()
    assert belt.run(10).pace.kwh_per_1000 == pytest.approx(250)


def test_the_rate_for_displays_does_not_leap_by_what_was_counted_in_a_silence() -> None:
    belt = Belt(line(), {IN_1: 3, IN_2: 2, OUT: 4})
    belt.run(100)
    belt.silent = {IN_1}
    belt.run(600)
    belt.silent = set()
    rates = [flow.pph_10 for _ in range(30) if (flow := belt.run(1).induct) and flow.pph_10 is not None]
    assert len(rates) > 20
    assert rates == [pytest.approx(18_000)] * len(rates)


def test_the_rate_for_displays_is_true_of_a_counter_that_is_read_rarely() -> None:
    rule = CounterRule(2**32, 20.0, period_s=30.0)
    meters = {IN_1: Meter(rule, 1), OUT: Meter(rule, 1)}
    model = LineModel(line((IN_1,), reject=()), meters)
    rates = list[float]()
    for now_s in range(1000, 1400):
        if now_s % 30 == 0:
            for meter in meters.values():
                meter.advance(4 * now_s, at(now_s))
        model.sample(at(now_s))
        induct = model.advance(at(now_s)).induct
        rates += [induct.pph_10] if induct and induct.pph_10 is not None else []
    assert len(rates) > 300
    assert rates == [pytest.approx(14_400)] * len(rates)


def test_what_a_line_did_in_its_first_seconds_is_no_quarter_of_an_hour_that_it_was_seen_to_do() -> None:
    seen = line(capacity_observed=True)
    belt = Belt(seen, {IN_1: 3, IN_2: 2, OUT: 12})
    belt.run(60)
    belt.per_s[OUT] = 4
    belt.run(1200)
    assert belt.model.kept()["observed"] == [[33, 1.0]], "the first minute in a quarter of an hour"
