"""Records of hours, shifts, waves, days and the season: they follow each other, add up, and outlive a restart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.load.instant import Instant
from agent.load.periods import Days, Hours, Seasons, Spans
from agent.load.records import NOTHING_SO_FAR, Records
from agent.load.tally import Certain, Record, Tally
from config.load_settings import SHIFTS, LoadSettings, Season, Span

MIDNIGHT = 1_795_622_400
"""2026-11-26 00:00 in local time."""

HOUR = 3600
NIGHT = Span("night", "夜", "night", 18 * 60, 23 * 60, 4 * 60)
NOON = Span("noon", "午", "noon", 11 * 60, 12 * 60, 19 * 60)
FULL = LoadSettings(waves=(NIGHT, NOON), season=Season((MIDNIGHT + 8 * HOUR) // 86400, (MIDNIGHT + 8 * HOUR) // 86400))


SURE, GUESSED, SILENT = Certain(True, True), Certain(False, True), Certain(True, False)


class Ledger:
    """Records that are fed once a minute."""

    def __init__(self, given: LoadSettings = FULL) -> None:
        self.records = Records(given, ("in", "out"), "in")
        self.now_s = float(MIDNIGHT)
        self.totals = {"in": 1000, "out": 500}
        self.closed: list[Record] = []

    def at(self) -> Instant:
        return Instant("a", self.now_s - MIDNIGHT + 50, self.now_s, "ntp")

    def run(
        self,
        hours: float,
        per_min: int = 10,
        pph: float | None = 600.0,
        trusted: bool = True,
        certain: Certain = SURE,
    ) -> Ledger:
        for _ in range(round(hours * 60)):
            self.now_s += 60
            self.totals = {"in": self.totals["in"] + per_min, "out": self.totals["out"] + per_min}
            at = self.at() if trusted else replace(self.at(), quality="rtc")
            self.closed += self.records.advance(at, self.totals, pph, 40, certain)
        return self

    def of(self, kind: str) -> list[Record]:
        return [one for one in self.closed if one.kind == kind]


def test_an_hour_is_told_when_the_next_begins_with_what_was_counted_in_it() -> None:
    first, second = Ledger().run(2.5).of("hour")
    assert (second.period.begin_s, second.from_s, second.to_s) == (
        MIDNIGHT + HOUR,
        MIDNIGHT + HOUR,
        MIDNIGHT + 2 * HOUR,
    )
    assert (second.counted, second.complete, second.sure, second.left) == ({"in": 600, "out": 600}, True, True, 40)
    assert first.to_s == second.from_s


def test_an_hour_that_began_before_us_is_told_as_partial() -> None:
    ledger = Ledger()
    ledger.now_s += 1800
    (only,) = ledger.run(1).of("hour")
    assert (only.complete, only.from_s) == (False, MIDNIGHT + 1860)


def test_while_nobody_knows_the_time_nothing_is_dated_and_nothing_is_lost() -> None:
    ledger = Ledger().run(1.5)
    ledger.run(3, trusted=False)
    assert len(ledger.of("hour")) == 1
    ledger.run(1)
    late = ledger.of("hour")[1]
    assert (late.complete, late.period.begin_s, late.to_s) == (False, MIDNIGHT + HOUR, MIDNIGHT + int(4.5 * HOUR) + 60)
    assert late.counted["in"] == 10 * (210 + 1)


def test_peak_and_totals_are_not_dated_while_nobody_knows_the_time() -> None:
    ledger = Ledger().run(1)
    assert ledger.records.draw(replace(ledger.at(), quality="rtc"), 5, 100.0) == NOTHING_SO_FAR


def test_shifts_follow_each_other_and_the_day_is_local() -> None:
    ledger = Ledger().run(25)
    assert [one.period.name for one in ledger.of("shift")] == ["c", "a", "b"]
    (day,) = ledger.of("day")
    assert (day.period.begin_s, day.period.end_s, day.counted["in"]) == (MIDNIGHT, MIDNIGHT + 86400, 14_390)


def test_a_wave_lasts_until_its_cut_off_and_knows_whether_it_can_be_cleared() -> None:
    ledger = Ledger().run(20)
    far = ledger.records.draw(ledger.at(), 600, 1200.0)
    assert (far.wave_id, far.wave, far.wave_left_min, far.wave_slack_min) == ("night", 1200, 480.0, 450.0)
    near = ledger.records.draw(ledger.at(), 12_000, 1200.0)
    assert near.wave_slack_min == pytest.approx(-120)
    ledger.run(9)
    before, noon, night = ledger.of("wave")
    assert [(one.period.name, one.complete) for one in (before, noon)] == [("night", False), ("noon", True)]
    assert noon.period.end_s == MIDNIGHT + 19 * HOUR, "it goes on after the next has begun"
    assert (night.period.end_s, night.complete, night.left) == (MIDNIGHT + 28 * HOUR, True, 40)


def test_the_season_is_counted_from_its_first_day_to_its_last() -> None:
    ledger = Ledger()
    ledger.now_s -= 2 * HOUR
    ledger.run(10)
    assert ledger.records.draw(ledger.at(), None, 1.0).season == 10 * 480
    (whole,) = ledger.run(20).of("season")
    assert whole.complete and whole.counted["in"] == 10 * 1440


def test_the_peak_is_the_greatest_quarter_of_an_hour_of_the_local_day() -> None:
    ledger = Ledger().run(1, pph=700.0).run(1, pph=900.0).run(1, pph=800.0)
    so_far = ledger.records.draw(ledger.at(), None, 1.0)
    assert (so_far.peak_pph, so_far.peak_ms) == (900.0, 1000 * (MIDNIGHT + HOUR + 60))
    ledger.run(22, pph=100.0)
    assert ledger.records.draw(ledger.at(), None, 1.0).peak_pph == 100.0


def test_a_rush_before_midnight_is_no_peak_of_the_day_that_begins() -> None:
    ledger = Ledger().run(24 - 1 / 30, pph=700.0).run(1 / 30, pph=20_000.0)
    assert ledger.run(0.2, pph=20_000.0).records.draw(ledger.at(), None, 1.0).peak_pph is None
    assert ledger.run(0.1, pph=300.0).records.draw(ledger.at(), None, 1.0).peak_pph == 300.0


def test_the_peak_to_mean_is_of_24_whole_hours_in_a_row() -> None:
    ledger = Ledger().run(24.5)
    assert ledger.records.peak_to_mean is None
    assert ledger.run(0.5).records.peak_to_mean == 1.0
    assert ledger.run(1, per_min=30).records.peak_to_mean == pytest.approx(30 / ((23 * 10 + 30) / 24), rel=0.02)
    ledger.run(0.5, trusted=False).run(1)
    assert ledger.records.peak_to_mean is not None, "the clock was right again before the hour was over"
    ledger.run(1.5, trusted=False).run(1)
    assert ledger.records.peak_to_mean is None, "an hour is missing in the row"


def test_records_outlive_a_restart_and_add_up_over_it() -> None:
    ledger = Ledger().run(26.3)
    kept = json.loads(json.dumps(ledger.records.kept()))
    again = Ledger()
    again.records.restore(kept, ledger.totals)
    again.now_s, again.totals = ledger.now_s, dict(ledger.totals)
    again.run(0.2)
    before, after = (one.records.draw(one.at(), None, 1.0) for one in (ledger, again))
    assert after.day == (before.day or 0) + 120
    assert (after.peak_pph, after.peak_to_mean) == (before.peak_pph, before.peak_to_mean)
    again.run(1)
    (hour,) = again.of("hour")
    assert (hour.complete, hour.counted["in"]) == (True, 600)


@pytest.mark.parametrize(
    "kept", [None, [], {"hour": 5}, {"hour": ["", 1, 2, 3, True, [1]]}, {"hour": ["", "x", 2, 3, True, [1, 2]]}]
)
def test_what_are_no_records_is_refused(kept: object) -> None:
    with pytest.raises(ValueError, match="no record"):
        Ledger().records.restore(kept, {"in": 10**9, "out": 10**9})


KINDS = [Hours(), Days(), Spans("shift", SHIFTS)]


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    steps=st.lists(st.tuples(st.integers(-5000, 90_000), st.integers(0, 500)), min_size=2, max_size=30),
)
def test_the_records_of_a_kind_follow_each_other_and_add_up_to_what_was_counted(
    kind: Hours, steps: Sequence[tuple[int, int]]
) -> None:
    """Whatever the clock does, between the first sample and the last record nothing is lost and nothing is twice."""
    tally, wall_s, total = Tally(kind), float(MIDNIGHT), 7
    tally.advance(wall_s, {"in": total}, None, SURE)
    closed: list[Record] = []
    for step, more in steps:
        wall_s, total = wall_s + step, total + more
        record = tally.advance(wall_s, {"in": total}, None, SURE)
        closed += [record] if record else []
    assert all(one.to_s == two.from_s for one, two in pairwise(closed))
    assert all(two.totals["in"] - two.counted["in"] == one.totals["in"] for one, two in pairwise(closed))
    assert all(one.period.begin_s <= one.from_s < one.period.end_s for one in closed)
    so_far = tally.so_far(wall_s, "in", total)
    assert so_far is not None
    assert sum(one.counted["in"] for one in closed) + so_far == total - 7


@given(st.integers(0, 4_000_000_000))
def test_every_moment_lies_in_its_period(wall_s: int) -> None:
    for kind in [*KINDS, Spans("wave", (NIGHT,)), Seasons(Season(20_000, 20_010))]:
        period = kind.at(wall_s)
        assert period is None or period.begin_s <= wall_s < period.end_s
    assert all(kind.at(wall_s) is not None for kind in KINDS)


def test_a_silence_within_an_hour_leaves_its_record_whole_and_one_at_an_end_neither_of_the_two() -> None:
    ledger = Ledger().run(1.5).run(0.1, certain=SILENT).run(1.2).run(0.3, certain=SILENT).run(2.5)
    assert [one.complete for one in ledger.of("hour")] == [False, True, False, False, True], "the first began late"
    assert all(one.sure for one in ledger.of("hour"))


def test_counters_that_are_silent_for_a_moment_as_the_hour_turns_are_waited_for() -> None:
    tally = Tally(Hours())
    tally.advance(MIDNIGHT, {"in": 0}, None, SURE)
    tally.advance(MIDNIGHT + 3590, {"in": 100}, None, SURE)
    assert tally.advance(MIDNIGHT + 3600, {"in": 100}, None, SILENT) is None
    assert tally.so_far(MIDNIGHT + 3600, "in", 100) is None, "it is another hour, of which nobody knows"
    record = tally.advance(MIDNIGHT + 3610, {"in": 130}, None, SURE)
    assert record is not None
    assert (record.complete, record.counted, record.to_s) == (True, {"in": 130}, MIDNIGHT + 3610)
    assert tally.advance(MIDNIGHT + 7200, {"in": 130}, None, SILENT) is None
    record = tally.advance(MIDNIGHT + 7230, {"in": 130}, None, SILENT)
    assert record is not None and not record.complete


def test_a_guess_while_nobody_knew_the_time_is_in_the_record_it_belongs_to() -> None:
    ledger = Ledger().run(0.5).run(0.1, trusted=False, certain=GUESSED).run(1.5)
    assert [one.sure for one in ledger.of("hour")] == [False, True]


def test_totals_that_fell_begin_the_records_anew_and_never_count_below_nothing() -> None:
    kept = json.loads(json.dumps(Ledger().run(2.5).records.kept()))
    with pytest.raises(ValueError, match="other counters"):
        Ledger().records.restore(kept, {"in": 900, "out": 10**9})


def test_a_season_that_is_made_longer_goes_on_to_its_new_end() -> None:
    day = (MIDNIGHT + 8 * HOUR) // 86400
    short, long = (LoadSettings(season=Season(day, day + more)) for more in (0, 2))
    ledger = Ledger(short).run(12)
    again = Ledger(long)
    again.records.restore(json.loads(json.dumps(ledger.records.kept())), ledger.totals)
    again.now_s, again.totals = ledger.now_s, dict(ledger.totals)
    so_far = again.run(24).records.draw(again.at(), None, 1.0)
    assert (so_far.season, again.of("season")) == (36 * 600 - 10, [])
