"""The ways up to a level of load and down from it: by which figure, at what limit, held for how long."""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

from config.load_settings import Thresholds

Figure = Literal["load_index", "fill_ratio", "tts_min"]
Missing = Literal["stale", "bad", "no_figures"]
OVERFLOW = 3

DIP = 0.01
"""By this share of its limit a figure may fall short for a while: that stops the clock of a rise and does not set it
back. Which parcels a window of counts begins and ends with moves a rate by so much."""


class Signs(NamedTuple):
    """What a state is judged by. `missing` says why figures are not to be trusted, None where they are; until
    `forecast_settled` a `tts_min` of None says nothing."""

    load_index: float | None
    fill: float | None
    tts_min: float | None
    missing: Missing | None
    settled_s: float
    forecast_settled: bool = True
    run: bool | None = None
    suspended: str = ""
    exercise: bool = False


class Rise(NamedTuple):
    """A level is entered when `cause` was at least `limit` (`tts_min`: at most) for `hold_s`, and never below `dip`
    (above) in between. A dip is never as deep as where the level ends: what ended has nothing left to begin with."""

    rank: int
    cause: Figure
    limit: float
    dip: float
    hold_s: float

    def met(self, signs: Signs) -> bool:
        return self._reached(self.limit, signs)

    def dipped(self, signs: Signs) -> bool:
        """Whether it is met, or only just not."""
        return self._reached(self.dip, signs)

    def _reached(self, limit: float, signs: Signs) -> bool:
        value = value_of(self.cause, signs)
        if value is None:
            return False
        return value <= limit if self.cause == "tts_min" else value >= limit


def value_of(cause: Figure, signs: Signs) -> float | None:
    """The figure that a cause is about."""
    if cause == "load_index":
        return signs.load_index
    return signs.fill if cause == "fill_ratio" else signs.tts_min


@cache
def rises(limits: Thresholds) -> tuple[Rise, ...]:
    """Every way up, the highest first."""

    def over(limit: float, leave: float) -> tuple[float, float]:
        return limit, max(limit * (1.0 - DIP), leave)

    tts_min, leave_min = limits.saturated_tts_min, limits.saturated_tts_leave_min
    return (
        Rise(3, "fill_ratio", *over(limits.overflow_fill, limits.overflow_fill_leave), limits.overflow_fill_s),
        Rise(3, "load_index", *over(limits.overflow, limits.overflow_leave), limits.overflow_s),
        Rise(2, "load_index", *over(limits.saturated, limits.saturated_leave), limits.saturated_s),
        Rise(2, "tts_min", tts_min, min(tts_min * (1.0 + DIP), leave_min), limits.saturated_tts_s),
        Rise(1, "load_index", *over(limits.busy, limits.busy_leave), limits.busy_s),
    )


def falls(rank: int, signs: Signs, limits: Thresholds) -> bool:
    """Whether the figures are below where that level ends."""
    index = signs.load_index
    if index is None:
        return False
    if rank == OVERFLOW:
        return index < limits.overflow_leave and (signs.fill is None or signs.fill < limits.overflow_fill_leave)
    if rank == 2:
        far = signs.forecast_settled if signs.tts_min is None else signs.tts_min > limits.saturated_tts_leave_min
        return index < limits.saturated_leave and far
    return index < limits.busy_leave


def fall_of(rank: int, limits: Thresholds) -> tuple[float, float]:
    """The load index below which that level ends, and for how long it must be."""
    return (
        (limits.busy_leave, limits.busy_leave_s),
        (limits.saturated_leave, limits.saturated_leave_s),
        (limits.overflow_leave, limits.overflow_leave_s),
    )[rank - 1]
