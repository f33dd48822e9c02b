"""How fast a total grew over the last minute or quarter of an hour, on the boot clock, in fixed memory."""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Collection

MARKS = 60
"""A window is kept as this many marks; it is longer than its name by at most one of them."""

ENOUGH_S = 10.0
"""Below so many seconds of counting there is no rate: one parcel more would change it by hundreds per hour."""


class WindowRate:
    """The mean rate of one total over the last `window_s` seconds, from samples at any distance.

    `per_hour` is the counts between two true samples over the time between them, `span_s`: the newest, and the
    youngest that is at least `window_s` old. So irregular samples and missed reads do not bend it. It is None until
    the samples span ENOUGH_S. After a silence longer than the window, and after `restart`, it begins anew.
    """

    __slots__ = ("_at_s", "_spacing_s", "_times", "_totals", "per_hour", "span_s", "window_s")

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._spacing_s = window_s / MARKS
        self._times = array("d")
        self._totals = array("q")
        self._at_s = self.span_s = 0.0
        self.per_hour: float | None = None

    def restart(self) -> None:
        """Forget the past: the counts to come do not continue it."""
        del self._times[:], self._totals[:]
        self.span_s, self.per_hour = 0.0, None

    def advance(self, at_s: float, total: int) -> None:
        """Take in that `total` was counted up to boot-clock second `at_s`; nothing older is taken."""
        times, window_s = self._times, self.window_s
        if times:
            if at_s <= self._at_s:
                return
            if at_s - self._at_s > window_s:
                self.restart()
        if not times or at_s - times[-1] >= self._spacing_s:
            times.append(at_s)
            self._totals.append(total)
        while len(times) > 1 and at_s - times[1] >= window_s:
            del times[0], self._totals[0]
        self._at_s, self.span_s = at_s, (span_s := at_s - times[0])
        self.per_hour = 3600.0 * (total - self._totals[0]) / span_s if span_s >= ENOUGH_S else None


class SmoothedRate:
    """A rate for the eye: each sample's own rate, weighed by how much of `tau_s` it covers."""

    __slots__ = ("_at_s", "_tau_s", "_total", "per_hour")

    def __init__(self, tau_s: float) -> None:
        self._tau_s = tau_s
        self.restart()

    def restart(self) -> None:
        """Forget the past: the counts to come do not continue it."""
        self._at_s: float | None = None
        self._total = 0
        self.per_hour: float | None = None

    def advance(self, at_s: float, total: int) -> None:
        """Take in that `total` was counted up to boot-clock second `at_s`."""
        if self._at_s is not None and at_s > self._at_s:
            lasted_s = at_s - self._at_s
            seen = 3600.0 * (total - self._total) / lasted_s
            before = seen if self.per_hour is None else self.per_hour
            self.per_hour = before + (seen - before) * -math.expm1(-lasted_s / self._tau_s)
        if self._at_s is None or at_s > self._at_s:
            self._at_s, self._total = at_s, total


class Bins:
    """How much a total grew in each of the last `count` bins of `bin_s` seconds, as rates per hour.

    A bin that nobody looked into ends the row: bins are only comparable when they follow each other. The first one
    begins at a border.
    """

    __slots__ = ("_at_s", "_bin", "_bin_s", "_total", "_whole", "rates")

    def __init__(self, bin_s: float, count: int) -> None:
        self._bin_s = bin_s
        self.rates: deque[float] = deque(maxlen=count)
        self._bin: int | None = None
        self._whole = False
        self._at_s = 0.0
        self._total = 0

    def restart(self) -> None:
        """Forget the past: the counts to come do not continue it."""
        self.rates.clear()
        self._bin = None
        self._whole = False

    def advance(self, at_s: float, total: int) -> bool:
        """Take in that `total` was reached at boot-clock second `at_s`; True when that ended a bin."""
        now, before = int(at_s // self._bin_s), self._bin
        if now == before:
            return False
        follows = before is not None and now == before + 1
        if follows and self._whole:
            self.rates.append(3600.0 * (total - self._total) / (at_s - self._at_s))
        elif not follows:
            self.rates.clear()
        ended, self._whole = follows and self._whole, follows
        self._bin, self._at_s, self._total = now, at_s, total
        return ended

    @property
    def evenness(self) -> float | None:
        """1 - coefficient of variation, at least 0; None until all bins are there, or where nothing moved."""
        return evenness(self.rates) if len(self.rates) == self.rates.maxlen else None


def evenness(rates: Collection[float]) -> float | None:
    """1 - standard deviation over mean, at least 0: 1 where all are alike; None of fewer than two, or of nothing."""
    mean = math.fsum(rates) / len(rates) if len(rates) > 1 else 0.0
    if mean <= 0:
        return None
    variance = math.fsum((rate - mean) ** 2 for rate in rates) / len(rates)
    return max(0.0, 1.0 - math.sqrt(variance) / mean)
