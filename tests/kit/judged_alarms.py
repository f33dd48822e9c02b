"""What the alarms of a played day were worth: each true one beside the told one, which came first, the last gasp."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.kit.day_inputs import Told, Truth
from tests.kit.played_day import SITE, STEP_S, Played

CONTACT_LATE_S = 3.0
"""A contact that bounces, read each second, is believed at most so much later than one that does not."""

GAUGE_OFF_S = 120.0
"""In gusts the moment at which a slow gauge passes its limit is known no better than this."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A true alarm and how it was told; None is never. `due_s` is how long it must be there, and be gone."""

    alarm: str
    began_s: float
    ended_s: float | None
    told_s: float | None
    over_s: float | None
    first: str
    first_told: str | None
    due_s: tuple[float, float]
    measured: bool

    @property
    def right(self) -> bool:
        """Told when it had held for its time, ended when it was gone for its time, and the first one named."""
        began = self._in_time(self.began_s, self.due_s[0], self.told_s)
        ended = self.ended_s is None or self._in_time(self.ended_s, self.due_s[1], self.over_s)
        return began and ended and self.first == self.first_told

    def _in_time(self, truly_s: float, hold_s: float, told_s: float | None) -> bool:
        if told_s is None:
            return False
        early_s, late_s = (GAUGE_OFF_S, GAUGE_OFF_S) if self.measured else (hold_s, CONTACT_LATE_S)
        return -early_s <= told_s - truly_s - hold_s <= late_s


@dataclass(frozen=True, slots=True)
class Alarms:
    """All of a day: the true ones, what was told and never was, and how often mains went and were said to."""

    true: tuple[Alarm, ...]
    false: tuple[Told, ...]
    mains: int
    gasps: int

    @property
    def missed(self) -> int:
        return sum(one.told_s is None for one in self.true)

    @property
    def faults(self) -> Iterator[str]:
        """Everything that was not told as it was."""
        yield from (
            f"alarm {one.alarm} at {one.began_s:.0f} s not told as it was" for one in self.true if not one.right
        )
        yield from (f"alarm {one.alarm} told at {one.at_s:.0f} s was none" for one in self.false)
        if self.gasps != self.mains:
            yield f"{self.mains} times the mains were lost, {self.gasps} last gasps"


def judge_alarms(day: Played) -> Alarms:
    """Hold the alarms that were told against the true ones, but for what began too late to be told."""
    last_s = len(day.flows[SITE]) * STEP_S
    left, found = list(day.told_alarms), []
    for one in day.true_alarms:
        if one.begin_s + one.of.on_s + GAUGE_OFF_S > last_s:
            continue
        began, over = _take(left, one, "began", one.begin_s), None
        if one.end_s is not None and one.end_s + one.of.off_s + GAUGE_OFF_S <= last_s:
            over = _take(left, one, "ended", one.end_s)
        found.append(_alarm(one, day.true_alarms, began, over, last_s))
    false = tuple(told for told in left if told.what == "began" and told.at_s + GAUGE_OFF_S <= last_s)
    return Alarms(tuple(found), false, sum(one.of.kind == "mains" for one in day.true_alarms), len(day.gasps))


def _take(left: list[Told], of: Truth, what: str, from_s: float) -> Told | None:
    """The told one that is meant; it is meant once."""
    early_s = 0.0 if of.of.limit is None else GAUGE_OFF_S
    found = next(
        (one for one in left if one.alarm == of.of.id and one.what == what and one.at_s >= from_s - early_s), None
    )
    if found is not None:
        left.remove(found)
    return found


def _alarm(one: Truth, everything: Sequence[Truth], began: Told | None, over: Told | None, last_s: float) -> Alarm:
    of = one.of
    known_end = one.end_s if one.end_s is not None and one.end_s + of.off_s + GAUGE_OFF_S <= last_s else None
    return Alarm(
        of.id,
        one.begin_s,
        known_end,
        began.at_s if began else None,
        over.at_s if over else None,
        first_of(one, everything).of.id,
        began.first if began else None,
        (of.on_s, of.off_s),
        of.limit is not None,
    )


def first_of(one: Truth, everything: Sequence[Truth]) -> Truth:
    """The one that began the trouble: back from one to the one before it in its place that was not yet over."""
    before = [
        other
        for other in everything
        if other.of.line == one.of.line
        and other.begin_s < one.begin_s
        and (other.end_s is None or one.begin_s < other.end_s + other.of.off_s)
    ]
    return min((first_of(other, everything) for other in before), key=lambda first: first.begin_s, default=one)
