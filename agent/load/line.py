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

from agent.load.conditions import ORDINARY, Conditions
from agent.load.flow import RoleFlow, ratio, together
from agent.load.history import LineHistory
from agent.load.instant import Instant
from agent.load.ledger import FULL_S, LineLedger
from agent.load.line_load import NOWHERE, LineLoad, Pace, Quality, Room, Standing
from agent.load.meter import Meter
from agent.load.observed import ObservedCapacity
from agent.load.progress import WorkInProgress
from agent.load.reckoning import Reckoning
from agent.load.steering import Steering
from config.device_settings import CounterRef
from config.line_settings import Line
from config.load_settings import LoadSettings, Thresholds
from fastpath.following import CountedRates
from fastpath.rates import ENOUGH_S
from fastpath.survey import Survey

MAX_LOAD_INDEX = 200.0
SAMPLE_S = 5.0
"""Rates and work in progress are followed at least this often, however long a reporting interval is."""

PATIENCE_S = 30.0
"""For so long figures may be missing where nobody says otherwise."""

ORDINARY_SETTINGS = LoadSettings()
"""How load is judged where nobody says otherwise."""

MIN_FLOW_PPH = 60.0
"""Below so many parcels an hour a share of them says more of chance than of the line."""


class LineModel:
    """Draws the load of one line from its counters' `meters`, which somebody else advances. `counted` names these
    by role, `parcels` are the flows of those that count parcels."""

    def __init__(
        self,
        line: Line,
        meters: Mapping[CounterRef, Meter],
        settings: LoadSettings = ORDINARY_SETTINGS,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Figures may be missing for `patience_s` before the line's state is called unknown, longer where its counters
        are slow.

        Raises KeyError for a counter of the line that has no meter.
        """
        self.line = line
        self._induct, self._discharge = RoleFlow(line.induct, meters), RoleFlow(line.discharge, meters)
        self._recirculation, self._reject = RoleFlow(line.recirculation, meters), RoleFlow(line.reject, meters)
        self._manual, self._energy = RoleFlow(line.manual, meters), RoleFlow(line.energy, meters)
        self.parcels: Mapping[str, RoleFlow] = {
            "in": self._induct,
            "out": self._discharge,
            "recirc": self._recirculation,
            "reject": self._reject,
            "manual": self._manual,
        }
        self._flows = tuple(flow for flow in (*self.parcels.values(), self._energy) if flow)
        self.counters = tuple(counter for flow in self._flows for counter in flow.counters)
        self.meters = {ref: meters[ref] for _, ref in line.counters()}
        self.counted = tuple(f"{role} {ref}" for role, ref in line.counters())
        self.steering = Steering(settings.thresholds, patience(patience_s, self.counters))
        self._leaving, self._left = self._ways_out()
        self._progress = WorkInProgress(self._induct, self._left)
        self._history = LineHistory(self._induct, self._discharge, self._reject, self._energy)
        self._ledger = LineLedger(settings, self.parcels)
        self._observed = ObservedCapacity(line.capacity_pph)
        self._conditions, self._sampled_s = ORDINARY, -SAMPLE_S
        self._wip: Reckoning | None = None
        self.standing = NOWHERE
        self.quality: Quality = "unsupported"

    def _ways_out(self) -> tuple[tuple[RoleFlow, ...], Survey]:
        """What takes parcels off the line, or counted them again, and all of it together; nothing where nobody counts
        the discharge."""
        again = (self._recirculation,) if self.line.induct_counts_passes else ()
        ways = tuple(flow for flow in (self._discharge, self._reject, *again) if flow) if self._discharge else ()
        return ways, Survey(meter for flow in ways for meter in flow.meters)

    def sample(self, at: Instant, conditions: Conditions = ORDINARY) -> None:
        """Follow the counters; call it each second, it does something every SAMPLE_S."""
        self._conditions = conditions
        if at.boot_s - self._sampled_s >= SAMPLE_S - 0.5:
            self._follow(at)

    def judge(self, at: Instant, conditions: Conditions) -> None:
        """Judge it at `at` by conditions that are others than a moment ago."""
        self._conditions = conditions
        if at.boot_s == self._sampled_s:
            self._judge(at, self.standing.breaks)
        else:
            self._follow(at)

    def _judge(self, at: Instant, breaks: int) -> None:
        self.standing = self._stand(at, self._wip, breaks)
        self.steering.advance(at.boot_s, self.standing, self.quality, self._conditions)

    def _follow(self, at: Instant) -> Reckoning | None:
        if at.boot_s == self._sampled_s:
            return self._wip
        self._sampled_s, breaks = at.boot_s, 0
        for flow in self._flows:
            flow.follow(at)
            breaks += flow.breaks
        self._left.look(at)
        self._wip = wip = self._progress.advance(at.boot_s)
        known = wip.total if wip and self._progress.known(at) else None
        self._history.advance(at, breaks, known, self._conditions)
        self.quality = self._quality(at)
        self._judge(at, breaks)
        if self._discharge.span_s >= FULL_S:
            self._observed.advance(at.boot_s, self.standing.out_pph)
        for record in self._ledger.advance(at, self.standing):
            self.steering.note(record)
        return wip

    def _stand(self, at: Instant, wip: Reckoning | None, breaks: int) -> Standing:
        in_pph, out_pph = self._induct.pph_900, self._discharge.pph_900
        ratio_in = ratio(in_pph, self.capacity_pph)
        fill = ratio(wip.total if wip else None, self.line.buffer_parcels)
        return Standing(
            in_pph=in_pph,
            out_pph=out_pph,
            gone_pph=together([flow.pph_900 for flow in self._leaving]) if self._leaving else None,
            level=wip.total if wip else None,
            size=self.line.buffer_parcels,
            came=self._induct.total,
            went=self._left.total,
            out=self._discharge.total,
            breaks=breaks,
            ratio_in=ratio_in,
            fill=fill,
            load_index=load_index(ratio_in, fill, fill_expected=bool(self._induct and self._discharge)),
            settled_s=self._induct.span_s,
        )

    @property
    def capacity_pph(self) -> float:
        """What the line can sort now: what a plan says, else what it was built for or, where enabled, seen to do."""
        design_pph = self.line.capacity_pph
        seen_pph = self._observed.pph if self.line.capacity_observed else None
        return self._conditions.capacity_pph or min(design_pph, seen_pph or design_pph)

    def advance(self, at: Instant) -> LineLoad:
        """The load at `at`, from the samples the meters have taken until now."""
        wip = self._follow(at)
        now, discharge = self.standing, self._discharge.draw()
        return LineLoad(
            induct=self._induct.draw(),
            discharge=discharge,
            recirculation=self._recirculation.draw(),
            reject=self._reject.draw(),
            manual=self._manual.draw(),
            wip=now.level,
            wip_lo=wip.lo if wip else None,
            wip_drift=self._progress.drift,
            takt_s=ratio(3600.0, discharge.pph_60 if discharge else None),
            load_ratio_in=now.ratio_in,
            load_ratio_out=ratio(now.out_pph, self.line.capacity_pph),
            fill_ratio=now.fill,
            load_index=now.load_index,
            quality=self.quality,
            pace=self._pace(),
            room=room(now, self.capacity_pph, self.steering.limits(self._conditions.mode)),
            steered=self.steering.draw(at.boot_s),
            so_far=self._ledger.records.draw(at, now.level, self.capacity_pph),
        )

    def _pace(self) -> Pace:
        now, history = self.standing, self._history
        stood, level = history.standstill, now.level
        return Pace(
            tempo=ratio(now.out_pph, now.in_pph, MIN_FLOW_PPH),
            ramp_pph_min=history.ramp_pph_min,
            recirc_rate=ratio(self._recirculation.pph_900, now.out_pph, MIN_FLOW_PPH),
            reject_rate=ratio(self._reject.pph_900, now.in_pph, MIN_FLOW_PPH),
            manual_rate=ratio(self._manual.pph_900, now.in_pph, MIN_FLOW_PPH),
            transit_min=ratio(None if level is None else 60.0 * level, now.out_pph, MIN_FLOW_PPH),
            smoothness=history.smoothness,
            kwh_per_1000=history.energy_per_1000(self.line.kwh_per_count),
            starved_s=stood.starved_s,
            blocked_s=stood.blocked_s,
            idle_run_s=stood.idle_run_s,
        )

    def stations(self, at: Instant) -> dict[str, float]:
        """Parcels an hour of each induct station over a quarter of an hour, by its counter, where there are several;
        one that is not known is left out."""
        counters = zip(self.line.induct, self._induct.counters, strict=True)
        rates = {str(ref): one.quarter.per_hour for ref, one in counters if one.meter.fresh(at)}
        several = len(self.line.induct) > 1
        return {name: rate for name, rate in rates.items() if rate is not None} if several else {}

    @property
    def bases(self) -> int:
        """Is another when one of its counters does not go on from where it was."""
        return sum(meter.base for meter in self.meters.values())

    def kept(self) -> dict[str, object]:
        """What must outlive the process, JSON-able; the counters have states of their own."""
        observed = {"observed": self._observed.kept()} if self.line.capacity_observed else {}
        return {
            "wip": self._progress.kept(),
            "steer": self.steering.kept(),
            "records": self._ledger.records.kept(),
            **observed,
        }

    def restore(self, kept: Mapping[str, object], shift_s: float) -> None:
        """Go on from `kept()` of an earlier run, whose boot clock was `shift_s` behind ours, after the counters were
        restored; ValueError for what cannot be that."""
        self._progress.restore(kept.get("wip"), shift_s)
        self.steering.restore(kept.get("steer"), shift_s)
        self._ledger.restore(kept.get("records", {}))
        self._observed.restore(kept.get("observed", []))

    def _quality(self, at: Instant) -> Quality:
        if not (self._induct or self._discharge):
            return "unsupported"
        if not all(flow.fresh for flow in self._flows):
            return self._quality_of_some(at)
        known = self._progress.known(at) or not (self._induct and self._discharge)
        return "good" if known and all(flow.settled for flow in self._flows) else "estimated"

    def _quality_of_some(self, at: Instant) -> Quality:
        if not any(counter.meter.fresh(at) for counter in self.counters):
            return "bad" if any(counter.meter.refusing(at) for counter in self.counters) else "stale"
        return "partial"


def patience(least_s: float, counters: Iterable[CountedRates]) -> float:
    """For how long figures may be missing: a rate takes a while of counting, and a counter a few periods."""
    slowest_s = max((one.meter.watched_s for one in counters), default=0.0)
    return max(least_s, ENOUGH_S + slowest_s)


def load_index(ratio_in: float | None, fill: float | None, *, fill_expected: bool) -> float | None:
    """100 x the greater of the two, so that it can be explained; None where one that ought to be known is not."""
    if ratio_in is None or (fill is None and fill_expected):
        return None
    return min(MAX_LOAD_INDEX, 100.0 * max(ratio_in, fill or 0.0))


def room(now: Standing, capacity_pph: float, limits: Thresholds) -> Room:
    """How much more can be taken before it is saturated."""
    free = None if now.level is None or not now.size else limits.saturated / 100.0 * now.size - now.level
    return Room(
        capacity_eff_pph=capacity_pph,
        headroom_pph=None if now.in_pph is None else max(0.0, capacity_pph - now.in_pph),
        headroom_parcels=None if free is None else max(0.0, free),
    )
