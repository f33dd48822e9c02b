"""The parcels on a site's floor: a stock-take, and what was unloaded and loaded since, with the error that has grown.

Counted since a stock-take the backlog is an estimate: a dock counter may miss a share of what passes (`miscount`), and
each counter's own interval is in it. The error only grows until the next stock-take. Without one the backlog is what
must be there at least: unloaded less loaded since the emptiest moment of the last day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.load.instant import Instant
from agent.load.meter import Meter
from agent.load.progress import WorkInProgress
from agent.load.reckoning import Reckoning
from fastpath.survey import Survey

TELL_EVERY_S = 900.0
"""A drift that goes on is told again after this long."""

MOST_PARCELS = 100_000_000

MOST_FLOORS = 3
"""Parcels lie in aisles and yards too, but a stock-take of more than so many full floors is a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Stock:
    """The backlog at one moment. `err` parcels it may be wrong by, None where nothing bounds it: there was no
    stock-take (`based` is False), or a counter's continuity broke since. `drift` counts parcels that left when by the
    counts none was there, since the stock-take."""

    parcels: int
    err: int | None
    based: bool
    drift: int
    age_s: float | None


@dataclass(frozen=True, slots=True)
class Rebased:
    """A stock-take was taken over: by whom it was asked for, what it says and what was thought before."""

    request: str
    by: str
    parcels: int
    before: int | None


@dataclass(frozen=True, slots=True)
class Drifted:
    """More parcels left than were there: `parcels` in all since the stock-take."""

    parcels: int


@dataclass(frozen=True, slots=True)
class _Base:
    request: str
    parcels: int
    came: Reckoning
    went: Reckoning
    at_s: float


class BaselineRefusedError(ValueError):
    """A stock-take that cannot be taken over; the message says why."""


class Backlog:
    """What is on the floor between the unload and the load counters."""

    def __init__(
        self, unload: Iterable[Meter], load: Iterable[Meter], miscount: float, floor_parcels: int | None = None
    ) -> None:
        self._came, self._went = Survey(unload), Survey(load)
        self._miscount = miscount
        self._floor_parcels = floor_parcels
        self._least = WorkInProgress(self._came, self._went)
        self._base: _Base | None = None
        self._breaks = 0
        self._broken = False
        self._drift = 0
        self._told_s: float | None = None
        self._events: list[Rebased | Drifted] = []

    def rebase(self, at: Instant, parcels: int, by: str, request: str) -> None:
        """Begin anew from a stock-take of now. The same `request` a second time changes nothing.

        Raises BaselineRefusedError.
        """
        if self._base is not None and self._base.request == request:
            return
        self._demand_room(parcels)
        if not (self._came and self._went):
            raise BaselineRefusedError("this site counts no unload and load: [floor] names no such counters")
        came, went = self._look(at)
        if not (came.fresh and went.fresh):
            raise BaselineRefusedError("a dock counter does not answer; count when all do")
        before = self._stock(at.boot_s)
        self._base = _Base(request, parcels, _counted(came), _counted(went), at.boot_s)
        self._breaks, self._broken = came.breaks + went.breaks, False
        self._drift, self._told_s = 0, None
        self._events.append(Rebased(request, by, parcels, None if before is None else before.parcels))

    def _demand_room(self, parcels: int) -> None:
        if not 0 <= parcels <= MOST_PARCELS:
            raise BaselineRefusedError(f"a stock-take is 0 to {MOST_PARCELS} parcels")
        if self._floor_parcels is not None and parcels > MOST_FLOORS * self._floor_parcels:
            raise BaselineRefusedError(
                f"{parcels} parcels are more than {MOST_FLOORS} times what the floor holds "
                f"([floor] buffer_parcels = {self._floor_parcels})"
            )

    def advance(self, at: Instant) -> Stock | None:
        """What is on the floor; None unless both ends are counted and every counter is fresh."""
        self._look(at)
        return self._stock(at.boot_s)

    def _look(self, at: Instant) -> tuple[Survey, Survey]:
        self._came.look(at)
        self._went.look(at)
        return self._came, self._went

    def _stock(self, at_s: float) -> Stock | None:
        came, went = self._came, self._went
        least = self._least.advance(at_s)
        if not (came.fresh and went.fresh):
            return None
        if self._base is None:
            return None if least is None else Stock(least.total, None, False, self._least.drift, None)
        self._broken = self._broken or came.breaks + went.breaks != self._breaks
        return self._since(self._base, at_s)

    def _since(self, base: _Base, at_s: float) -> Stock:
        came, went = self._came, self._went
        arrived, left = came.total - base.came.total, went.total - base.went.total
        parcels = base.parcels + arrived - left + self._drift
        if parcels < 0:
            self._drift -= parcels
            parcels = 0
            self._tell_drift(at_s)
        err = _width((base.came, came), (base.went, went))
        grown = None if err is None or self._broken else err + round(self._miscount * (arrived + left)) + self._drift
        return Stock(parcels, grown, True, self._drift, at_s - base.at_s)

    def _tell_drift(self, at_s: float) -> None:
        if self._told_s is None or at_s - self._told_s >= TELL_EVERY_S:
            self._told_s = at_s
            self._events.append(Drifted(self._drift))

    def take_events(self) -> list[Rebased | Drifted]:
        """What happened since this was asked before."""
        events, self._events = self._events, []
        return events

    def kept(self) -> list[object]:
        """What must outlive the process, JSON-able."""
        base = self._base
        if base is None:
            return []
        broken = self._broken or self._breaks_until_now() != self._breaks
        return [base.request, base.parcels, list(base.came), list(base.went), base.at_s, self._drift, broken]

    def restore(self, kept: object, shift_s: float) -> None:
        """Go on from `kept()`, whose boot clock was `shift_s` behind ours, also of a release that kept no breaks;
        ValueError, and nothing changed, for anything else. The counters go on from their own states."""
        if kept == []:
            return
        if not (isinstance(kept, list) and len(kept) in {6, 7} and isinstance(kept[0], str)):
            raise ValueError("no stock-take")
        if not all(type(one) is int and one >= 0 for one in (kept[1], kept[5])) or not isinstance(kept[4], int | float):
            raise ValueError("no stock-take")
        came, went = _reckoning(kept[2]), _reckoning(kept[3])
        if came.total > self._came.counted() or went.total > self._went.counted():
            raise ValueError("a stock-take of other counters")
        self._base = _Base(kept[0], kept[1], came, went, kept[4] + shift_s)
        self._drift, self._broken = kept[5], bool(kept[6:7] and kept[6])
        self._breaks = self._breaks_until_now()

    def _breaks_until_now(self) -> int:
        return sum(meter.breaks for meter in (*self._came.meters, *self._went.meters))


def _counted(seen: Survey) -> Reckoning:
    return Reckoning(seen.lo, seen.hi, seen.total)


def _width(*ends: tuple[Reckoning, Survey]) -> int | None:
    """By how much the intervals of the counters grew since the base, both ends together."""
    width = 0
    for before, now in ends:
        if before.hi is None or now.hi is None:
            return None
        width += max(0, (now.hi - now.lo) - (before.hi - before.lo))
    return width


def _reckoning(kept: object) -> Reckoning:
    if not isinstance(kept, list) or len(kept) != 3:
        raise ValueError("no stock-take")
    found = Reckoning(*kept)
    if not all(type(one) is int for one in (found.lo, found.total)) or type(found.hi) not in {int, type(None)}:
        raise ValueError("no stock-take")
    if not found.sound:
        raise ValueError("no stock-take")
    return found
