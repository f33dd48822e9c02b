"""What befalls a counter, and the run of its samples that are not taken: told as it begins and ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.load.counter import CounterRule

EventKind = Literal["baseline", "wrap", "reset", "doubt", "garbage", "refused", "trusted", "gap", "replaced"]

MANY = 10
"""So many samples in a row that are not taken are no accident of the wire: the settings do not fit the counter."""


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """What befell a counter; `detail` is plain text for the log.

    `doubt` and `garbage` (the sample was not taken): read again at once. In a run of such samples each of the two
    is told once, and after 10 of them `refused` names the setting that is likely wrong. The run ends with `trusted`,
    or with what explains it: `wrap`, `reset`, `gap` or `replaced`. `baseline`, `gap` and `replaced` break the run of
    counts: no rate may be drawn across them.
    """

    kind: EventKind
    detail: str


class Refusal:
    """The samples in a row that were not taken, and what of them is still to be told."""

    __slots__ = ("_beyond", "_first_s", "_last_raw", "_last_s", "_rise", "_rule", "_told", "samples")

    def __init__(self, rule: CounterRule) -> None:
        self._rule = rule
        self.samples = 0
        self._told: set[EventKind] = set()
        self._beyond = 0
        self._first_s = self._last_s = 0.0
        self._last_raw = 0
        self._rise: int | None = 0

    def hear(self, kind: EventKind, raw: int, at_s: float, detail: str) -> tuple[MeterEvent, ...]:
        """Take in one more sample; empty when it brings nothing new."""
        self._follow(raw, at_s)
        if kind not in self._told:
            self._told.add(kind)
            return (MeterEvent(kind, detail),)
        if self.samples < MANY or "refused" in self._told:
            return ()
        self._told.add("refused")
        return (MeterEvent("refused", f"{self.samples} samples in a row are not taken, {raw} now: {self._why()}"),)

    def end(self, raw: int, events: tuple[MeterEvent, ...]) -> tuple[MeterEvent, ...]:
        """A sample was taken, with `events`; where samples were refused before and none explains it, say it is over."""
        refused, self.samples = self.samples, 0
        if not refused:
            return events
        self._told.clear()
        return events or (MeterEvent("trusted", f"{raw} is taken, after {refused} that were not"),)

    def _follow(self, raw: int, at_s: float) -> None:
        if not self.samples:
            self._first_s, self._beyond, self._rise = at_s, 0, 0
        elif self._rise is not None:
            self._rise = self._rise + raw - self._last_raw if raw >= self._last_raw else None
        self.samples += 1
        self._beyond += raw >= self._rule.modulus
        self._last_raw, self._last_s = raw, at_s

    def _why(self) -> str:
        if 2 * self._beyond >= self.samples:
            return f"modulus = {self._rule.modulus} is likely too small"
        lasted_s = self._last_s - self._first_s
        if self._rise and lasted_s > 0 and self._rise > self._rule.max_rate_per_s * lasted_s:
            seen = self._rise / lasted_s
            return f"max_rate_per_s = {self._rule.max_rate_per_s:g} is likely too small, it runs at {seen:.0f}"
        return "likely another register, type or word order is meant"
