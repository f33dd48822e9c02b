"""What each kind of day brings, and when: trucks by the wave, a line that stands, a storm, a rush at the lockers.

One seed draws one script, and everything that plays a day plays the same one: the twin on its wires and the
day that is counted by steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Literal, get_args

DayKind = Literal["normal", "peak", "sale", "stop", "jam", "typhoon", "lockers"]
KINDS: tuple[DayKind, ...] = get_args(DayKind)

What = Literal["stop", "jam", "mains", "storm", "rush", "estop", "motor_fault", "chute_full", "on_battery", "flood"]
"""`stop`: the first line is switched off. `jam`: it runs and nothing moves on it. `mains`: no line has power.
`storm`: few trucks get through. `rush`: couriers bring to the lockers, nobody fetches.

What stops or jams the first line shows there: `estop`, `motor_fault`, `chute_full`. Without mains the agent is
`on_battery`, and a storm ends in a `flood`."""

WEATHER: tuple[What, ...] = ("storm", "flood")
"""What rises and falls; everything else begins and ends at once."""

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

    def strength(self, at_s: float, *what: What) -> float:
        """From 0 to 1, how much of these happens at this second. Weather comes and goes within half an hour."""
        return max((_strength(at_s, one) for one in self.of(*what)), default=0.0)

    def roads(self, at_s: float) -> float:
        """How many of an ordinary hour's trucks get through, as a share; it turns within half an hour. Without mains
        none is unloaded."""
        if self.holds(at_s, "mains"):
            return 0.0
        share = 1.0 + (STORM_SHARE - 1.0) * self.strength(at_s, "storm")
        for storm in self.of("storm"):
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

_SIGNS: Mapping[What, tuple[tuple[What, tuple[float, float], tuple[float, float]], ...]] = {
    "jam": (("chute_full", (-180.0, -60.0), (-90.0, -30.0)),),
    "mains": (("on_battery", (1.0, 3.0), (1.0, 3.0)),),
    "storm": (("flood", (7200.0, 10_800.0), (3600.0, 7200.0)),),
}
"""What goes with it: how many seconds after its begin and end that begins and ends."""

_STOPS: tuple[tuple[What, What], ...] = (("estop", "motor_fault"), ("motor_fault", "estop"))
"""A line stands because a drive tripped or because somebody pressed the button; the other one follows."""

_FOLLOWS_S = (8.0, 30.0)


def script(kind: DayKind, seed: int | str) -> Script:
    """The day of this kind that `seed` draws."""
    rng = Random(f"{seed} {kind}")  # noqa: S311, a simulation is meant to be repeatable
    made = _ordinary(kind, rng)
    return replace(made, episodes=(*made.episodes, *(sign for one in made.episodes for sign in _signs(rng, one))))


def _ordinary(kind: DayKind, rng: Random) -> Script:
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


def _signs(rng: Random, of: Episode) -> Iterable[Episode]:
    """What goes with an episode."""
    for what, begin_s, end_s in _SIGNS.get(of.what, ()):
        yield Episode(what, of.begin_s + rng.uniform(*begin_s), of.end_s + rng.uniform(*end_s))
    if of.what == "stop":
        first, second = rng.choice(_STOPS)
        yield Episode(first, of.begin_s, of.end_s - rng.uniform(60.0, 120.0))
        yield Episode(second, of.begin_s + rng.uniform(*_FOLLOWS_S), of.end_s - rng.uniform(60.0, 120.0))


def _strength(at_s: float, one: Episode) -> float:
    if one.what in WEATHER:
        return _risen(at_s - one.begin_s) - _risen(at_s - one.end_s)
    return float(one.begin_s <= at_s < one.end_s)


def _risen(since_s: float) -> float:
    """From 0 to 1 within the time in which a road opens or closes."""
    return min(1.0, max(0.0, since_s / _TURNS_S))


def hours_apart(one_h: float, other_h: float) -> float:
    """Between two times of day, the shorter way round."""
    apart = abs(one_h - other_h) % 24.0
    return min(apart, 24.0 - apart)
