"""What a line or site has to show for an hour, a shift, a wave, a day and the season, and the day's peak."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agent.load.instant import Instant
from agent.load.periods import DAY_S, LOCAL_S, Days, Hours, Kind, Period, Seasons, Spans, local_day
from agent.load.tally import Certain, Record, Tally
from config.load_settings import LoadSettings

HOURS = 24
QUARTER_S = 900
"""Before this in a day the last quarter of an hour was not all of that day."""


class Peak(NamedTuple):
    """The greatest rate of a quarter of an hour in a local day, and the wall-clock second it ended in."""

    day: int
    pph: float
    at_s: int


class SoFar(NamedTuple):
    """What arrived in the periods that run, and the peak; None where nobody knows, or none runs. Of the waves it is
    the one whose cut-off comes first.

    `peak_pph` is today's, `peak_ms` the wall time it ended in. `wave_slack_min` is what will be left until the cut-off
    of the wave when what is there has been worked off at capacity; below 0 it will not be.
    """

    peak_pph: float | None = None
    peak_ms: int | None = None
    peak_to_mean: float | None = None
    hour: int | None = None
    shift: int | None = None
    day: int | None = None
    season: int | None = None
    wave: int | None = None
    wave_id: str | None = None
    wave_left_min: float | None = None
    wave_slack_min: float | None = None


NOTHING_SO_FAR = SoFar()


class Records:
    """Adds up the totals of one line or site by role. `roles` fixes their order for good.

    `arrives` is the role that the peak and what came so far are of.
    """

    def __init__(self, settings: LoadSettings, roles: Sequence[str], arrives: str) -> None:
        self._roles = tuple(roles)
        self._arrives = arrives
        kinds: list[Kind] = [Hours(), Days(), Spans("shift", settings.shifts)]
        kinds += [Seasons(settings.season)] if settings.season else []
        self._tallies = {kind.kind: Tally(kind) for kind in kinds}
        self._waves = {f"wave {span.id}": Tally(Spans("wave", (span,))) for span in settings.waves}
        self._every = {**self._tallies, **self._waves}
        self._hours: deque[int] = deque(maxlen=HOURS)
        self._last_hour: Period | None = None
        self._peak: Peak | None = None
        self._sure = True
        self._totals: Mapping[str, int] = {}

    def advance(
        self, at: Instant, totals: Mapping[str, int], pph_900: float | None, left: int | None, certain: Certain
    ) -> list[Record]:
        """Take in the totals by role, how far they are `certain`, the rate of arrivals over a full quarter hour
        (None where it is not known) and what is left at `at`; nothing is dated while the wall clock is not trusted."""
        self._totals = totals
        self._sure = self._sure and certain.sure
        if not (at.wall_trusted and totals):
            return []
        certain, self._sure = Certain(self._sure, certain.heard), True
        if pph_900 is not None and (at.wall_s + LOCAL_S) % DAY_S >= QUARTER_S:
            self._top(at.wall_s, pph_900)
        closed = []
        for tally in self._every.values():
            record = tally.advance(at.wall_s, totals, left, certain)
            if record is not None:
                closed.append(record)
                if record.kind == "hour":
                    self._note_hour(record)
        return closed

    def _top(self, wall_s: float, pph: float) -> None:
        day = local_day(wall_s)
        if self._peak is None or self._peak.day != day or pph > self._peak.pph:
            self._peak = Peak(day, pph, int(wall_s))

    def _note_hour(self, record: Record) -> None:
        """Only whole hours that follow each other can be compared."""
        if self._last_hour is None or self._last_hour.end_s != record.period.begin_s or not record.complete:
            self._hours.clear()
        self._last_hour = record.period
        if record.complete:
            self._hours.append(record.counted.get(self._arrives, 0))

    def draw(self, at: Instant, level: int | None, capacity_pph: float) -> SoFar:
        """All of it at `at`, when `level` parcels wait for a capacity; nothing while nobody knows the time."""
        if not at.wall_trusted:
            return NOTHING_SO_FAR
        peak = self._peak if self._peak and self._peak.day == local_day(at.wall_s) else None
        role, total = self._arrives, self._totals.get(self._arrives)
        came = {kind: tally.so_far(at.wall_s, role, total) for kind, tally in self._tallies.items()}
        open_waves = [(tally.period, tally) for tally in self._waves.values() if tally.period]
        waves = [(period, tally) for period, tally in open_waves if at.wall_s < period.end_s]
        wave, tally = min(waves, key=lambda one: one[0].end_s, default=(None, None))
        left_min = max(0.0, wave.end_s - at.wall_s) / 60.0 if wave else None
        return SoFar(
            peak_pph=peak.pph if peak else None,
            peak_ms=1000 * peak.at_s if peak else None,
            peak_to_mean=self.peak_to_mean,
            hour=came.get("hour"),
            shift=came.get("shift"),
            day=came.get("day"),
            season=came.get("season"),
            wave=tally.so_far(at.wall_s, role, total) if tally else None,
            wave_id=wave.name if wave else None,
            wave_left_min=left_min,
            wave_slack_min=None if left_min is None or level is None else left_min - 60.0 * level / capacity_pph,
        )

    @property
    def peak_to_mean(self) -> float | None:
        """The greatest of the last 24 whole hours over their mean; None until there were so many, or nothing came."""
        if len(self._hours) < HOURS or not any(self._hours):
            return None
        return max(self._hours) * HOURS / sum(self._hours)

    def kept(self) -> dict[str, object]:
        """What must outlive the process, JSON-able."""
        form: dict[str, object] = {kind: tally.kept(self._roles) for kind, tally in self._every.items()}
        last = self._last_hour.end_s if self._last_hour else None
        return form | {"hours": [last, *self._hours], "peak": list(self._peak or ())}

    def restore(self, kept: object, counted: Mapping[str, int]) -> None:
        """Go on from `kept()`, by when `counted` was counted of each role; ValueError for what is none. A kind that was
        not counted then begins now."""
        if not isinstance(kept, dict):
            raise ValueError("no records")
        for kind, tally in self._every.items():
            tally.restore(kept.get(kind, []), self._roles, counted)
        hours, peak = kept.get("hours"), kept.get("peak")
        if isinstance(hours, list) and len(hours) > 1 and all(type(one) is int for one in hours):
            self._hours.extend(hours[1:])
            self._last_hour = Period("", hours[0] - 3600, hours[0])
        if isinstance(peak, list) and len(peak) == 3 and all(isinstance(one, int | float) for one in peak):
            self._peak = Peak(int(peak[0]), float(peak[1]), int(peak[2]))
