"""The ordinary step of a counter is a short way only: whatever comes, all samples considered come to the same."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from obvious_counts import Considering, Life, known

from agent.load.counter import CounterRule
from agent.load.instant import Instant
from agent.load.meter import Meter
from fastpath.steady import SteadyCount


def at(boot_s: float) -> Instant:
    return Instant("a", boot_s, 1.8e9 + boot_s, "ntp")


@given(seed=st.integers(0, 2**40))
def test_a_meter_knows_after_every_sample_what_it_would_know_if_it_considered_each(seed: int) -> None:
    life = Life(random.Random(seed))
    meter, obvious = Meter(life.rule, 7), Considering(life.rule, 7)
    for raw, now in life.samples(200):
        assert meter.advance(raw, now) == obvious.advance(raw, now)
        assert known(meter) == known(obvious)


@pytest.mark.parametrize("beyond", [2**63, 2**64 - 10, 10**19])
def test_a_count_of_64_bits_is_exact_to_the_last_parcel(beyond: int) -> None:
    meter = Meter(CounterRule(2**64, 20.0), 1)
    for second in range(5):
        assert len(meter.advance(beyond + second, at(float(second)))) == (second == 0)
    assert (meter.raw, meter.total, meter.lo, meter.hi) == (beyond + 4, 4, 4, 4)


class Unasked(SteadyCount[Instant, str]):
    """Says what it was asked to consider."""

    def consider(self, raw: int, at: Instant) -> tuple[str, ...]:
        if self.at is None:
            self.raw, self.at = raw, at
        return (str(raw),)


def test_the_ordinary_step_asks_nobody_and_all_else_is_considered() -> None:
    count = Unasked(CounterRule(2**32, 20.0))
    assert count.advance(100, at(0)) == ("100",), "the first sample"
    assert count.advance(103, at(1)) == (), "it ran on"
    assert count.advance(102, at(2)) == ("102",), "it fell"
    assert count.advance(1000, at(3)) == ("1000",), "it leapt"
    assert count.advance(110, at(9)) == ("110",), "nobody watched"
    assert count.advance(-1, at(2)) == ("-1",), "no register holds it"
    assert (count.total, count.raw) == (3, 103)
    count.refused_s = 1.0
    assert count.advance(104, at(2)) == ("104",), "samples before were not taken"
