"""A set of spool positions as ranges: sixteen bytes a range, however many positions it spans."""

from __future__ import annotations

from array import array
from bisect import bisect_right


class Positions:
    """Positions that are done with; the ranges are disjoint, not touching, and in order."""

    __slots__ = ("_ends", "_starts", "count")

    def __init__(self) -> None:
        self._starts = array("Q")
        self._ends = array("Q")
        self.count = 0

    def add(self, start: int, end: int) -> None:
        """Put in [start, end), whatever of it is in already."""
        if start >= end:
            return
        first = bisect_right(self._starts, start)
        if first and self._ends[first - 1] >= start:
            first -= 1
        last = bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self.count += end - start - sum(self._ends[i] - self._starts[i] for i in range(first, last))
        self._starts[first:last] = array("Q", (start,))
        self._ends[first:last] = array("Q", (end,))

    def next_absent(self, position: int) -> int:
        """The first position from `position` on that is not in."""
        at = bisect_right(self._starts, position) - 1
        return max(position, self._ends[at]) if at >= 0 else position

    def forget_below(self, position: int) -> None:
        """Drop what lies below; nobody will ask for it again."""
        whole = bisect_right(self._ends, position)
        self.count -= sum(self._ends[i] - self._starts[i] for i in range(whole))
        del self._starts[:whole], self._ends[:whole]
        if self._starts and self._starts[0] < position:
            self.count -= position - self._starts[0]
            self._starts[0] = position

    def __len__(self) -> int:
        return len(self._starts)
