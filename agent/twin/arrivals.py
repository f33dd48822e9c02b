"""When parcels reach a line on a working day: truck waves, shift changes and surges, as a seeded stream of moments."""

from __future__ import annotations

import math
from random import Random

from agent.twin.script import AFTER_STORM, OPENS_H, Script, Wave, hours_apart

_BASE = 0.3
_WAVES_H = (2.5, 9.5, 15.0, 21.0)
_SHIFT_CHANGES_H = (0.0, 8.0, 16.0)
_SHIFT_CHANGE_HALF_H = 0.1
_SURGE = 0.3


class Arrivals:
    """A Poisson stream whose rate follows the day; seconds count from the twin's start."""

    def __init__(self, rng: Random, capacity_pph: float, script: Script) -> None:
        self._rng = rng
        self._script = script
        self._scale_pph = capacity_pph * script.scale
        self._waves = tuple(
            Wave(centre_h + rng.uniform(-0.4, 0.4), rng.uniform(1.6, 2.4), rng.uniform(0.4, 0.6))
            for centre_h in _WAVES_H
        )
        self._surge_s = rng.uniform(60.0, 150.0)
        highest = _BASE + max(wave.height for wave in self._waves) + (script.burst.height if script.burst else 0.0)
        self._most_pph = self._scale_pph * highest * (1.0 + _SURGE) * AFTER_STORM
        self.next_s = 0.0
        self.draw()

    def pph(self, at_s: float) -> float:
        """The rate at this second, parcels an hour."""
        return self.tide_pph(at_s) * (1.0 + _SURGE * math.sin(2.0 * math.pi * at_s / self._surge_s))

    def tide_pph(self, at_s: float) -> float:
        """The rate without the surges of single trucks."""
        hour = (OPENS_H + at_s / 3600.0) % 24.0
        share = _BASE + max(wave.share(hour) for wave in self._waves)
        if min(hours_apart(hour, change) for change in _SHIFT_CHANGES_H) < _SHIFT_CHANGE_HALF_H:
            share *= 0.35
        if self._script.burst:
            share += self._script.burst.share(hour)
        return self._scale_pph * share * self._script.roads(at_s)

    def draw(self) -> None:
        """Set `next_s` to the next parcel's moment (thinning of the fastest rate)."""
        at_s = self.next_s
        while True:
            at_s += self._rng.expovariate(self._most_pph / 3600.0)
            if self._rng.random() * self._most_pph <= self.pph(at_s):
                self.next_s = at_s
                return
