"""A sorting line's load from its counters: totals, rates, work in progress, how full it is, and how far to trust that.

The one rule behind every figure: it is made of all the counters it needs, or it is None. A counter that is
silent or refused takes the rates, ratios and work in progress of its role with it; a calm number that is not
true would be worse than none. Totals stand as last known: they are what was counted, and only `quality` ages.

Quality of a line, the first that applies:

- `unsupported`: no counter is configured, neither induct nor discharge.
- `bad`: no counter is fresh, and one at least answers with values that are not taken: they cannot be true, or,
  soon after a reboot, wait for the clock.
- `stale`: no counter is fresh: none had an accepted sample within 3 of its periods.
- `partial`: some counters are not fresh; what they feed is None.
- `estimated`: all are fresh, but in the last quarter of an hour an increment was a best guess (a reset, a gap,
  another counter), or the 15-minute rates span less than half their window, or the line holds parcels of which
  nobody knows how many: it was not seen empty within a day (at rest for two minutes at its emptiest).
- `good`: none of these.

Rates, work in progress and quality are of this run of the agent: after a restart they begin anew, `estimated`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from agent.load.instant import Instant
from agent.load.meter import Meter
from agent.load.progress import WorkInProgress
from agent.load.rates import WindowRate
from agent.load.reckoning import NOTHING, Reckoning
from config.settings import CounterRef, Line

Quality = Literal["good", "estimated", "partial", "stale", "bad", "unsupported"]

SHORT_S = 60.0
LONG_S = 900.0
MAX_LOAD_INDEX = 200.0

SAMPLE_S = 5.0
"""Rates and work in progress are followed at least this often, however long a reporting interval is."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What the counters of one role saw together: parcels since their baselines, and parcels per hour."""

    total: int
    lo: int
    hi: int | None
    pph_60: float | None
    pph_900: float | None
    fresh: bool


@dataclass(frozen=True, slots=True)
class LineLoad:
    """A line at one moment. A role without counters is None. Parcels, pph, seconds and ratios; None is not known.

    `wip` is inducted - discharged - rejected since the emptiest moment of the last day: the least that agrees with
    every count, right once the line has been empty, to what passes within one period of its counters. `wip_lo` is the
    same of what is certain; `wip_hi` is None, for no counter tells how much more was there. `wip_drift` counts the
    parcels of this run that left when by `wip` none was there (loaded at the start, put on by hand, miscounted).
    `takt_s` is the time between two discharged parcels over the last minute. `load_ratio_in` and
    `load_ratio_out` are the 15-minute rates over the design capacity, `fill_ratio` is `wip` over the buffer,
    `load_index` is 100 x the greater of `load_ratio_in` and `fill_ratio`, at most 200; like `wip` both say at least,
    and `quality` is not `good` until the line was seen empty.
    """

    induct: Flow | None
    discharge: Flow | None
    recirculation: Flow | None
    reject: Flow | None
    wip: int | None
    wip_lo: int | None
    wip_hi: int | None
    takt_s: float | None
    load_ratio_in: float | None
    load_ratio_out: float | None
    fill_ratio: float | None
    load_index: float | None
    quality: Quality
    wip_drift: int = 0


class _Counter:
    """One meter and its rates; a base begun anew or a gap restarts them."""

    __slots__ = ("breaks", "long", "meter", "short")

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.breaks = meter.breaks
        self.short = WindowRate(SHORT_S)
        self.long = WindowRate(LONG_S)

    def advance(self, boot_id: str) -> None:
        meter = self.meter
        if meter.at is None or meter.at.boot_id != boot_id:
            return
        if meter.breaks != self.breaks:
            self.breaks = meter.breaks
            self.short.restart()
            self.long.restart()
        self.short.advance(meter.at.boot_s, meter.total)
        self.long.advance(meter.at.boot_s, meter.total)

    def settled(self, at: Instant) -> bool:
        """True when nothing within the long window was a guess, and at least half of it was seen."""
        guessed_s = self.meter.estimated_s
        return self.long.span_s >= LONG_S / 2 and (guessed_s is None or at.boot_s - guessed_s > LONG_S)


