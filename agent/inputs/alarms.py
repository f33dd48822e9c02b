"""Alarms: which are active, which came first, who has acknowledged them, and a record of those that are over."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from config.input_settings import Input

MOST_RECORDS = 64
"""So many alarms that are over are remembered."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm, times in Unix ms as the clock was then. `first` is the alarm that began the trouble in its place (its
    line, or the site); `known` is false while its input is silent; `acked_by` is "" until somebody has seen it."""

    id: str
    onset_ms: int
    value: float | None
    first: str
    exercise: bool = False
    known: bool = True
    acked_by: str = ""
    over_ms: int | None = None


class Alarms:
    """For the inputs that are alarms. What changes is told by whoever calls."""

    def __init__(self) -> None:
        self.active: dict[str, Alarm] = {}
        self.over: deque[Alarm] = deque(maxlen=MOST_RECORDS)
        self._firsts: dict[str, tuple[str, int]] = {}

    def begin(self, of: Input, inputs: Mapping[str, Input], onset_ms: int, value: float | None, drill: bool) -> Alarm:
        """The input became one. The first of its place is the one with the earliest onset, also when told later, until
        all of that place are over."""
        stands = any(one in inputs and inputs[one].line == of.line for one in self.active)
        first, since_ms = self._firsts.get(of.line, (of.id, onset_ms)) if stands else (of.id, onset_ms)
        if onset_ms < since_ms:
            first, since_ms = of.id, onset_ms
        self._firsts[of.line] = first, since_ms
        self.active[of.id] = made = Alarm(of.id, onset_ms, value, first, exercise=drill)
        return made

    def end(self, name: str, at_ms: int) -> Alarm | None:
        """The input is one no more; what is remembered of it."""
        alarm = self.active.pop(name, None)
        if alarm is None:
            return None
        over = replace(alarm, over_ms=at_ms, known=True)
        self.over.append(over)
        return over

    def doubt(self, name: str, *, known: bool) -> Alarm | None:
        """The input of an active alarm is silent, or speaks again."""
        alarm = self.active.get(name)
        if alarm is None or alarm.known == known:
            return None
        self.active[name] = changed = replace(alarm, known=known)
        return changed

    def acknowledge(self, name: str, by: str) -> Alarm | None:
        """Somebody has seen it: an active one, else the last that is over; None where there is none or it was seen."""
        alarm = self.active.get(name)
        if alarm is not None:
            if alarm.acked_by:
                return None
            self.active[name] = changed = replace(alarm, acked_by=by)
            return changed
        for place in range(len(self.over) - 1, -1, -1):
            if self.over[place].id == name and not self.over[place].acked_by:
                self.over[place] = changed = replace(self.over[place], acked_by=by)
                return changed
        return None

    @property
    def unacknowledged(self) -> int:
        """Alarms that nobody has seen, active or over."""
        return sum(not one.acked_by for one in (*self.active.values(), *self.over))

    def kept(self) -> list[list[list[object]]]:
        """What must outlive the process, JSON-able."""
        firsts: list[list[object]] = [[line, *first] for line, first in self._firsts.items()]
        return [[_form(one) for one in self.active.values()], [_form(one) for one in self.over], firsts]

    def restore(self, kept: object) -> None:
        """Go on from `kept()`; ValueError, and nothing changed, for anything else."""
        if not isinstance(kept, list) or len(kept) != 3 or not all(isinstance(part, list) for part in kept):
            raise ValueError("no alarms")
        active, over = ([_alarm(one) for one in part] for part in kept[:2])
        self._firsts = dict(map(_first, kept[2]))
        self.active = {one.id: one for one in active}
        self.over = deque(over, MOST_RECORDS)


def _form(one: Alarm) -> list[object]:
    return [one.id, one.onset_ms, one.value, one.first, one.exercise, one.known, one.acked_by, one.over_ms]


def _alarm(form: object) -> Alarm:
    if not isinstance(form, list) or len(form) != 8:
        raise ValueError("no alarm")
    name, onset_ms, value, first, exercise, known, by, over_ms = form
    if not all(isinstance(one, str) for one in (name, first, by)) or not isinstance(value, int | float | None):
        raise ValueError("no alarm")
    if type(onset_ms) is not int or not isinstance(over_ms, int | None) or {type(exercise), type(known)} != {bool}:
        raise ValueError("no alarm")
    return Alarm(name, onset_ms, value, first, exercise, known, by, over_ms)


def _first(form: object) -> tuple[str, tuple[str, int]]:
    """A place, which alarm was the first in it, and its onset."""
    if not isinstance(form, list) or list(map(type, form)) != [str, str, int]:
        raise ValueError("no first alarm")
    return form[0], (form[1], form[2])
