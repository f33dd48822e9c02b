"""A site that runs for weeks remembers no more than one that ran for two days."""

from __future__ import annotations

import gc
from collections.abc import Callable
from random import Random
from types import FunctionType, ModuleType
from typing import Any

from load_hub import FLOOR, Hub, line
from locker_world import World

from agent.load.conditions import ORDINARY

STEP_S = 30.0
DAY_STEPS = int(86_400 / STEP_S)
SHARED = (type, ModuleType, FunctionType)


def held(*roots: object) -> int:
    """How many objects are reached from these."""
    seen: dict[int, object] = {}
    waiting: list[Any] = list(roots)
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, SHARED):
            seen[id(one)] = one
            waiting += gc.get_referents(one)
    return len(seen)


def grown(day: Callable[[], object], *roots: object) -> int:
    """By how many objects it is more after the fourth day than after the second."""
    day(), day()
    two = held(*roots)
    day(), day()
    return held(*roots) - two


def test_lines_and_site_remember_no_more_after_four_days_than_after_two() -> None:
    rng = Random(3)
    hub = Hub(FLOOR, line("north", capacity_observed=True), line("south"))

    def day() -> None:
        for step in range(DAY_STEPS):
            hub.now_s += STEP_S
            busy = 1 + step * 6 // DAY_STEPS
            for ref, meter in hub.meters.items():
                hub.raw[ref] += rng.randrange(busy * 10)
                meter.advance(hub.raw[ref], hub.at)
            for model in hub.models:
                model.sample(hub.at, ORDINARY)
            hub.site.sample(hub.at, ORDINARY)
            for model in (*hub.models, hub.site):
                model.steering.take_events()

    assert grown(day, hub.models, hub.site) < 200


def test_a_locker_remembers_no_more_after_four_days_than_after_two() -> None:
    rng, world = Random(3), World(step_s=5.0)
    world.run(30)

    def day() -> None:
        for hour in range(24):
            door = hour % len(world.closed)
            world.deliver(door)
            world.run(rng.randrange(1800))
            world.collect(door)
            world.run(1700)

    assert grown(day, world.model) < 100
    assert world.counted["parcel.delivered"] == world.counted["parcel.collected"] == 4 * 24
