"""Rates over a window: right for irregular samples, none before there is enough, the same as the obvious Python's."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obvious_counts import ObviousRate

from fastpath.rates import ENOUGH_S, MARKS, SmoothedRate, WindowRate


def fed(rate: WindowRate, *samples: tuple[float, int]) -> WindowRate:
    for at_s, total in samples:
        rate.advance(at_s, total)
    return rate


def test_there_is_no_rate_before_ten_seconds_of_counting() -> None:
    rate = WindowRate(60.0)
    assert rate.per_hour is None
    assert fed(rate, (100.0, 0), (109.9, 50)).per_hour is None
    assert fed(rate, (110.0, 50)).per_hour == 50 * 360


def test_an_idle_line_has_rate_zero_not_none() -> None:
    assert fed(WindowRate(60.0), *((float(n), 7) for n in range(100))).per_hour == 0.0


@pytest.mark.parametrize("window_s", [60.0, 900.0])
def test_a_steady_belt_has_its_rate_at_any_length(window_s: float) -> None:
    rate = WindowRate(window_s)
    for n in range(3000):
        rate.advance(n * 0.9, n * 4)
        if n * 0.9 >= ENOUGH_S:
            assert rate.per_hour == pytest.approx(16_000)
    assert window_s <= rate.span_s <= window_s * (1 + 1 / MARKS) + 0.9


def test_what_is_older_than_the_window_no_longer_counts() -> None:
    rate = fed(WindowRate(60.0), *((float(n), 10 * min(n, 100)) for n in range(200)))
    assert rate.per_hour == 0.0


def test_a_missed_minute_bends_no_quarter_hour_rate() -> None:
    samples = [(float(n), 5 * n) for n in range(1000) if not 400 <= n < 460]
    assert fed(WindowRate(900.0), *samples).per_hour == pytest.approx(18_000)


def test_after_a_silence_longer_than_the_window_the_rate_begins_anew() -> None:
    rate = fed(WindowRate(60.0), *((float(n), 5 * n) for n in range(100)), (200.0, 1000))
    assert rate.per_hour is None
    assert fed(rate, (220.0, 1020)).per_hour == 20 * 180


def test_a_restart_forgets_the_past() -> None:
    rate = fed(WindowRate(60.0), *((float(n), 500 * n) for n in range(30)))
    rate.restart()
    assert rate.per_hour is None
    assert fed(rate, (30.0, 0), (40.0, 10)).per_hour == 3600


def test_a_sample_from_the_past_is_not_taken() -> None:
    rate = fed(WindowRate(60.0), (100.0, 0), (120.0, 20), (90.0, 999), (120.0, 999))
    assert rate.per_hour == 3600


@given(st.lists(st.tuples(st.floats(0.01, 40), st.integers(0, 1000)), min_size=1, max_size=400))
def test_the_rate_is_always_true_between_two_samples_(steps: list[tuple[float, int]]) -> None:
    rate, at_s, total = WindowRate(60.0), 0.0, 0
    samples = []
    for seconds, more in steps:
        at_s, total = at_s + seconds, total + more
        samples.append((at_s, total))
        rate.advance(at_s, total)
        if rate.per_hour is not None:
            true = {3600 * (total - was) / (at_s - was_s) for was_s, was in samples if at_s - was_s >= ENOUGH_S}
            assert rate.per_hour in true
            assert rate.span_s <= 60 + 1 + 40, "the window, a mark, and one step between samples"


@pytest.mark.parametrize("window_s", [60.0, 900.0])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from((-1.0, 0.0, 0.01, 0.5, 1.0, 5.0, 14.9, 15.0, 70.0, 1000.0)), st.integers(-5, 10**12)),
        max_size=300,
    ),
    repeats=st.integers(1, 5),
)
def test_it_is_the_same_as_the_obvious_python(window_s: float, steps: list[tuple[float, int]], repeats: int) -> None:
    rate, obvious, at_s, total = WindowRate(window_s), ObviousRate(window_s), 5e6, 0
    for seconds, more in steps * repeats:
        at_s, total = at_s + seconds, total + more
        rate.advance(at_s, total)
        obvious.advance(at_s, total)
        assert (rate.per_hour, rate.span_s) == (obvious.per_hour, obvious.span_s)
        assert len(obvious.marks) <= MARKS + 2, "what a window may hold is fixed"


# for displays


@given(st.lists(st.tuples(st.floats(0.5, 30.0), st.integers(0, 50)), min_size=2, max_size=50))
def test_a_smoothed_rate_lies_between_the_rates_it_was_made_of(samples: list[tuple[float, int]]) -> None:
    rate, at_s, total, seen = SmoothedRate(10.0), 100.0, 5, []
    rate.advance(at_s, total)
    for step_s, more in samples:
        at_s, total = at_s + step_s, total + more
        rate.advance(at_s, total)
        seen.append(3600.0 * more / step_s)
        assert rate.per_hour is not None
        assert min(seen) - 1e-6 <= rate.per_hour <= max(seen) * (1 + 1e-9) + 1e-6


def test_a_smoothed_rate_takes_a_step_to_two_thirds_in_its_time() -> None:
    rate = SmoothedRate(10.0)
    total = 0
    for second in range(200):
        total += 2 if second >= 100 else 0
        rate.advance(float(second), total)
        if second == 109:
            assert rate.per_hour == pytest.approx(7200 * (1 - math.exp(-1.0)), rel=0.05)
    assert rate.per_hour == pytest.approx(7200, rel=0.001)
