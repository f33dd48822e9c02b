"""How a total grew bin by bin, and how evenly."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection


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
