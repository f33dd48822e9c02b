"""A line's scans: what its scanners counted since this run began, as the agent's own streams and as figures.

A parcel is read several times by a good scanner: reads of one code within the line's duplicate window are one
*pass*. A pass is *new*, or *recirculated* when the code comes again after a round trip. Scans may exceed inductions:
a parcel put onto the sorter by hand is seen by no induct counter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.load.instant import Instant
from agent.load.meter import Meter
from fastpath.following import MINUTE_S, QUARTER_S
from fastpath.rates import WindowRate
from fastpath.scans import BAD_NAMES, COLUMN_NAMES, ScanCounter

ENOUGH_READS = 200
"""A no-read rate of fewer passes says more of chance than of the scanner."""


@dataclass(frozen=True, slots=True)
class ScanLoad:
    """Scans of a line at one moment, counted since this run of the agent began.

    `streams` are the authoritative counts by stream, those that are not 0. `no_read` also has what a photo-eye saw and
    its silent scanner did not read; None where such an eye was never heard. `bad` are lines that are none, for any
    reason. `peak_per_s` is the most passes of one second and `chutes_used` how many chutes got new parcels, both since
    the load was drawn before; `chutes_used` is None where no scanner tells chutes. `forgotten` codes were pushed out
    before their windows ended, each of which may count as new once too often.
    """

    streams: Mapping[str, int]
    total: int
    recirculated: int
    duplicate: int
    no_read: int | None
    multi: int
    bad: int
    forgotten: int
    pph_60: float | None
    pph_900: float | None
    no_read_rate: float | None
    peak_per_s: int | None
    chutes_used: int | None


class _Eye:
    """The photo-eye before a scanner that is silent on no-read. `unread` is what passed it and nobody read, since both
    could be compared: None before that, and what it was while the eye is silent. One on its way from eye to scanner
    counts until it is read."""

    def __init__(self, lane: int, meter: Meter) -> None:
        self._lane, self._meter = lane, meter
        self._from: tuple[int, int] | None = None
        self._mark: tuple[int, float | None] | None = None
        self._before = 0
        self.unread: int | None = None

    def look(self, passes_of: Sequence[int], at: Instant) -> bool:
        """Compare both at `at`; False where the eye is silent. What it guessed of itself begins the comparison anew."""
        if not self._meter.fresh(at):
            return False
        seen, passes = self._meter.overall.total, passes_of[self._lane]
        mark = self._meter.breaks, self._meter.estimated_s
        if self._from is None or mark != self._mark:
            self._from, self._mark, self._before = (seen, passes), mark, self.unread or 0
        self.unread = self._before + max(0, (seen - self._from[0]) - (passes - self._from[1]))
        return True


class LineScans:
    """Draws a line's scans from its counter, which another thread feeds; `eyes` are (lane, photo-eye) of silent
    scanners. While one of its scanners or eyes is not heard, no rate that needs it is told."""

    def __init__(self, line: str, counter: ScanCounter, eyes: Sequence[tuple[int, Meter]], started_s: float) -> None:
        self.counter = counter
        self._line = line
        self._eyes = [_Eye(lane, meter) for lane, meter in eyes]
        self._short, self._long = WindowRate(MINUTE_S), WindowRate(QUARTER_S)
        self._unread, self._passed = WindowRate(QUARTER_S), WindowRate(QUARTER_S)
        for rate in (self._short, self._long, self._unread, self._passed):
            rate.advance(started_s, 0)
        self._totals = counter.totals.cast("B").cast("Q")
        self._at_s = started_s
        self._heard = True
        self._forgotten = self._peak = 0
        self._of_chutes = counter.chute_totals.tolist()

    def advance(self, at: Instant) -> ScanLoad:
        """The scans counted in the seconds that had ended when they were last taken, which is now."""
        self.take(at, heard=self._heard)
        counts = {name: sum(self._lanes(name)) for name in COLUMN_NAMES}
        load = ScanLoad(
            streams=self.streams(),
            total=counts["new"],
            recirculated=counts["recirculated"],
            duplicate=counts["duplicate"],
            no_read=self._no_read(),
            multi=counts["multi"],
            bad=sum(counts[name] for name in BAD_NAMES),
            forgotten=self._forgotten,
            pph_60=self._short.per_hour,
            pph_900=self._long.per_hour,
            no_read_rate=self._no_read_rate(),
            peak_per_s=self._peak or (0 if self._heard else None),
            chutes_used=self._chutes_used(),
        )
        self._peak = 0
        return load

    def streams(self) -> dict[str, int]:
        """The authoritative counts since this run began, as they were last taken; those that are not 0."""
        return {name: count for name, count in self._streams() if count}

    def finish(self) -> None:
        """Nobody feeds the counter any more: what it counted in the second that has not ended is taken too."""
        while not self.counter.finish():
            self._take()

    def take(self, at: Instant, *, heard: bool = True) -> None:
        """Take over what was counted; each second, for what is not taken keeps the seconds after it back, and a rate
        that hears nothing for as long as its window begins anew. `heard`: each of its scanners can be."""
        taken, self._heard = self._take(), heard
        if not heard:
            self._short.restart()
            self._long.restart()
        if not (self._look(at) and heard):
            self._passed.restart()
            self._unread.restart()
        elif taken:
            self._passed.advance(self._at_s, sum(self._lanes("new")) + sum(self._lanes("recirculated")))
            self._unread.advance(self._at_s, self._no_read() or 0)
        if taken and heard:
            new = sum(self._lanes("new"))
            self._short.advance(self._at_s, new)
            self._long.advance(self._at_s, new)

    def _take(self) -> bool:
        """Whether a second has ended since this was called before."""
        snapshot = self.counter.take()
        if snapshot is None:
            return False
        self._at_s = snapshot.last_second + 1.0
        self._forgotten += snapshot.forgotten
        self._peak = max(self._peak, snapshot.peaks[-1])
        return True

    def _lanes(self, name: str) -> list[int]:
        """What was counted as that, by lane."""
        return self._totals[COLUMN_NAMES.index(name) :: len(COLUMN_NAMES)].tolist()

    def _look(self, at: Instant) -> bool:
        """Compare what the photo-eyes saw with what was read; False where one of them is silent."""
        if not self._eyes:
            return True
        passes_of = [new + again for new, again in zip(self._lanes("new"), self._lanes("recirculated"), strict=True)]
        heard = [eye.look(passes_of, at) for eye in self._eyes]
        return all(heard)

    def _no_read(self) -> int | None:
        """Parcels that nobody could read; None while a photo-eye that has to tell was never heard."""
        of_eyes = [eye.unread for eye in self._eyes]
        known = [one for one in of_eyes if one is not None]
        return sum(known, sum(self._lanes("no_read"))) if len(known) == len(of_eyes) else None

    def _streams(self) -> Iterator[tuple[str, int]]:
        for name in COLUMN_NAMES:
            yield f"{self._line}.scan.{name}", sum(self._lanes(name))
        lanes = _rows(self.counter.carrier_totals.cast("B").cast("Q").tolist(), len(self.counter.classes))
        for name, each in zip(self.counter.classes, zip(*lanes, strict=True), strict=True):
            yield f"{self._line}.carrier.{name}", sum(each)

    def _chutes_used(self) -> int | None:
        """How many chutes got new parcels since this was asked before; chute 0 is none."""
        before, self._of_chutes = self._of_chutes, self.counter.chute_totals.tolist()
        grown = [now > then for now, then in zip(self._of_chutes, before, strict=True)]
        return sum(grown[1:]) or (0 if self._heard else None) if len(grown) > 1 else None

    def _no_read_rate(self) -> float | None:
        passed, unread = self._passed.per_hour, self._unread.per_hour
        if passed is None or unread is None:
            return None
        looks = passed + max(0.0, unread)
        return max(0.0, unread) / looks if looks * self._passed.span_s / 3600 >= ENOUGH_READS else None


def _rows(flat: list[int], width: int) -> list[list[int]]:
    return [flat[at : at + width] for at in range(0, len(flat), width)]
