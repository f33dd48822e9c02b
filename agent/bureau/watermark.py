"""How far an epoch has arrived without a hole, and what is missing above: ranges in, ranges out, no store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""Sequence numbers from first to last, both included."""


def settled(watermark: int, last: int, known: Iterable[Range]) -> tuple[int, list[Range]]:
    """The new watermark and the gaps above it, up to `last`, the greatest number known to exist.

    Everything up to `watermark` has arrived. `known` are ranges above it that arrived or will never come; they may
    touch and overlap and be in any order.
    """
    gaps: list[Range] = []
    end = watermark
    for first, until in sorted(known):
        if first > end + 1:
            gaps.append((end + 1, first - 1))
        end = max(end, until)
    if last > end:
        gaps.append((end + 1, last))
    return (gaps[0][0] - 1 if gaps else end), gaps


def cut(gaps: Iterable[Range], most: int) -> Iterator[Range]:
    """The same gaps in pieces of at most `most` messages, so that one request never asks for a week."""
    return ((first, min(first + most - 1, until)) for start, until in gaps for first in range(start, until + 1, most))
