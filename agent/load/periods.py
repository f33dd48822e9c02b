"""The parts of local time that parcels are added up over: hours, days, shifts, waves and the season.

Local time is that of the whole country, UTC+8 without summer time. Everything here is arithmetic on wall-clock
seconds; whether the wall clock can be trusted is the caller's affair.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from config.load_settings import DAY_MIN, Season, Span

DAY_S = 86_400
HOUR_S = 3600
LOCAL_S = 8 * HOUR_S
"""China Standard Time."""


class Period(NamedTuple):
    """A stretch of wall-clock seconds with a name, "" where the kind has only one."""

    name: str
    begin_s: int
    end_s: int


class Kind(Protocol):
    """One kind of period: at any moment there is one, or none."""

    @property
    def kind(self) -> str: ...

    def at(self, wall_s: float) -> Period | None: ...


def local_day(wall_s: float) -> int:
    """Days since 1970-01-01 in local time."""
    return int((wall_s + LOCAL_S) // DAY_S)


class Hours:
    """Each hour."""

    kind = "hour"

    def at(self, wall_s: float) -> Period:
        begin_s = int(wall_s // HOUR_S) * HOUR_S
        return Period("", begin_s, begin_s + HOUR_S)


class Days:
    """Each local day."""

    kind = "day"

    def at(self, wall_s: float) -> Period:
        begin_s = local_day(wall_s) * DAY_S - LOCAL_S
        return Period("", begin_s, begin_s + DAY_S)


class Spans:
    """Named parts of each day: shifts, or a wave, which lasts until its cut-off. Where two overlap at a moment, the one
    that began last."""

    def __init__(self, kind: str, spans: tuple[Span, ...]) -> None:
        self.kind = kind
        self._spans = spans

    def at(self, wall_s: float) -> Period | None:
        midnight_s = local_day(wall_s) * DAY_S - LOCAL_S
        found = [
            Period(span.id, begin_s, begin_s + 60 * span.length_min)
            for span in self._spans
            for begin_s in (midnight_s + 60 * (span.from_min % DAY_MIN) - day for day in (0, DAY_S))
            if begin_s <= wall_s < begin_s + 60 * span.length_min
        ]
        return max(found, key=lambda one: one.begin_s, default=None)


class Seasons:
    """The season, from its first day's beginning to its last day's end."""

    kind = "season"

    def __init__(self, season: Season) -> None:
        begin_s = season.first_day * DAY_S - LOCAL_S
        self._period = Period("", begin_s, (season.last_day + 1) * DAY_S - LOCAL_S)

    def at(self, wall_s: float) -> Period | None:
        return self._period if self._period.begin_s <= wall_s < self._period.end_s else None
