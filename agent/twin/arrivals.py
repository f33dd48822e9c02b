"""When parcels reach a line on a working day: truck waves, shift changes and surges, as a seeded stream of moments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

DayKind = Literal["normal", "peak"]

OPENS_H = 9.0
"""The time of day at which a twin starts."""

PEAK_FACTOR = 1.4
"""A day of the season's peak brings this much more than an ordinary one (DOMAIN.md 2.1)."""

_BASE = 0.3
_WAVES_H = (2.5, 9.5, 15.0, 21.0)
_SHIFT_CHANGES_H = (0.0, 8.0, 16.0)
_SHIFT_CHANGE_HALF_H = 0.1
_SURGE = 0.3


@dataclass(frozen=True, slots=True)
class Wave:
    """Trucks that come together: parcels swell and ebb `half_h` before and after `centre_h`."""

    centre_h: float
    half_h: float
    height: float

    def share(self, hour: float) -> float:
        """The wave's part of the line's capacity at this hour, a raised cosine."""
        away = _hours_apart(hour, self.centre_h) / self.half_h
        return self.height * 0.5 * (1.0 + math.cos(math.pi * away)) if away < 1.0 else 0.0


class Arrivals:
    """A Poisson stream whose rate follows the day; seconds count from the twin's start."""

    def __init__(self, rng: Random, capacity_pph: float, kind: DayKind) -> None:
        self._rng = rng
        self._scale_pph = capacity_pph * (PEAK_FACTOR if kind == "peak" else 1.0)
        self._waves = tuple(
            Wave(centre_h + rng.uniform(-0.4, 0.4), rng.uniform(1.6, 2.4), rng.uniform(0.4, 0.6))
            for centre_h in _WAVES_H
        )
        self._surge_s = rng.uniform(60.0, 150.0)
        highest = _BASE + max(wave.height for wave in self._waves)
        self._most_pph = self._scale_pph * highest * (1.0 + _SURGE)
        self.next_s = 0.0
        self.draw()

    def pph(self, at_s: float) -> float:
        """The rate at this second, parcels an hour."""
        hour = (OPENS_H + at_s / 3600.0) % 24.0
        share = _BASE + max(wave.share(hour) for wave in self._waves)
        if min(_hours_apart(hour, change) for change in _SHIFT_CHANGES_H) < _SHIFT_CHANGE_HALF_H:
            share *= 0.35
        return self._scale_pph * share * (1.0 + _SURGE * math.sin(2.0 * math.pi * at_s / self._surge_s))

    def draw(self) -> None:
        """Set `next_s` to the next parcel's moment (thinning of the fastest rate)."""
        at_s = self.next_s
        while True:
            at_s += self._rng.expovariate(self._most_pph / 3600.0)
            if self._rng.random() * self._most_pph <= self.pph(at_s):
                self.next_s = at_s
                return


def _hours_apart(one_h: float, other_h: float) -> float:
    apart = abs(one_h - other_h) % 24.0
    return min(apart, 24.0 - apart)
