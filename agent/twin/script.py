"""What each kind of day brings, and when: trucks by the wave, a line that stands, a storm, a rush at the lockers.

One seed draws one script, and everything that plays a day plays the same one: the twin on its wires and the
day that is counted by steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

DayKind = Literal["normal", "peak", "sale", "stop", "jam", "typhoon", "lockers"]
KINDS: tuple[DayKind, ...] = get_args(DayKind)

What = Literal["stop", "jam", "mains", "storm", "rush"]
"""`stop`: the first line is switched off. `jam`: it runs and nothing moves on it. `mains`: no line has power.
`storm`: few trucks get through. `rush`: couriers bring to the lockers, nobody fetches."""

OPENS_H = 9.0
"""The time of day at which a twin starts."""

PEAK_FACTOR = 1.4
"""A day of the season's peak brings this much more than an ordinary one (DOMAIN.md 2.1)."""

STORM_SHARE = 0.25
"""Of the trucks of an ordinary hour so many come through a storm."""

AFTER_STORM = 1.3
"""Those that waited come after it, on top of the others."""

_AFTER_S = 4 * 3600.0
_TURNS_S = 1800.0
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Wave:
    """Trucks that come together: parcels swell and ebb `half_h` before and after `centre_h`."""

    centre_h: float
    half_h: float
    height: float

    def share(self, hour: float) -> float:
        """The wave's part of the line's capacity at this hour, a raised cosine."""
        away = hours_apart(hour, self.centre_h) / self.half_h
        return self.height * 0.5 * (1.0 + math.cos(math.pi * away)) if away < 1.0 else 0.0


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that lasts, in seconds since the day's start."""

    what: What
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Script:
    """One day: how much more comes than on an ordinary one, a burst on top, and what happens."""

    kind: DayKind = "normal"
    scale: float = 1.0
    burst: Wave | None = None
    episodes: tuple[Episode, ...] = ()

    def of(self, *what: What) -> Iterable[Episode]:
        """The episodes of these kinds, in order of time."""
        return (one for one in self.episodes if one.what in what)

    def holds(self, at_s: float, *what: What) -> bool:
        """Whether one of these happens at this second."""
        return any(one.begin_s <= at_s < one.end_s for one in self.of(*what))

    def roads(self, at_s: float) -> float:
        """How many of an ordinary hour's trucks get through, as a share; it turns within half an hour. Without mains
        none is unloaded."""
        if self.holds(at_s, "mains"):
            return 0.0
        share = 1.0
        for storm in self.of("storm"):
            share += (STORM_SHARE - 1.0) * (_risen(at_s - storm.begin_s) - _risen(at_s - storm.end_s))
            share += (AFTER_STORM - 1.0) * (_risen(at_s - storm.end_s) - _risen(at_s - storm.end_s - _AFTER_S))
        return share


ORDINARY_DAY = Script()


_HAPPENS: Mapping[DayKind, tuple[tuple[What, float, float, float], ...]] = {
    "stop": (("stop", 10.5, 30.0, 50.0),),
    "jam": (("jam", 10.5, 20.0, 35.0),),
    "typhoon": (("storm", 11.0, 330.0, 420.0), ("mains", 13.0, 40.0, 70.0)),
    "lockers": (("rush", 11.0, 90.0, 150.0),),
}
"""What happens, after which o'clock, and for at least and at most how many minutes."""


def script(kind: DayKind, seed: int | str) -> Script:
    """The day of this kind that `seed` draws."""
    rng = Random(f"{seed} {kind}")  # noqa: S311, a simulation is meant to be repeatable
    return Script(
        kind,
        scale=PEAK_FACTOR if kind == "peak" else 1.0,
        burst=Wave(rng.uniform(12.0, 13.0), rng.uniform(2.2, 2.8), rng.uniform(1.05, 1.25)) if kind == "sale" else None,
        episodes=tuple(_episode(rng, *one) for one in _HAPPENS.get(kind, ())),
    )


def _episode(rng: Random, what: What, begin_h: float, least_min: float, most_min: float) -> Episode:
    """Within half an hour after `begin_h` o'clock."""
    begin_s = (begin_h + rng.uniform(0.0, 0.5) - OPENS_H) * _HOUR_S
    return Episode(what, begin_s, begin_s + 60.0 * rng.uniform(least_min, most_min))


def _risen(since_s: float) -> float:
    """From 0 to 1 within the time in which a road opens or closes."""
    return min(1.0, max(0.0, since_s / _TURNS_S))


def hours_apart(one_h: float, other_h: float) -> float:
    """Between two times of day, the shorter way round."""
    apart = abs(one_h - other_h) % 24.0
    return min(apart, 24.0 - apart)
