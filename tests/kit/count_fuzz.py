"""Counters through anything that befalls them, compiled beside obvious Python: so many samples, how many differ."""

from __future__ import annotations

import random
from collections.abc import Iterator

from obvious_counts import Considering, Life, ObviousRole, known, surveyed

from agent.load.instant import Instant
from agent.load.meter import Meter

SAMPLES_A_LIFE = 300


def steady(dice: random.Random, cases: int) -> int:
    """Each sample taken in by one meter, and considered by another."""
    wrong = done = 0
    while done < cases:
        life = Life(dice)
        meter, obvious = Meter(life.rule, 7), Considering(life.rule, 7)
        for raw, at in life.samples(min(cases - done, SAMPLES_A_LIFE)):
            wrong += meter.advance(raw, at) != obvious.advance(raw, at) or known(meter) != known(obvious)
            done += 1
    return wrong


def survey(dice: random.Random, cases: int) -> int:
    """Meters seen together after each sample of one of them."""
    from fastpath.survey import Survey

    wrong = 0
    for meters, at in _worked(dice, cases):
        seen = Survey(meters)
        seen.look(at)
        expected = surveyed(meters, at)
        wrong += {name: getattr(seen, name) for name in expected} != expected
    return wrong


def following(dice: random.Random, cases: int) -> int:
    """Meters followed after each sample of one of them; a part beside obvious Python, which is slow."""
    from fastpath.following import Following

    wrong, of = 0, None
    for meters, at in _worked(dice, cases):
        if meters is not of:
            of, role = meters, Following(meters)
            obvious = ObviousRole(meters) if dice.random() < 0.3 else None
        role.follow(at)
        if obvious is not None:
            expected = obvious.follow(at)
            wrong += any(_differ(getattr(role, name), value) for name, value in expected.items())
    return wrong


def _differ(one: float | None, other: float | None) -> bool:
    """Beyond what the order of additions makes."""
    if one is None or other is None:
        return one is not other
    return one != other and not abs(one - other) <= 1e-9 * max(abs(one), abs(other))


def _worked(dice: random.Random, cases: int) -> Iterator[tuple[list[Meter], Instant]]:
    """So many samples, each with the meters of its role, after one of them took it in."""
    done = 0
    while done < cases:
        lives = [Life(dice) for _ in range(dice.randrange(1, 4))]
        meters = [Meter(life.rule, 7) for life in lives]
        for samples in zip(*(life.samples(SAMPLES_A_LIFE) for life in lives), strict=True):
            for meter, (raw, at) in zip(meters, samples, strict=True):
                meter.advance(raw, at)
                yield meters, at
                done += 1
                if done == cases:
                    return
