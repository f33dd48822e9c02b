"""Counters seen together at one moment: what they counted in all, and whether all of them can be believed."""

from __future__ import annotations

import math
from collections.abc import Iterable
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
    first_s, last_s, fresh = math.inf, -math.inf, True
    for meter in meters:
        earlier_lo, earlier_hi, earlier = meter.earlier
        lo += earlier_lo + meter.lo
        total += earlier + meter.total
        hi = None if hi is None or earlier_hi is None or meter.hi is None else hi + earlier_hi + meter.hi
        breaks += meter.breaks
        if meter.at is None or not meter.fresh(at):
            fresh = False
            continue
        read_s = meter.at.boot_s
        first_s = min(first_s, read_s)
        last_s = max(last_s, read_s)
    return Survey(Reckoning(lo, hi, total), breaks, fresh and last_s >= first_s, first_s, last_s)
