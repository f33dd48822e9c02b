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

from collections.abc import Mapping

from agent.load.conditions import ORDINARY, Conditions
from agent.load.flow import CountedRates, RoleFlow, ratio, together
from agent.load.instant import Instant
from agent.load.line_load import NOWHERE, LineLoad, Quality, Standing
from agent.load.meter import Meter
from agent.load.progress import WorkInProgress
from agent.load.rates import Bins, WindowRate
from agent.load.reckoning import Reckoning
from agent.load.standstill import Standstill
from agent.load.steering import Steering
from config.load_settings import DEFAULTS, Mode, Thresholds
from config.settings import CounterRef, Line

MAX_LOAD_INDEX = 200.0
HOUR_S = 3600.0
BIN_S, BINS = 300.0, 12

SAMPLE_S = 5.0
"""Rates and work in progress are followed at least this often, however long a reporting interval is."""

PATIENCE_S = 30.0
"""For so long figures may be missing where nobody says otherwise."""

MIN_FLOW_PPH = 60.0
"""Below so many parcels an hour a share of them says more of chance than of the line."""


class LineModel:
    """Draws the load of one line from its counters' meters, which somebody else advances."""

    def __init__(
        self,
        line: Line,
        meters: Mapping[CounterRef, Meter],
        thresholds: Mapping[Mode, Thresholds] = DEFAULTS,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Figures may be missing for `patience_s` before the line's state is called unknown.

        Raises KeyError for a counter of the line that has no meter.
        """
        self.line = line
        self.steering = Steering(thresholds, patience_s)
        self._counters = {ref: CountedRates(meters[ref]) for _, ref in line.counters()}
        self._induct = RoleFlow(line.induct, self._counters)
        self._discharge = RoleFlow(line.discharge, self._counters)
        self._recirculation = RoleFlow(line.recirculation, self._counters)
        self._reject = RoleFlow(line.reject, self._counters)
        self._manual = RoleFlow(line.manual, self._counters)
        self._energy = RoleFlow(line.energy, self._counters)
        self._kwh, self._sorted = WindowRate(HOUR_S), WindowRate(HOUR_S)
        again = self._recirculation.meters if line.induct_counts_passes else []
        ends = self._discharge.meters and self._discharge.meters + self._reject.meters + again
        self._progress = WorkInProgress(self._induct.meters, ends)
        self._in_bins, self._out_bins = Bins(BIN_S, BINS), Bins(BIN_S, BINS)
        self._breaks = 0
        self._standstill = Standstill()
        self._conditions = ORDINARY
        self.standing = NOWHERE
        self.quality: Quality = "unsupported"
        self._sampled_s = -SAMPLE_S

    def sample(self, at: Instant, conditions: Conditions = ORDINARY) -> None:
        """Follow the counters; call it each second, it does something every SAMPLE_S."""
        self._conditions = conditions
        if at.boot_s - self._sampled_s >= SAMPLE_S - 0.5:
            self._follow(at)

    def _follow(self, at: Instant) -> Reckoning | None:
        self._sampled_s = at.boot_s
        for counter in self._counters.values():
            counter.advance(at.boot_id)
        wip = self._progress.advance(at)
        self._follow_bins(at)
        self._follow_energy(at)
        self._follow_standstill(at, wip)
        self.standing, self.quality = self._stand(at, wip), self._quality(at)
        self.steering.advance(at.boot_s, self.standing, self.quality, self._conditions)
        return wip

    def _follow_bins(self, at: Instant) -> None:
        breaks = sum(counter.breaks for counter in self._counters.values())
        for flow, bins in ((self._induct, self._in_bins), (self._discharge, self._out_bins)):
            if breaks != self._breaks or not flow.fresh(at):
                bins.restart()
            else:
                bins.advance(at.boot_s, flow.total)
        self._breaks = breaks

    def _follow_energy(self, at: Instant) -> None:
        if self._energy.fresh(at) and self._discharge.fresh(at):
            self._kwh.advance(at.boot_s, self._energy.total)
            self._sorted.advance(at.boot_s, self._discharge.total)

    def _follow_standstill(self, at: Instant, wip: Reckoning | None) -> None:
        ends = self._induct.fresh(at) and self._discharge.fresh(at)
        if not ends:
            self._standstill.silent()
            return
        known = self._progress.known(at) and wip is not None
        went = self._discharge.total + self._reject.total
        self._standstill.advance(
            at.boot_s, self._induct.total, went, wip.total if wip and known else None, self._conditions.run
        )

    def _stand(self, at: Instant, wip: Reckoning | None) -> Standing:
        in_pph, out_pph = self._induct.pph_900(at), self._discharge.pph_900(at)
        rejected = self._reject.pph_900(at) if self._reject else 0.0
        ratio_in = ratio(in_pph, self.capacity_pph)
        fill = ratio(wip.total if wip else None, self.line.buffer_parcels)
        return Standing(
            in_pph=in_pph,
            out_pph=out_pph,
            gone_pph=together((out_pph, rejected)),
            level=wip.total if wip else None,
            size=self.line.buffer_parcels,
            came=self._induct.total,
            went=self._discharge.total + self._reject.total,
            breaks=self._breaks,
            ratio_in=ratio_in,
            fill=fill,
            index=load_index(ratio_in, fill, fill_expected=bool(self._induct and self._discharge)),
            settled_s=self._induct.span_s,
        )

    @property
    def capacity_pph(self) -> float:
        """What the line can sort now: what a plan says, else what it was built for or seen to do."""
        return self._conditions.capacity_pph or self.line.capacity_pph

    def advance(self, at: Instant) -> LineLoad:
        """The load at `at`, from the samples the meters have taken until now."""
        wip = self._follow(at)
        now, steering = self.standing, self.steering
        induct, discharge = self._induct.draw(at), self._discharge.draw(at)
        capacity = self.capacity_pph
        saturated = steering.limits(self._conditions.mode).saturated / 100.0
        tts = steering.tts
        room = None if now.level is None else saturated * self.line.buffer_parcels - now.level
        return LineLoad(
            induct=induct,
            discharge=discharge,
            recirculation=self._recirculation.draw(at),
            reject=self._reject.draw(at),
            manual=self._manual.draw(at),
            wip=now.level,
            wip_lo=wip.lo if wip else None,
            wip_hi=wip.hi if wip else None,
            wip_drift=self._progress.drift,
            takt_s=ratio(HOUR_S, discharge.pph_60 if discharge else None),
            load_ratio_in=now.ratio_in,
            load_ratio_out=ratio(now.out_pph, self.line.capacity_pph),
            fill_ratio=now.fill,
            load_index=now.index,
            quality=self.quality,
            tempo=ratio(now.out_pph, now.in_pph, MIN_FLOW_PPH),
            recirc_rate=ratio(self._recirculation.pph_900(at), now.out_pph, MIN_FLOW_PPH),
            reject_rate=ratio(self._reject.pph_900(at), now.in_pph, MIN_FLOW_PPH),
            manual_rate=ratio(self._manual.pph_900(at), now.in_pph, MIN_FLOW_PPH),
            transit_min=ratio(None if now.level is None else 60.0 * now.level, now.out_pph, MIN_FLOW_PPH),
            ramp_pph_min=self._ramp(),
            smoothness=self._out_bins.evenness,
            capacity_eff_pph=capacity,
            headroom_pph=None if now.in_pph is None else max(0.0, capacity - now.in_pph),
            headroom_parcels=None if room is None else max(0.0, room),
            kwh_per_1000=self._energy_use(),
            starved_s=self._standstill.starved_s,
            blocked_s=self._standstill.blocked_s,
            idle_run_s=self._standstill.idle_run_s,
            tts_min=tts.min if tts else None,
            tts_lo_min=tts.lo if tts else None,
            tts_hi_min=tts.hi if tts else None,
            clear_min=steering.clear_min,
            warn_min=steering.warnings.most_urgent,
            state=steering.machine.state,
            state_s=at.boot_s - (steering.machine.since_s or at.boot_s),
            cause=steering.machine.cause,
        )

    def _ramp(self) -> float | None:
        """Between the last two bins of the inductions, per minute."""
        rates = self._in_bins.rates
        return (rates[-1] - rates[-2]) / (BIN_S / 60.0) if len(rates) > 1 else None

    def _energy_use(self) -> float | None:
        """kWh a thousand sorted parcels, over the last hour, from half of it on."""
        if self._kwh.span_s < HOUR_S / 2:
            return None
        used = self._kwh.per_hour
        return ratio(None if used is None else 1000.0 * self.line.kwh_per_count * used, self._sorted.per_hour)

    def kept(self) -> dict[str, object]:
        """What must outlive the process, JSON-able; the counters have states of their own."""
        return {"wip": self._progress.kept(), "steer": self.steering.kept()}

    def restore(self, kept: Mapping[str, object], shift_s: float) -> None:
        """Go on from `kept()` of an earlier run, whose boot clock was `shift_s` behind ours, after the counters were
        restored; ValueError for what cannot be that."""
        self._progress.restore(kept.get("wip"), shift_s)
        self.steering.restore(kept.get("steer"), shift_s)

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


def load_index(ratio_in: float | None, fill: float | None, *, fill_expected: bool) -> float | None:
    """100 x the greater of the two, so that it can be explained; None where one that ought to be known is not."""
    if ratio_in is None or (fill is None and fill_expected):
        return None
    return min(MAX_LOAD_INDEX, 100.0 * max(ratio_in, fill or 0.0))
