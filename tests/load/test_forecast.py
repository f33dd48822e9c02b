"""Time to saturation, early warnings and the observed capacity: no claim without ground, intervals that hold."""

from __future__ import annotations

import json
import math
from random import Random

import pytest

from agent.load.calibration import EACH_END, Calibration
from agent.load.early import EarlyWarning, EarlyWarnings
from agent.load.forecast import Forecast, TimeToSaturation
from agent.load.observed import ObservedCapacity


def learned(minutes: int, come: float, go: float, forecast: Forecast | None = None) -> Forecast:
    """A forecast that saw so many parcels come and go a minute."""
    found = forecast or Forecast()
    for minute in range(minutes):
        found.advance(60.0 * minute, round(come * minute), round(go * minute), 60 * come, 60 * go)
    return found


def test_a_floor_that_fills_has_a_time_and_an_interval_around_it() -> None:
    tts = learned(30, 200, 150).until_full(3000, 12_000.0, 9000.0)
    assert tts is not None
    assert tts.min == pytest.approx(60)
    assert tts.lo < 60
    assert tts.hi is None or tts.hi > 60


@pytest.mark.parametrize(
    ("in_pph", "out_pph"), [(9000.0, 9000.0), (9000.0, 12_000.0), (None, 9.0), (9.0, None), (9100.0, 9000.0)]
)
def test_where_it_does_not_fill_for_sure_nothing_is_claimed(in_pph: float | None, out_pph: float | None) -> None:
    assert learned(30, 150, 150).until_full(3000, in_pph, out_pph) is None


def test_beyond_a_day_nothing_is_claimed_and_a_full_floor_is_full_now() -> None:
    forecast = learned(30, 200, 150)
    assert forecast.until_full(100_000, 12_000.0, 9000.0) is None
    assert forecast.until_full(0, 12_000.0, 9000.0) == TimeToSaturation(0.0, 0.0, 0.0)


def test_claims_that_came_true_make_the_interval_narrow() -> None:
    before, after = learned(20, 200, 150), learned(20 * 60, 200, 150)
    first, last = (one.until_full(3000, 12_000.0, 9000.0) for one in (before, after))
    assert first is not None and last is not None and last.hi is not None
    assert last.hi - last.lo < (math.inf if first.hi is None else first.hi - first.lo)
    assert last.lo == pytest.approx(60, rel=0.25)


def test_claims_that_never_came_true_are_no_longer_made() -> None:
    forecast = Forecast()
    came = went = 0
    for minute in range(24 * 60):
        swells = minute % 60 < 20
        came, went = came + (200 if swells else 100), went + 133
        forecast.advance(60.0 * minute, came, went, 12_000.0 if swells else 6000.0, 8000.0)
    tts = forecast.until_full(16_000, 12_000.0, 8000.0)
    assert tts is None or tts.min > 4 * 240, "four hours of inflow that never lasted twenty minutes"


def test_uneven_minutes_widen_the_noise() -> None:
    even, uneven = Forecast(), Forecast()
    total = 0
    for minute in range(61):
        even.advance(60.0 * minute, 150 * minute, 150 * minute, 9000.0, 9000.0)
        total += 600 if minute % 4 == 0 else 0
        uneven.advance(60.0 * minute, total, 150 * minute, 9000.0, 9000.0)
    assert even.until_full(5000, 9600.0, 9000.0) is not None
    assert uneven.until_full(5000, 9600.0, 9000.0) is None


def test_what_was_learned_outlives_the_process() -> None:
    forecast, again = learned(20 * 60, 200, 150), Forecast()
    again.restore(json.loads(json.dumps(forecast.kept())))
    expected, found = (one.until_full(3000, 12_000.0, 9000.0) for one in (forecast, again))
    assert expected is not None and found is not None
    assert (found.min, found.lo) == (pytest.approx(expected.min, rel=0.01), pytest.approx(expected.lo, rel=0.01))


@pytest.mark.parametrize(
    "kept", [None, [], [[0.1] * 4], [[0.1, -1.0, 0.1, 1.0]] * 5 + [[1, 1]], [["a"] * 4] * 5, [[0.1] * 4] * 6]
)
def test_what_was_not_learned_is_refused(kept: object) -> None:
    with pytest.raises(ValueError, match="forecast"):
        Forecast().restore(kept)


