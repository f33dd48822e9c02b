"""A locker's day: parcels put in, how long those stayed that were taken out, and whether somebody saw all of it."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from itertools import accumulate, chain
from typing import NamedTuple

from agent.load.compartment import Stay
from agent.load.instant import Instant
from agent.load.periods import DAY_S, LOCAL_S, local_day

_TENTH_S = 360.0
_MOST = 10**9


class Dwell(NamedTuple):
    """How long parcels stayed, in hours with one decimal: the median, nine of ten at most, the longest."""

    p50_h: float
    p90_h: float
    max_h: float


class Day:
    """The local day so far. It begins anew at local midnight; while no clock tells the day, nothing begins.

    A stay is kept to a tenth of an hour. Only those whose both ends were seen count for `dwell`; others make the day
    partial, as does a time in which a board was not heard.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._begin_s = self._end_s = math.inf
        self._delivered: Counter[str] = Counter()
        self._tenths: Counter[int] = Counter()
        self.partial = True

    def advance(self, at: Instant, *, whole: bool) -> None:
        """Time goes by; `whole`: at this moment every board is heard, and nothing is in doubt."""
        if not self._begin_s <= at.wall_s < self._end_s and at.quality != "none":
            self._turn(local_day(at.wall_s))
        self.partial |= not whole

    def _turn(self, number: int) -> None:
        """It is that day, mostly another."""
        if self._number is not None and number != self._number:
            self._delivered.clear()
            self._tenths.clear()
            self.partial = False
        self._number = number
        self._begin_s, self._end_s = number * DAY_S - LOCAL_S, (number + 1) * DAY_S - LOCAL_S

    def delivered(self, size: str) -> None:
        """A parcel was put into a compartment of that size."""
        self._delivered[size] += 1

    def collected(self, stay: Stay, at_s: float) -> None:
        """A parcel was taken out."""
        if stay.exact:
            self._tenths[round((at_s - stay.start_s) / _TENTH_S)] += 1
        else:
            self.partial = True

    @property
    def number(self) -> int | None:
        """Which day it is; None before any clock told it."""
        return self._number

    def deliveries(self, size: str | None = None) -> int | None:
        """Parcels put in today, of one size or of all; None while no clock tells what today is."""
        if self._number is None:
            return None
        return self._delivered.total() if size is None else self._delivered[size]

    @property
    def dwell(self) -> Dwell | None:
        """Of the parcels taken out today; None where there was none."""
        if not self._tenths:
            return None
        tenths = sorted(self._tenths)
        ended = list(accumulate(self._tenths[one] for one in tenths))
        ranks = (-(-share * ended[-1] // 100) for share in (50, 90, 100))
        return Dwell(*(tenths[bisect_left(ended, rank)] / 10 for rank in ranks))

    # --- what outlives the process ---

    def state(self) -> list[object]:
        """As JSON can hold it."""
        return [self._number, dict(self._delivered), [list(one) for one in self._tenths.items()]]

    def restore(self, kept: object) -> None:
        """Take up what another run left; ValueError for what is no state. Nobody saw what happened in between."""
        match kept:
            case [int() | None as number, dict(delivered), list(tenths)]:
                pass
            case _:
                raise ValueError("not a locker's day")
        pairs = [one for one in tenths if isinstance(one, list) and len(one) == 2]
        if len(pairs) != len(tenths) or not all(map(_is_count, (*delivered.values(), *chain(*pairs)))):
            raise ValueError("not a locker's day")
        self._number, self.partial = number, True
        self._begin_s = self._end_s = math.inf
        self._delivered, self._tenths = Counter(delivered), Counter({tenth: n for tenth, n in pairs if n})


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < _MOST
