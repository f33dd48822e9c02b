"""The last so many rows of numbers, in memory that is taken once: a day of marks takes as much as none."""

from __future__ import annotations

from array import array
from collections.abc import Iterator


class Rows:
    """At most `most` rows of `width` numbers, oldest first; one more, and the oldest goes. Whole numbers come back as
    floats, exact up to 2**53; NaN stands where there is none."""

    __slots__ = ("_count", "_first", "_most", "_numbers", "_width")

    def __init__(self, width: int, most: int) -> None:
        self._width, self._most = width, most
        self._numbers = array("d", bytes(8 * width * most))
        self._first = self._count = 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> tuple[float, ...]:
        """As a list's: from -1 down they count from the newest. Raises IndexError."""
        at = row + self._count if row < 0 else row
        if not 0 <= at < self._count:
            raise IndexError(row)
        start = self._start(at)
        return tuple(self._numbers[start : start + self._width])

    def __iter__(self) -> Iterator[tuple[float, ...]]:
        return map(self.__getitem__, range(self._count))

    def append(self, *numbers: float) -> None:
        """As many as a row is wide; ValueError for others."""
        if len(numbers) != self._width:
            raise ValueError(f"a row has {self._width} numbers")
        start = self._start(self._count)
        if self._count < self._most:
            self._count += 1
        else:
            self._first = (self._first + 1) % self._most
        self._numbers[start : start + self._width] = array("d", numbers)

    def popleft(self) -> tuple[float, ...]:
        """The oldest, which goes. Raises IndexError where there is none."""
        oldest = self[0]
        self._first = (self._first + 1) % self._most
        self._count -= 1
        return oldest

    def clear(self) -> None:
        """All go."""
        self._count = 0

    def _start(self, row: int) -> int:
        return self._width * ((self._first + row) % self._most)
