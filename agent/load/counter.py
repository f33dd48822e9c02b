"""What is declared of a counter, and what follows from it: how far it can run in a time, and which samples agree."""

from __future__ import annotations

from dataclasses import dataclass

WATCHED_PERIODS = 3
"""A counter is fresh, and was watched, when its last accepted sample is less than this many periods old."""

TORN_STEP = 1 << 16
"""By how much a 32-bit value read while its words change is wrong; where so much is possible, a second look decides."""


@dataclass(frozen=True, slots=True)
class CounterRule:
    """What is declared of a counter.

    `modulus`: where it wraps to 0. `max_rate_per_s`: the fastest it truly runs. `agree`: how many samples that
    contradict the counter but agree with each other prove that it was replaced. `period_s`: how often it is
    meant to be read. `latency_s`: how old a value can be when its reply is complete (the time-out of its bus):
    the time between two values is longer than between their replies by up to that.
    """

    modulus: int
    max_rate_per_s: float
    agree: int = 3
    period_s: float = 1.0
    latency_s: float = 1.0

    def within(self, elapsed_s: float) -> int:
        """The most that can be counted between two values whose replies came `elapsed_s` apart."""
        return int(self.max_rate_per_s * (max(0.0, elapsed_s) + self.latency_s)) + 1

    @property
    def watched_s(self) -> float:
        """Samples closer than this follow each other without a silence."""
        return WATCHED_PERIODS * self.period_s

    @property
    def blind(self) -> int:
        """Where so much can have been counted, one sample proves nothing: any value, or a torn one, would fit."""
        return min(self.modulus, max(TORN_STEP, self.within(self.watched_s) + 1))


class Suspects:
    """The last samples in a row that were not taken, as far as they agree with each other.

    Two agree when they are of one kind (`feasible` or not) and the counter can have run from one to the other.
    """

    __slots__ = ("_at_s", "_feasible", "_raw", "_rule", "agreeing")

    def __init__(self, rule: CounterRule) -> None:
        self._rule = rule
        self.agreeing = 0
        self._raw = 0
        self._at_s = 0.0
        self._feasible = False

    def hear(self, raw: int, at_s: float, *, feasible: bool) -> int:
        """How many agree now, with this one."""
        self.agreeing = self.agreeing + 1 if self.agreeing and self._followed_by(raw, at_s, feasible) else 1
        self._raw, self._at_s, self._feasible = raw, at_s, feasible
        return self.agreeing

    def _followed_by(self, raw: int, at_s: float, feasible: bool) -> bool:
        step = (raw - self._raw) % self._rule.modulus
        return feasible == self._feasible and step <= self._rule.within(at_s - self._at_s) < self._rule.blind

    def clear(self) -> None:
        self.agreeing = 0
