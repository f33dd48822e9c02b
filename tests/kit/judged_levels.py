"""Which true episodes of a level of load held long enough to be told, and whether they were."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from agent.load.machine import LEVELS
from config.load_settings import Thresholds
from tests.kit.played_day import STEP_S, Played

WINDOW_STEPS = int(900.0 / STEP_S)

LATE_S = 60.0
"""What is told at most so long after its time has come is told in time: samples and the rate's own delay."""


class Real(NamedTuple):
    """The true load at one moment: its index and how full, over the quarter of an hour around it, and the minutes until
    it would be full at this pace."""

    index: float
    fill: float
    tts_min: float


def episodes(ranks: Sequence[int], level: int) -> Iterator[tuple[int, int]]:
    """From which step to before which a row of levels was at `level` or above."""
    step = 0
    for is_there, group in groupby(ranks, lambda rank: rank >= level):
        begin, step = step, step + len(list(group))
        if is_there:
            yield begin, step


def is_due(real: Sequence[Real], level: int, limits: Thresholds) -> bool:
    """Whether in this episode a threshold of `level` was passed for as long as it must hold, and `LATE_S` longer."""
    holds = {
        1: [([one.index >= limits.busy for one in real], limits.busy_s)],
        2: [
            ([one.index >= limits.saturated for one in real], limits.saturated_s),
            ([one.tts_min <= limits.saturated_tts_min for one in real], limits.saturated_tts_s),
        ],
        3: [
            ([one.index >= limits.overflow for one in real], limits.overflow_s),
            ([one.fill >= limits.overflow_fill for one in real], limits.overflow_fill_s),
        ],
    }
    return any(STEP_S * _longest(passed) >= hold_s + LATE_S for passed, hold_s in holds[level])


def _longest(passed: Sequence[bool]) -> int:
    """The steps of the longest stretch."""
    return max((len(list(group)) for holds, group in groupby(passed) if holds), default=0)


def told_spans(day: Played, subject: str, level: int) -> Iterator[tuple[float, float]]:
    """From when to when `level` or above was told."""
    since_s: float | None = None
    for at_s, name, move in day.moves:
        if name != subject or move.after not in LEVELS:
            continue
        is_there = LEVELS.index(move.after) >= level
        if is_there and since_s is None:
            since_s = at_s
        elif not is_there and since_s is not None:
            yield since_s, at_s
            since_s = None
    if since_s is not None:
        yield since_s, math.inf


def was_told(span: tuple[int, int], said: Sequence[tuple[float, float]]) -> bool:
    """Rates are drawn over a window that ends now; the truth's has its middle there, half a window earlier."""
    begin_s, end_s = STEP_S * span[0], STEP_S * (span[1] + WINDOW_STEPS // 2)
    return any(since_s <= end_s + LATE_S and until_s >= begin_s for since_s, until_s in said)
