"""Counters seen together at one moment: what they counted in all, and whether all of them can be believed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agent.load.instant import Instant
from agent.load.meter import Meter
from agent.load.reckoning import NOTHING, Reckoning


class Survey(NamedTuple):
    """What meters have `counted` together, in all their bases; it continues as long as `breaks` stays.

    `fresh`: there are some, and each had an accepted sample within 3 of its periods, the first of them at boot-clock
    second `first_s` and the last at `last_s`.
    """

    counted: Reckoning
    breaks: int
    fresh: bool
    first_s: float
    last_s: float


UNSEEN = Survey(NOTHING, 0, False, math.inf, -math.inf)
"""Nobody looked yet."""


def survey(meters: Iterable[Meter], at: Instant) -> Survey:
    """The meters as they are at `at`."""
    lo = total = breaks = 0
    hi: int | None = 0
    boot_id, now_s = at.boot_id, at.boot_s
    first_s, last_s, fresh = math.inf, -math.inf, True
    for meter in meters:
        lo += meter.lo
        total += meter.total
        hi = None if hi is None or meter.hi is None else hi + meter.hi
        breaks += meter.breaks
        if meter.earlier is not NOTHING:
            lo, hi, total = Reckoning(lo, hi, total).plus(meter.earlier)
        read = meter.at
        if read is not None and read.boot_id == boot_id and abs(now_s - read.boot_s) < meter.watched_s:
            if read.boot_s < first_s:  # noqa: PLR1730 - the calls cost more than the rest of it
                first_s = read.boot_s
            if read.boot_s > last_s:  # noqa: PLR1730
                last_s = read.boot_s
        else:
            fresh = False
    return Survey(Reckoning(lo, hi, total), breaks, fresh and last_s >= first_s, first_s, last_s)


def combined(surveys: Sequence[Survey]) -> Survey:
    """What meters say together that were surveyed apart, at the same moment."""
    if len(surveys) == 1:
        return surveys[0]
    lo = total = breaks = 0
    hi: int | None = 0
    first_s, last_s, fresh = math.inf, -math.inf, bool(surveys)
    for counted, its_breaks, its_fresh, its_first_s, its_last_s in surveys:
        lo += counted.lo
        total += counted.total
        hi = None if hi is None or counted.hi is None else hi + counted.hi
        breaks += its_breaks
        fresh = fresh and its_fresh
        first_s, last_s = min(first_s, its_first_s), max(last_s, its_last_s)
    return Survey(Reckoning(lo, hi, total), breaks, fresh, first_s, last_s)
