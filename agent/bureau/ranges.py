"""Sets of sequence numbers as ranges: what is in one and not in another, cost by the ranges and not by the numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from operator import itemgetter
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]
"""Sequence numbers from first to last, both included."""


def runs(numbers: Iterable[int]) -> list[Range]:
    """The numbers, in any order and with repeats, as the fewest ranges, in order."""
    return joined((number, number) for number in numbers)


def joined(ranges: Iterable[Range]) -> list[Range]:
    """The same numbers in the fewest ranges, in order; `ranges` may touch and overlap."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def without(ranges: Iterable[Range], taken: Sequence[Range]) -> Iterator[Range]:
    """What is left of each of `ranges` without `taken`, which is joined."""
    for first, last in ranges:
        start = first
        for away_first, away_last in _near(taken, first, last):
            if start < away_first:
                yield start, away_first - 1
            start = away_last + 1
        if start <= last:
            yield start, last


def common(ranges: Iterable[Range], others: Sequence[Range]) -> Iterator[Range]:
    """What of each of `ranges` is in `others`, which is joined."""
    for first, last in ranges:
        yield from ((max(first, start), min(last, end)) for start, end in _near(others, first, last))


def pieces_in(one: Range, most: int) -> int:
    """How many pieces of at most `most` numbers it has."""
    return (one[1] - one[0]) // most + 1


def piece(one: Range, most: int, number: int) -> Range:
    """Piece `number` of them, counted from 0, so that one request never asks for a week."""
    first = one[0] + number * most
    return first, min(first + most - 1, one[1])


def _near(ranges: Sequence[Range], first: int, last: int) -> Iterator[Range]:
    """Those of the joined `ranges` that have a number in [first, last]."""
    at = bisect_left(ranges, first, key=itemgetter(1))
    return takewhile(lambda one: one[0] <= last, (ranges[n] for n in range(at, len(ranges))))