class LineModel:
    """Draws the load of one line from its counters' meters, which somebody else advances."""

    def __init__(self, line: Line, meters: Mapping[CounterRef, Meter]) -> None:
        """Raises KeyError for a counter of the line that has no meter."""
        self.line = line
        self._counters = {ref: _Counter(meters[ref]) for _, ref in line.counters()}
        self._induct = self._those(line.induct)
        self._discharge = self._those(line.discharge)
        self._recirculation = self._those(line.recirculation)
        self._reject = self._those(line.reject)
        entering, ends = self._induct, self._discharge and self._discharge + self._reject
        self._progress = WorkInProgress([one.meter for one in entering], [one.meter for one in ends])
        self._sampled_s = -SAMPLE_S

    def _those(self, refs: Iterable[CounterRef]) -> tuple[_Counter, ...]:
        return tuple(self._counters[ref] for ref in refs)

    def sample(self, at: Instant) -> None:
        """Follow the counters; call it each second, it does something every SAMPLE_S."""
        if at.boot_s - self._sampled_s >= SAMPLE_S - 0.5:
            self._follow(at)

    def _follow(self, at: Instant) -> Reckoning | None:
        self._sampled_s = at.boot_s
        for counter in self._counters.values():
            counter.advance(at.boot_id)
        return self._progress.advance(at)

    def advance(self, at: Instant) -> LineLoad:
        """The load at `at`, from the samples the meters have taken until now."""
        wip = self._follow(at)
        induct, discharge = _flow(self._induct, at), _flow(self._discharge, at)
        reject = _flow(self._reject, at)
        ratio_in = _ratio(induct.pph_900 if induct else None, self.line.capacity_pph)
        fill = _ratio(wip.total if wip else None, self.line.buffer_parcels)
        return LineLoad(
            induct=induct,
            discharge=discharge,
            recirculation=_flow(self._recirculation, at),
            reject=reject,
            wip=wip.total if wip else None,
            wip_lo=wip.lo if wip else None,
            wip_hi=wip.hi if wip else None,
            takt_s=3600.0 / discharge.pph_60 if discharge and discharge.pph_60 else None,
            load_ratio_in=ratio_in,
            load_ratio_out=_ratio(discharge.pph_900 if discharge else None, self.line.capacity_pph),
            fill_ratio=fill,
            load_index=_load_index(ratio_in, fill, fill_expected=bool(self._induct and self._discharge)),
            quality=self._quality(at),
            wip_drift=self._progress.drift,
        )

    def _quality(self, at: Instant) -> Quality:
        if not (self._induct or self._discharge):
            return "unsupported"
        counters = tuple(self._counters.values())
        fresh = sum(counter.meter.fresh(at) for counter in counters)
        if not fresh:
            return "bad" if any(counter.meter.refusing(at) for counter in counters) else "stale"
        if fresh < len(counters):
            return "partial"
        known = self._progress.known(at) or not (self._induct and self._discharge)
        return "good" if known and all(counter.settled(at) for counter in counters) else "estimated"


def _flow(counters: tuple[_Counter, ...], at: Instant) -> Flow | None:
    if not counters:
        return None
    counted = NOTHING
    for counter in counters:
        counted = counted.plus(counter.meter.overall)
    fresh = all(counter.meter.fresh(at) for counter in counters)
    return Flow(
        total=counted.total,
        lo=counted.lo,
        hi=counted.hi,
        pph_60=_sum(counter.short.per_hour for counter in counters) if fresh else None,
        pph_900=_sum(counter.long.per_hour for counter in counters) if fresh else None,
        fresh=fresh,
    )


def _sum(rates: Iterable[float | None]) -> float | None:
    """All of them together; None when one is not known."""
    total = 0.0
    for rate in rates:
        if rate is None:
            return None
        total += rate
    return total


def _ratio(amount: float | None, capacity: float) -> float | None:
    return None if amount is None or capacity <= 0 else amount / capacity


def _load_index(ratio_in: float | None, fill: float | None, *, fill_expected: bool) -> float | None:
    """100 x the greater of the two, so that it can be explained; None where one that ought to be known is not."""
    if ratio_in is None or (fill is None and fill_expected):
        return None
    return min(MAX_LOAD_INDEX, 100.0 * max(ratio_in, fill or 0.0))
