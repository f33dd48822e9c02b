"""A hub's floor in virtual time: what was unloaded onto it and loaded from it, in steps, from one seed.

The arrivals are the twin's (`agent.twin.arrivals`), counted by steps instead of parcel by parcel, so that a day takes
a moment. A sorter of given capacity works the floor off, with stops like the twin's.
"""

from __future__ import annotations

from random import Random

from agent.twin.arrivals import Arrivals
from agent.twin.counted_day import drawn
from agent.twin.flow import Habits
from agent.twin.script import DayKind, script

SORTS_UNEVENLY = 0.15
"""Staff and mail change: the sorter's own rate wanders by this share from hour to hour."""

_HOUR_S = 3600.0


class FloorDay:
    """`unloaded` and `loaded` count parcels since the start; `capacity_pph` is what the sorter was built for, of which
    it reaches `staffed`."""

    def __init__(self, seed: str, capacity_pph: float, kind: DayKind, staffed: float = 1.0) -> None:
        self._rng = Random(seed)  # noqa: S311, a simulation is meant to be repeatable
        self._arrivals = Arrivals(self._rng, capacity_pph, script(kind, seed))
        self._sorts_pph = capacity_pph * staffed
        self._habits = Habits()
        self._at_s = 0.0
        self._wander, self._wanders_s = 0.0, 0.0
        self._stands_until_s = 0.0
        self._stops_s = self._rng.expovariate(1.0 / self._habits.jam_every_s)
        self.unloaded = self.loaded = 0

    @property
    def level(self) -> int:
        """Parcels on the floor."""
        return self.unloaded - self.loaded

    def step(self, step_s: float) -> None:
        """Let so many seconds go by."""
        self.unloaded += drawn(self._rng, self._arrivals.pph(self._at_s), step_s)
        self._at_s += step_s
        self.loaded += min(self.level, drawn(self._rng, self._rate_pph(), step_s))

    def _rate_pph(self) -> float:
        if self._at_s >= self._stops_s:
            self._stands_until_s = self._at_s + self._rng.uniform(*self._habits.jam_s)
            self._stops_s = self._stands_until_s + self._rng.expovariate(1.0 / self._habits.jam_every_s)
        if self._at_s >= self._wanders_s:
            self._wander = self._rng.uniform(-SORTS_UNEVENLY, SORTS_UNEVENLY)
            self._wanders_s = self._at_s + _HOUR_S
        return 0.0 if self._at_s < self._stands_until_s else self._sorts_pph * (1.0 + self._wander)