@pytest.mark.parametrize("mean_min", [5.0, 60.0, 600.0])
def test_each_end_is_passed_as_rarely_as_is_stated_whatever_the_truth_is(mean_min: float) -> None:
    """Floors that fill after a random time, told by an interval that begins much too wide or much too narrow."""
    rng, calibration = Random(3), Calibration()
    early = late = 0
    at_s, rounds = 0.0, 3000
    for round_ in range(rounds):
        truth_min = rng.expovariate(1 / mean_min)
        lo_min, hi_min = mean_min / math.exp(calibration.up), mean_min * math.exp(calibration.down - 1.0)
        calibration.claim(at_s, lo_min, hi_min)
        if truth_min > hi_min:
            calibration.score(at_s + 60 * truth_min - 1, full=False)
        elif truth_min > lo_min:
            calibration.score(at_s + 60 * (lo_min + truth_min) / 2, full=False)
        calibration.score(at_s + 60 * truth_min, full=True)
        early += round_ > rounds / 3 and truth_min < lo_min
        late += round_ > rounds / 3 and truth_min > hi_min
        at_s += 60 * truth_min + 400
    assert early / (rounds * 2 / 3) == pytest.approx(EACH_END, abs=0.015)
    assert late / (rounds * 2 / 3) == pytest.approx(EACH_END, abs=0.015)


# early warnings


def show(warnings: EarlyWarnings, minutes: float | None, lasting_s: int, start_s: float = 0.0) -> list[EarlyWarning]:
    tts = None if minutes is None else TimeToSaturation(minutes, minutes / 2, None)
    return [one for step in range(0, lasting_s, 5) for one in warnings.advance(start_s + step, tts, settled=True)]


def test_each_warning_is_raised_once_and_ends_with_its_own_hysteresis() -> None:
    warnings = EarlyWarnings()
    assert [one.level_min for one in show(warnings, 110.0, 700)] == [240, 120]
    assert warnings.most_urgent == 120
    assert show(warnings, 130.0, 3600, 1000.0) == [], "beyond 120 but not by a quarter"
    (ended,) = show(warnings, 151.0, 1000, 5000.0)
    assert (ended.level_min, ended.raised) == (120, False)
    assert [(one.level_min, one.raised) for one in show(warnings, None, 1000, 7000.0)] == [(240, False)]


def test_a_forecast_that_flickers_warns_of_nothing() -> None:
    warnings = EarlyWarnings()
    assert [one for turn in range(20) for one in show(warnings, 50.0 if turn % 2 else None, 300, 300.0 * turn)] == []


def test_warnings_stand_while_there_is_no_forecast_yet_and_outlive_the_process() -> None:
    warnings, again = EarlyWarnings(), EarlyWarnings()
    show(warnings, 50.0, 700)
    again.restore(json.loads(json.dumps(warnings.kept())))
    assert [again.advance(float(step), None, settled=False) for step in range(0, 3600, 5)] == [[]] * 720
    assert again.active == {240, 120, 60}
    again.restore("nonsense")
    assert again.active == set()


# observed capacity


def test_the_observed_capacity_is_what_nearly_all_quarter_hours_stay_below_after_a_day() -> None:
    observed = ObservedCapacity(10_000.0)
    for quarter in range(90):
        observed.advance(900.0 * quarter, 8000.0 if quarter % 10 == 0 else 3000.0)
    assert observed.pph is None
    for quarter in range(90, 400):
        observed.advance(900.0 * quarter, 8000.0 if quarter % 10 == 0 else 3000.0)
    assert observed.pph == 8000.0
    again = ObservedCapacity(10_000.0)
    again.restore(json.loads(json.dumps(observed.kept())))
    assert again.pph == 8000.0


@pytest.mark.parametrize("kept", [None, [1], [[1, "a"]], [[-1, 2.0]], [["a", 1]]])
def test_what_is_no_observed_capacity_is_refused(kept: object) -> None:
    with pytest.raises(ValueError, match="observed"):
        ObservedCapacity(1.0).restore(kept)
