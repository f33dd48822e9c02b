"""Totals of a line or site over parts of local time: records that follow each other without a gap, so that they add up.

A record is closed by the first sample of another period, and only while the wall clock is trusted. It says from when
to when it truly counted: mostly the period itself, to one sample. Where the agent was away, or nobody knew the time,
over an end, the record reaches on to the first moment after it: its `complete` is then False, and the next record
begins there. What all records of a kind say together is what the counters counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agent.load.periods import Kind, Period

SLACK_S = 30
"""A record that begins and ends so near to its period is of that period."""


class Certain(NamedTuple):
    """Of counters at one moment: `sure` where nothing that they counted since the last one was a best guess, `heard`
    where all of them are fresh now."""

    sure: bool
    heard: bool


@dataclass(frozen=True, slots=True)
class Record:
    """What a line or site counted in one `period` of `kind`: from `from_s` to `to_s` of the wall clock, by role.

    `totals` are the counters' sums at its end; a role of which none was ever read is missing. `sure` is False where an
    increment in it was a best guess; `complete` where it covers its period and no more, and all counters were heard at
    its beginning and its end. `left` is the backlog or work in progress at its end.
    """

    kind: str
    period: Period
    from_s: int
    to_s: int
    counted: Mapping[str, int]
    totals: Mapping[str, int]
    sure: bool
    complete: bool
    left: int | None


@dataclass(slots=True)
class _Open:
    period: Period
    from_s: int
    totals: dict[str, int]
    sure: bool
    heard: bool


class Tally:
    """Adds up over the periods of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._open: _Open | None = None
        self._kept: list[object] = []

    @property
    def kind(self) -> str:
        return self._kind.kind

    def advance(self, wall_s: float, totals: Mapping[str, int], left: int | None, certain: Certain) -> Record | None:
        """Take in the totals by role at that moment of a trusted wall clock; a record when another period began."""
        before = self._open
        patience_s = 0 if certain.heard else SLACK_S
        if before is not None and before.period.begin_s <= wall_s < before.period.end_s + patience_s:
            before.sure = before.sure and certain.sure
            return None
        now = self._kind.at(wall_s)
        self._open = None if now is None else _Open(now, int(wall_s), dict(totals), sure=True, heard=certain.heard)
        self._kept = []
        return None if before is None else self._closed(before, int(wall_s), totals, left, certain)

    def _closed(self, was: _Open, to_s: int, totals: Mapping[str, int], left: int | None, certain: Certain) -> Record:
        period, sure = was.period, was.sure and certain.sure
        covers = abs(was.from_s - period.begin_s) <= SLACK_S and abs(to_s - period.end_s) <= SLACK_S
        counted = {role: total - was.totals.get(role, 0) for role, total in totals.items()}
        complete = covers and was.heard and certain.heard
        return Record(self.kind, period, was.from_s, to_s, counted, dict(totals), sure, complete, left)

    @property
    def period(self) -> Period | None:
        """The one that is open."""
        return self._open.period if self._open else None

    def so_far(self, wall_s: float, role: str, total: int | None) -> int | None:
        """What was counted of that role in the period that it is, None where it is none or nothing was ever read."""
        one = self._open
        if one is None or total is None or not one.period.begin_s <= wall_s < one.period.end_s:
            return None
        return total - one.totals.get(role, 0)

    def kept(self, roles: Sequence[str]) -> list[object]:
        """What must outlive the process, JSON-able; the totals in the order of `roles`, the same each time."""
        one = self._open
        if one is None:
            return []
        if not self._kept or self._kept[4] is not one.sure:
            totals = [one.totals.get(role, 0) for role in roles]
            self._kept = [*one.period, one.from_s, one.sure, totals, one.heard]
        return self._kept

    def restore(self, kept: object, roles: Sequence[str], counted: Mapping[str, int]) -> None:
        """Go on from `kept()` of an earlier run, in all of which `counted` was counted of each role; ValueError, and
        nothing changed, for anything else. A period whose end the settings moved since then ends as they say now; an
        earlier release did not keep whether its counters were heard when it began."""
        if kept == []:
            return
        if not (isinstance(kept, list) and len(kept) in {6, 7} and isinstance(kept[0], str)):
            raise ValueError("no record")
        name, begin_s, end_s, from_s, sure, totals, heard = kept if len(kept) == 7 else [*kept, True]
        if not isinstance(totals, list):
            raise ValueError("no record")
        if not all(type(one) is int for one in (begin_s, end_s, from_s, *totals)) or len(totals) != len(roles):
            raise ValueError("no record")
        if any(total > counted.get(role, 0) for role, total in zip(roles, totals, strict=True)):
            raise ValueError("a record of other counters")
        now, was = self._kind.at(begin_s), Period(name, begin_s, end_s)
        period = now if now is not None and now[:2] == was[:2] else was
        self._open = _Open(period, from_s, dict(zip(roles, totals, strict=True)), bool(sure), bool(heard))
        self._kept = []
