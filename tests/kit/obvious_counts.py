"""What the compiled room makes of counters, in obvious Python, and counters that live through anything beside it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from agent.load.counter import CounterRule
from agent.load.instant import Instant
from agent.load.meter import Meter, MeterEvent
from fastpath.rates import ENOUGH_S, MARKS, SmoothedRate

MODULI = (10**4, 2**16, 2**32, 2**64)


class Considering(Meter):
    """A meter that takes no short way: every sample is considered."""

    __slots__ = ()

    def advance(self, raw: int, at: Instant) -> tuple[MeterEvent, ...]:
        return self.consider(raw, at)


class ObviousRate:
    """What a `WindowRate` is, in obvious Python: every mark a pair."""

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self.marks: list[tuple[float, int]] = []
        self.newest = (0.0, 0)

    def advance(self, at_s: float, total: int) -> None:
        if self.marks and at_s <= self.newest[0]:
            return
        if self.marks and at_s - self.newest[0] > self.window_s:
            self.marks.clear()
        if not self.marks or at_s - self.marks[-1][0] >= self.window_s / MARKS:
            self.marks.append((at_s, total))
        while len(self.marks) > 1 and at_s - self.marks[1][0] >= self.window_s:
            del self.marks[0]
        self.newest = at_s, total

    @property
    def span_s(self) -> float:
        return self.newest[0] - self.marks[0][0] if self.marks else 0.0

    @property
    def per_hour(self) -> float | None:
        span_s = self.span_s
        return 3600.0 * (self.newest[1] - self.marks[0][1]) / span_s if span_s >= ENOUGH_S else None


class ObviousRates:
    """The rates of one meter over a minute and a quarter of an hour, since its last break."""

    def __init__(self, meter: Meter) -> None:
        self.meter, self.breaks = meter, meter.breaks
        self.minute, self.quarter, self.display = ObviousRate(60.0), ObviousRate(900.0), SmoothedRate(10.0)
        self._heard_s = -math.inf

    def advance(self, at: Instant) -> None:
        meter = self.meter
        if meter.at is None or meter.at.boot_id != at.boot_id:
            return
        if meter.breaks != self.breaks:
            self.breaks = meter.breaks
            self.minute, self.quarter = ObviousRate(60.0), ObviousRate(900.0)
            self.display.restart()
        if meter.at.boot_s - self._heard_s >= meter.watched_s:
            self.display.restart()
        self._heard_s = meter.at.boot_s
        for rate in (self.minute, self.quarter, self.display):
            rate.advance(meter.at.boot_s, meter.total)

    def settled(self, at: Instant) -> bool:
        guessed_s = self.meter.estimated_s
        return self.quarter.span_s >= 450.0 and (guessed_s is None or at.boot_s - guessed_s > 900.0)


class ObviousRole:
    """The counters of one role, followed."""

    def __init__(self, meters: Sequence[Meter]) -> None:
        self.counters = [ObviousRates(meter) for meter in meters]

    def follow(self, at: Instant) -> dict[str, object]:
        for one in self.counters:
            one.advance(at)
        return {**surveyed([one.meter for one in self.counters], at), **self._rates(at)}

    def _rates(self, at: Instant) -> dict[str, object]:
        fresh = bool(self.counters) and all(one.meter.fresh(at) for one in self.counters)
        guesses = sum(one.meter.breaks + (one.meter.estimated_s or 0.0) for one in self.counters)
        return {
            "pph_10": _together([one.display.per_hour for one in self.counters]) if fresh else None,
            "pph_60": _together([one.minute.per_hour for one in self.counters]) if fresh else None,
            "pph_900": _together([one.quarter.per_hour for one in self.counters]) if fresh else None,
            "span_s": min((one.quarter.span_s for one in self.counters), default=0.0),
            "settled": all(one.settled(at) for one in self.counters),
            "guesses": guesses,
        }


def surveyed(meters: Sequence[Meter], at: Instant) -> dict[str, object]:
    """What a `Survey` of them must say at `at`."""
    read_s = [one.at.boot_s for one in meters if one.at is not None and one.fresh(at)]
    his = [one.overall.hi for one in meters]
    return {
        "lo": sum(one.overall.lo for one in meters),
        "hi": None if None in his else sum(hi for hi in his if hi is not None),
        "total": sum(one.overall.total for one in meters),
        "breaks": sum(one.breaks for one in meters),
        "fresh": bool(meters) and len(read_s) == len(meters),
        "first_s": min(read_s, default=math.inf),
        "last_s": max(read_s, default=-math.inf),
    }


def _together(rates: Sequence[float | None]) -> float | None:
    return None if None in rates else sum(rate for rate in rates if rate is not None)


Known = tuple[object, ...]


def known(meter: Meter) -> Known:
    """All that is known of it."""
    return (*meter.state(), meter.breaks, meter.refused_s, meter.estimated_s)


class Life:
    """A counter through belts and silences, wraps and resets, reboots and replies of any integer; seeded."""

    def __init__(self, dice: random.Random, period_s: float = 1.0) -> None:
        self._dice = dice
        rate, latency_s = dice.choice((0.5, 20.0, 1e6)), dice.choice((0.0, 1.0))
        self.rule = CounterRule(dice.choice(MODULI), rate, period_s=period_s, latency_s=latency_s)
        top = min(self.rule.modulus, 2**34)
        self.raw = self.rule.modulus - 1 - dice.randrange(top) if dice.random() < 0.5 else dice.randrange(top)
        self.at = Instant("a", 1000.0, 1.8e9, "ntp")

    def samples(self, count: int) -> Iterator[tuple[int, Instant]]:
        """So many readings, and when."""
        for _ in range(count):
            self._pass()
            yield (self._noise() if self._dice.random() < 0.05 else self.raw), self.at

    def _pass(self) -> None:
        dice, at = self._dice, self.at
        gap_s = dice.choice((0.0, 0.3, 1.0, 1.0, 1.0, 1.0, 2.9, 3.0, 70.0, 7200.0, -0.5))
        boot = at.boot_id + "b" if dice.random() < 0.01 else at.boot_id
        self.at = Instant(boot, at.boot_s + gap_s, at.wall_s + gap_s, dice.choice(("ntp", "ntp", "ntp", "none")))
        if dice.random() < 0.02:
            self.raw = 0
        most = int(self.rule.max_rate_per_s * max(0.0, gap_s))
        self.raw = (self.raw + dice.choice((0, most // 2, most, most + 1))) % self.rule.modulus

    def _noise(self) -> int:
        near = self.raw + self._dice.choice((-1, 1, 2**16, -(2**16), self.rule.modulus))
        return self._dice.choice((near, -1, -(2**70), 2**64, 2**64 - 1, self._dice.randrange(2**65)))
