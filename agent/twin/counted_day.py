"""A whole hub's day in virtual time, counted by steps instead of parcel by parcel: the same script, in a moment.

What the twin plays on its wires (arrivals, stops, a jam, lost mains) happens here to counts, so that a day of the
real load model takes seconds. Everything that is true is known: the level, the rates, which line stands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from agent.twin.arrivals import Arrivals
from agent.twin.flow import CATCH_UP, Habits
from agent.twin.script import DayKind, Script, script
from config.line_settings import Line

_HOUR_S = 3600.0
PAUSE_S = (1800.0, 2000.0)
"""The morning's briefing: nobody feeds the lines, and they run empty."""

WANDERS = 0.05
"""From hour to hour a line does by so much more or less than it was built for."""


@dataclass
class CountedLine:
    """One line's parcels: `waiting` before it and `belt` on it now; the others are totals."""

    line: Line
    arrivals: Arrivals
    rng: Random
    waiting: int = 0
    belt: int = 0
    came: int = 0
    inducted: int = 0
    discharged: int = 0
    recirculated: int = 0
    rejected: int = 0
    able: float = CATCH_UP
    wanders_s: float = 0.0

    def step(self, at_s: float, step_s: float, *, stands: bool, fed: bool) -> None:
        """Let so many seconds go by: the line stands, or runs and is `fed` or runs empty."""
        came = drawn(self.rng, self.arrivals.pph(at_s), step_s)
        self.came += came
        self.waiting += came
        if stands:
            return
        self._sort()
        able_pph = self._able(at_s) * self.line.capacity_pph if fed else 0.0
        inducted = min(self.waiting, drawn(self.rng, able_pph, step_s))
        self.waiting -= inducted
        self.inducted += inducted
        self.belt += inducted

    def _sort(self) -> None:
        """All that is on the belt reaches the sorter; some of it goes round again."""
        habits, belt = Habits(), self.belt
        rejected = share(self.rng, belt, habits.rejected) if self.line.reject else 0
        again = share(self.rng, belt, habits.recirculated) if self.line.recirculation else 0
        self.rejected += rejected
        self.recirculated += again
        self.discharged += belt - rejected - again
        self.belt = again

    def _able(self, at_s: float) -> float:
        """What it does at most, as a share of what it was built for."""
        if at_s >= self.wanders_s:
            self.wanders_s = at_s + _HOUR_S
            self.able = CATCH_UP * (1.0 + self.rng.uniform(-WANDERS, WANDERS))
        return self.able


class CountedDay:
    """The hub of `lines` on a day of this kind: `unloaded` came to its docks, `loaded` left them."""

    def __init__(self, lines: Sequence[Line], kind: DayKind, seed: int) -> None:
        self.script: Script = script(kind, seed)
        self.lines = [self._line(line, seed) for line in lines]
        self.at_s = 0.0

    def _line(self, line: Line, seed: int) -> CountedLine:
        rng = Random(f"{seed} {line.id}")  # noqa: S311, a simulation is meant to be repeatable
        return CountedLine(line, Arrivals(rng, line.capacity_pph, self.script), rng)

    def step(self, step_s: float) -> None:
        """Let so many seconds go by."""
        for place, line in enumerate(self.lines):
            line.step(self.at_s, step_s, stands=self.stands(place), fed=not PAUSE_S[0] <= self.at_s < PAUSE_S[1])
        self.at_s += step_s

    def stands(self, place: int) -> bool:
        """Whether nothing moves on that line now."""
        return self.script.holds(self.at_s, *(("stop", "jam", "mains") if place == 0 else ("mains",)))

    @property
    def unloaded(self) -> int:
        return sum(line.came for line in self.lines)

    @property
    def loaded(self) -> int:
        return sum(line.discharged + line.rejected for line in self.lines)

    @property
    def level(self) -> int:
        """Parcels on the floor and on the lines."""
        return sum(line.waiting + line.belt for line in self.lines)


def drawn(rng: Random, pph: float, step_s: float) -> int:
    """Poisson's parcels of one step, which are many enough to be drawn from a normal."""
    mean = pph * step_s / _HOUR_S
    return max(0, round(rng.gauss(mean, math.sqrt(mean))))


def share(rng: Random, parcels: int, of: float) -> int:
    """How many of these have a fate that befalls so great a share."""
    return min(parcels, math.floor(parcels * of + rng.random()))
