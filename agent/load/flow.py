"""What passes the counters of one role: totals, and rates that are known of all of them or not at all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from agent.load.instant import Instant
from agent.load.meter import Meter
from agent.load.survey import UNSEEN, survey
from config.device_settings import CounterRef
from fastpath.rates import SmoothedRate, WindowRate

SHORT_S = 60.0
LONG_S = 900.0
DISPLAY_S = 10.0


class Flow(NamedTuple):
    """What the counters of one role saw together: parcels since their baselines, and parcels per hour."""

    total: int
    lo: int
    hi: int | None
    pph_60: float | None
    pph_900: float | None
    fresh: bool
    pph_10: float | None = None


class CountedRates:
    """One meter and its rates; a base begun anew or a gap restarts them, and `display` each silence."""

    __slots__ = ("_heard_s", "breaks", "display", "long", "meter", "short")

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.breaks = meter.breaks
        self.short = WindowRate(SHORT_S)
        self.long = WindowRate(LONG_S)
        self.display = SmoothedRate(DISPLAY_S)
        self._heard_s = -math.inf

    def advance(self, boot_id: str) -> None:
        meter = self.meter
        if meter.at is None or meter.at.boot_id != boot_id:
            return
        at_s, total = meter.at.boot_s, meter.total
        silent = at_s - self._heard_s >= meter.watched_s
        self._heard_s = at_s
        if meter.breaks != self.breaks:
            self.breaks = meter.breaks
            self.short.restart()
            self.long.restart()
            silent = True
        if silent:
            self.display.restart()
        self.short.advance(at_s, total)
        self.long.advance(at_s, total)
        self.display.advance(at_s, total)

    def settled(self, at: Instant) -> bool:
        """True when nothing within the long window was a guess, and at least half of it was seen."""
        guessed_s = self.meter.estimated_s
        return self.long.span_s >= LONG_S / 2 and (guessed_s is None or at.boot_s - guessed_s > LONG_S)


class RoleFlow:
    """The counters of one role together, as they were when they were last followed.

    `seen` is what their meters said then, `total` the best value in it; `guesses` stays where nothing of that was
    guessed. `pph_900` is over a quarter of an hour, of which `span_s` was seen; None unless all are fresh and have a
    rate.
    """

    __slots__ = ("counters", "guesses", "meters", "pph_900", "seen", "span_s", "total")

    def __init__(self, refs: Iterable[CounterRef], meters: Mapping[CounterRef, Meter]) -> None:
        self.counters = tuple(CountedRates(meters[ref]) for ref in refs)
        self.meters = tuple(one.meter for one in self.counters)
        self.seen = UNSEEN
        self.total = 0
        self.guesses = self.span_s = 0.0
        self.pph_900: float | None = None

    def __bool__(self) -> bool:
        return bool(self.counters)

    def follow(self, at: Instant) -> None:
        """Take in what the meters have counted until `at`."""
        self.seen = now = survey(self.meters, at)
        known, pph, span_s, guesses = now.fresh, 0.0, math.inf, 0.0
        for one in self.counters:
            one.advance(at.boot_id)
            guesses += one.meter.estimated_s or 0.0
            span_s = min(span_s, one.long.span_s)
            rate = one.long.per_hour
            if rate is None:
                known = False
            else:
                pph += rate
        self.total, self.guesses = now.counted.total, guesses + now.breaks
        self.pph_900, self.span_s = pph if known else None, span_s if self.counters else 0.0

    def counted(self) -> int:
        """The best value of all that its meters have counted until now, followed or not."""
        return sum(meter.overall.total for meter in self.meters)

    def draw(self) -> Flow | None:
        """All of it; None of a role without counters."""
        if not self.counters:
            return None
        (lo, hi, total), fresh = self.seen.counted, self.seen.fresh
        return Flow(
            total=total,
            lo=lo,
            hi=hi,
            pph_60=together([one.short.per_hour for one in self.counters]) if fresh else None,
            pph_900=self.pph_900,
            fresh=fresh,
            pph_10=together([one.display.per_hour for one in self.counters]) if fresh else None,
        )


def together(rates: Iterable[float | None]) -> float | None:
    """All of them together; None when one is not known."""
    total = 0.0
    for rate in rates:
        if rate is None:
            return None
        total += rate
    return total


def ratio(amount: float | None, of: float | None, least: float = 0.0) -> float | None:
    """One over the other; None where one is not known, or the other is not above `least`."""
    return None if amount is None or of is None or of <= least else amount / of
