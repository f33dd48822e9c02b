"""Counters seen and followed together: the same as in obvious Python, through anything that befalls a counter."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obvious_counts import Life, ObviousRole, surveyed

from agent.load.counter import CounterRule
from agent.load.instant import Instant
from agent.load.meter import Meter
from fastpath.following import Following
from fastpath.survey import Survey


@given(seed=st.integers(0, 2**40), counters=st.integers(0, 4))
def test_a_role_followed_is_the_same_as_in_obvious_python(seed: int, counters: int) -> None:
    dice = random.Random(seed)
    lives = [Life(dice) for _ in range(counters)]
    meters = [Meter(life.rule, 7) for life in lives]
    role, seen, obvious = Following(meters), Survey(meters), ObviousRole(meters)
    now = Instant("a", 1000.0, 1.8e9, "ntp")
    for samples in zip(*(life.samples(100) for life in lives), strict=True):
        for meter, (raw, at) in zip(meters, samples, strict=True):
            meter.advance(raw, at)
            now = at
        role.follow(now)
        seen.look(now)
        expected = obvious.follow(now)
        assert {name: getattr(role, name) for name in expected} == pytest.approx(expected)
        assert {name: getattr(seen, name) for name in surveyed(meters, now)} == surveyed(meters, now)
        assert seen.counted() == seen.total


def test_nothing_is_fresh_of_a_role_without_counters() -> None:
    role = Following(())
    role.follow(Instant("a", 5.0, 1.8e9, "ntp"))
    assert not role
    assert (role.total, role.fresh, role.pph_60, role.pph_900, role.span_s) == (0, False, None, None, 0.0)


def test_an_unbounded_counter_leaves_the_role_unbounded() -> None:
    meters = [Meter(CounterRule(2**32, 20.0), 1) for _ in range(2)]
    now = Instant("a", 5.0, 1.8e9, "ntp")
    for meter in meters:
        meter.advance(10, now)
    meters[1].hi = None
    seen = Survey(meters)
    seen.look(now)
    assert (seen.lo, seen.hi, seen.total, seen.fresh) == (0, None, 0, True)


@pytest.mark.parametrize(
    ("seconds", "guessed_s", "settled"),
    [(449, None, False), (450, None, True), (950, 60.0, False), (950, 40.0, True)],
    ids=["not half seen", "half seen", "a guess within a quarter", "a guess before"],
)
def test_a_role_is_settled_when_half_a_quarter_was_seen_and_nothing_of_it_guessed(
    seconds: int, guessed_s: float | None, settled: bool
) -> None:
    meter = Meter(CounterRule(2**32, 20.0), 1)
    role = Following([meter])
    for second in range(seconds + 1):
        now = Instant("a", float(second), 1.8e9 + second, "ntp")
        meter.advance(10**6 + second, now)
        role.follow(now)
    meter.estimated_s = guessed_s
    role.follow(now)
    assert role.settled is settled
