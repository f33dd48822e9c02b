"""Alarms: which are active, which came first, who has acknowledged them, and a record of those that are over."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
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
        self._firsts: dict[str, tuple[str, float]] = {}
        """By place the first since none stood there, and the boot-clock second of its onset."""

    def begin(  # noqa: PLR0913, PLR0917 - an alarm begins with all this, on both clocks
        self,
        of: Input,
        inputs: Mapping[str, Input],
        onset_s: float,
        onset_ms: int,
        value: float | None,
        drill: bool,
    ) -> Alarm:
        """The input became one. The first of its place is the one with the earliest onset on the boot clock, also when
        told later, until all of that place are over."""
        first, since_s = self._first_of(self._standing(of.line, inputs), of, onset_s)
        if onset_s < since_s:
            first, since_s = of.id, onset_s
        self._firsts[of.line] = first, since_s
        self.active[of.id] = made = Alarm(of.id, onset_ms, value, first, exercise=drill)
        return made

    def correct(self, line: str, inputs: Mapping[str, Input]) -> Sequence[Alarm]:
        """One began there that was told late: those that stood name it now, where it was before the one they named."""
        first, _ = self._firsts[line]
        changed = [replace(one, first=first) for one in self._standing(line, inputs) if one.first != first]
        self.active |= {one.id: one for one in changed}
        return changed

    def _standing(self, line: str, inputs: Mapping[str, Input]) -> Sequence[Alarm]:
        return [one for one in self.active.values() if one.id in inputs and inputs[one.id].line == line]

    def _first_of(self, standing: Sequence[Alarm], new: Input, onset_s: float) -> tuple[str, float]:
        if not standing:
            return new.id, onset_s
        of_earlier_release = standing[-1].first, 0.0  # that kept no onset: this boot saw none of it
        return self._firsts.get(new.line, of_earlier_release)

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

    def acknowledge(self, name: str, by: str, onset_ms: int | None = None) -> Alarm | None:
        """Somebody has seen it: an active one, else the last that is over, with `onset_ms` none but the one that began
        then; None where there is none or it was seen."""
        alarm = self.active.get(name)
        if alarm is not None and onset_ms in {None, alarm.onset_ms}:
            if alarm.acked_by:
                return None
            self.active[name] = changed = replace(alarm, acked_by=by)
            return changed
        for place in range(len(self.over) - 1, -1, -1):
            one = self.over[place]
            if one.id == name and onset_ms in {None, one.onset_ms} and not one.acked_by:
                self.over[place] = changed = replace(one, acked_by=by)
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

    def restore(self, kept: object, shift_s: float) -> None:
        """Go on from `kept()` of an earlier run, whose boot clock was `shift_s` behind ours, also of a release that
        kept no first ones; ValueError, and nothing changed, for anything else."""
        if not isinstance(kept, list) or len(kept) not in {2, 3} or not all(isinstance(part, list) for part in kept):
            raise ValueError("no alarms")
        active, over = ([_alarm(one) for one in part] for part in kept[:2])
        firsts = [_first(one) for one in kept[2]] if len(kept) == 3 else []
        self._firsts = {line: (name, onset_s + shift_s) for line, name, onset_s in firsts}
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


def _first(form: object) -> tuple[str, str, float]:
    """A place, which alarm was the first in it, and the boot-clock second of its onset."""
    if not isinstance(form, list) or len(form) != 3 or type(form[2]) not in {int, float}:
        raise ValueError("no first alarm")
    line, name, onset_s = form
    if not isinstance(line, str) or not isinstance(name, str) or not math.isfinite(onset_s):
        raise ValueError("no first alarm")
    return line, name, float(onset_s)
