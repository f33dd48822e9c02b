"""Work in progress: what a line must hold, from what was counted in and out since its emptiest moment."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from agent.load.instant import Instant
from agent.load.reckoning import Reckoning
from fastpath.survey import Survey

HOURS = 24
"""How long the emptiest moment is remembered; a miscount is forgotten with it."""

REST_S = 120.0
"""A line on which nothing was counted for so long is at rest."""

HOUR_S = 3600.0


class Passed(NamedTuple):
    """What passed both ends of a line until now. `hi` of the least difference is None where nothing bounds it."""

    best: int
    least: int | None
    counted: int

    @classmethod
    def by(cls, came: Survey, went: Survey) -> Passed:
        """In less out, as the best value and as the least that can be true, and all parcels counted at either end."""
        least = None if went.hi is None else came.lo - went.hi
        return cls(came.total - went.total, least, came.total + went.total)


class _Emptiest:
    """The least of a value over the last day, kept by the hour."""

    def __init__(self) -> None:
        self._hours: deque[tuple[int, int]] = deque()
        self.value: int | None = None

    def take(self, value: int, at_s: float) -> None:
        hour = int(at_s // HOUR_S)
        if self._hours and self._hours[-1][0] == hour:
            if value >= self._hours[-1][1]:
                return
            self._hours.pop()
        self._hours.append((hour, value))
        while self._hours[0][0] < hour - HOURS:
            self._hours.popleft()
        if self.value is None or value > self.value:
            value = min(least for _, least in self._hours)
        self.value = value

    def kept(self) -> list[int]:
        """When the least was, in hours of the boot clock, and what it was; empty where there is none."""
        return list(min(self._hours, key=lambda one: one[1], default=()))

    def restore(self, kept: object, shift_s: float) -> None:
        """Go on from the one hour of `kept()`; ValueError, and nothing changed, for anything else."""
        if not isinstance(kept, list) or len(kept) not in {0, 2} or not all(type(one) is int for one in kept):
            raise ValueError("no emptiest moment")
        if kept:
            self._hours = deque([(int((kept[0] * HOUR_S + shift_s) // HOUR_S), kept[1])])
            self.value = kept[1]


class WorkInProgress:
    """How many parcels are on a line: inducted - discharged - rejected since its emptiest moment of the last day.

    What was on the line at any moment is 0 or more, so what came in since then and did not go out is on it now. The
    greatest of these, the one since the emptiest moment, is the least that agrees with every count: a lower bound,
    right once the line has been empty. No counter tells an upper one. It begins where all counters are fresh at
    once, and begins anew when one of them does (another base, a gap).

    `drift` counts the parcels that left the line when by this none was on it, since this run began: they were there
    before the counting began, were put on by hand, or were miscounted. `empty_s` is the boot-clock second in which
    the line was last at rest at its emptiest after parcels had passed, which speaks for an empty line; a drift
    disproves it.
    """

    def __init__(self, came: Survey, went: Survey) -> None:
        """Of what these see at either end of the line, which somebody else has look."""
        self._came, self._went = came, went
        self._longest_s = max((meter.period_s for meter in (*came.meters, *went.meters)), default=0.0)
        self.drift = 0
        self._breaks = -1
        self._begin(0)

    def _begin(self, counted: int) -> None:
        self._best, self._least = _Emptiest(), _Emptiest()
        self._begun_with = self._rests_at = counted
        self._rests_s: float | None = None
        self.empty_s: float | None = None

    def advance(self, at_s: float) -> Reckoning | None:
        """What is on the line at boot-clock second `at_s`, in which both ends were looked at; None unless both are
        counted and every counter is fresh."""
        came, went = self._came, self._went
        if not (came.fresh and went.fresh):
            return None
        passed = Passed.by(came, went)
        breaks = came.breaks + went.breaks
        if breaks != self._breaks:
            self._breaks = breaks
            self._begin(passed.counted)
        # Counters that were not read within one period of each other make a false difference.
        if max(came.last_s, went.last_s) - min(came.first_s, went.first_s) <= self._longest_s:
            self._take(passed, at_s)
        best, least = self._best.value, self._least.value
        if best is None:
            return None
        lo = 0 if least is None or passed.least is None else max(0, passed.least - least)
        return Reckoning(lo, None, max(lo, passed.best - best))

    def _take(self, passed: Passed, at_s: float) -> None:
        emptiest = self._best.value
        if emptiest is not None and passed.best < emptiest:
            self.drift += emptiest - passed.best
            self.empty_s = None
        self._best.take(passed.best, at_s)
        if passed.least is not None:
            self._least.take(passed.least, at_s)
        if passed.counted != self._rests_at or self._rests_s is None:
            self._rests_at, self._rests_s = passed.counted, at_s
        if at_s - self._rests_s >= REST_S and passed.counted != self._begun_with and passed.best == self._best.value:
            self.empty_s = at_s

    def known(self, at: Instant) -> bool:
        """True when the line was seen empty within the last day, and nothing spoke against it since."""
        return self.empty_s is not None and at.boot_s - self.empty_s <= HOURS * HOUR_S

    def kept(self) -> list[object]:
        """What must outlive the process, JSON-able: the emptiest moment, and when the line was seen empty."""
        return [self._best.kept(), self._least.kept(), self.empty_s]

    def restore(self, kept: object, shift_s: float) -> None:
        """Go on from `kept()` of an earlier run, whose boot clock was `shift_s` behind ours; ValueError, and nothing
        changed, for anything else. The counters must have been restored before."""
        if not isinstance(kept, list) or len(kept) != 3 or not isinstance(kept[2], int | float | None):
            raise ValueError("no work in progress")
        best, least = _Emptiest(), _Emptiest()
        best.restore(kept[0], shift_s)
        least.restore(kept[1], shift_s)
        self._best, self._least = best, least
        self._breaks = sum(meter.breaks for meter in (*self._came.meters, *self._went.meters))
        self._begun_with = -1
        self.empty_s = None if kept[2] is None else kept[2] + shift_s
