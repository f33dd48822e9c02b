"""The load of a whole site: its lines together, its docks and floor, and how both are steered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.load.backlog import Backlog, Stock
from agent.load.conditions import ORDINARY, Conditions
from agent.load.flow import CountedRates, Flow, RoleFlow, ratio, together
from agent.load.instant import Instant
from agent.load.line import MAX_LOAD_INDEX, PATIENCE_S, SAMPLE_S, LineModel
from agent.load.line_load import LineLoad, Quality, Standing
from agent.load.machine import Cause, State
from agent.load.meter import Meter
from agent.load.rates import evenness
from agent.load.steering import Steering
from config.load_settings import LoadSettings
from config.settings import CounterRef

_ORDER: tuple[Quality, ...] = ("good", "estimated", "partial", "stale", "bad")


@dataclass(frozen=True, slots=True)
class SiteLoad:
    """A site at one moment, figure by figure as `agent.load.metric_rows` defines them; None is not known, or not
    counted here."""

    quality: Quality
    lines: int
    unload: Flow | None
    load: Flow | None
    in_pph: float | None
    in_pph_900: float | None
    out_pph: float | None
    out_pph_900: float | None
    wip: int | None
    backlog: int | None
    backlog_err: int | None
    backlog_drift: int
    backlog_based: bool | None
    backlog_age_s: float | None
    backlog_hours: float | None
    capacity_eff_pph: float
    load_ratio_in: float | None
    load_ratio_out: float | None
    fill_ratio: float | None
    load_index: float | None
    headroom_pph: float | None
    headroom_parcels: float | None
    balance_index: float | None
    tts_min: float | None
    tts_lo_min: float | None
    tts_hi_min: float | None
    clear_min: float | None
    warn_min: int | None
    state: State
    state_s: float
    cause: Cause


class SiteModel:
    """Draws the load of a site from its lines' models and the meters of its docks, which somebody else advances."""

    def __init__(
        self,
        settings: LoadSettings,
        lines: Sequence[LineModel],
        meters: Mapping[CounterRef, Meter],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._floor = floor = settings.floor
        self._lines = [model for model in lines if model.line.counters()]
        self._line_count = len(lines)
        self._counters = {ref: CountedRates(meters[ref]) for ref in floor.counters()}
        self._unload, self._load = RoleFlow(floor.unload, self._counters), RoleFlow(floor.load, self._counters)
        self.backlog = Backlog(self._unload.meters, self._load.meters, floor.miscount)
        self.steering = Steering(settings.thresholds, patience_s)
        self._conditions = ORDINARY
        self._stock: Stock | None = None
        self._sampled_s = -SAMPLE_S

    @property
    def capacity_pph(self) -> float:
        """What the site can sort now."""
        lines = sum(model.capacity_pph for model in self._lines)
        return self._conditions.capacity_pph or self._floor.capacity_pph or lines

    def sample(self, at: Instant, conditions: Conditions = ORDINARY) -> None:
        """Follow the docks, after the lines; call it each second, it does something every SAMPLE_S."""
        self._conditions = conditions
        if at.boot_s - self._sampled_s >= SAMPLE_S - 0.5:
            self.follow(at)

    def follow(self, at: Instant) -> Standing:
        """Take in what the docks counted until `at` and judge the site by it."""
        self._sampled_s = at.boot_s
        for counter in self._counters.values():
            counter.advance(at.boot_id)
        self._stock = self.backlog.advance(at)
        for event in self.backlog.take_events():
            self.steering.note(event)
        now = self._stand(at)
        self.steering.advance(at.boot_s, now, self._quality(at), self._conditions)
        return now

    def _stand(self, at: Instant) -> Standing:
        lines = [model.standing for model in self._lines]
        docks = bool(self._unload)
        in_pph = self._unload.pph_900(at) if docks else _sum([one.in_pph for one in lines])
        gone_pph = self._load.pph_900(at) if self._load else _sum([one.gone_pph for one in lines])
        level = self._stock.parcels if self._stock else None
        ratio_in, fill = ratio(in_pph, self.capacity_pph), ratio(level, self._floor.buffer_parcels)
        settled = [self._unload.span_s] if docks else [one.settled_s for one in lines]
        counted = docks and bool(self._load)
        return Standing(
            in_pph=in_pph,
            out_pph=_sum([one.out_pph for one in lines]),
            gone_pph=gone_pph,
            level=level if counted else None,
            size=self._floor.buffer_parcels,
            came=self._unload.total if counted else sum(one.came for one in lines),
            went=self._load.total if counted else sum(one.went for one in lines),
            breaks=sum(one.breaks for one in self._counters.values()),
            ratio_in=ratio_in,
            fill=fill,
            index=self._index(ratio_in, fill, [one.index for one in lines]),
            settled_s=min(settled, default=0.0),
        )

    def _index(self, ratio_in: float | None, fill: float | None, lines: Sequence[float | None]) -> float | None:
        """The greatest of the site's own and its lines'; None where one that ought to be known is not."""
        own = [None if ratio_in is None else 100.0 * ratio_in] if self._unload else []
        own += [None if fill is None else 100.0 * fill] if self._floor.buffer_parcels and self._unload else []
        known = [one for one in (*own, *lines) if one is not None]
        return min(MAX_LOAD_INDEX, max(known)) if known and len(known) == len(own) + len(lines) else None

    def _quality(self, at: Instant) -> Quality:
        """The worst of the lines' and the docks'."""
        found: list[Quality] = [model.quality for model in self._lines]
        return worst([*found, self._quality_of_docks(at)] if self._counters else found)

    def _quality_of_docks(self, at: Instant) -> Quality:
        fresh = sum(one.meter.fresh(at) for one in self._counters.values())
        if fresh < len(self._counters):
            return "partial" if fresh else "stale"
        certain = self._stock is None or (self._stock.based and self._stock.err is not None)
        return "good" if certain and all(one.settled(at) for one in self._counters.values()) else "estimated"

    def advance(self, at: Instant, lines: Mapping[str, LineLoad]) -> SiteLoad:
        """The load at `at`; `lines` are those of the lines, drawn at the same moment."""
        now, steering, stock, capacity = self.follow(at), self.steering, self._stock, self.capacity_pph
        loads = [load for load in lines.values() if load.quality != "unsupported"]
        out_pph_900 = _sum([load.discharge.pph_900 if load.discharge else None for load in loads])
        ratios = [load.load_ratio_out for load in loads]
        saturated = steering.limits(self._conditions.mode).saturated / 100.0
        size, tts = self._floor.buffer_parcels, steering.tts
        return SiteLoad(
            quality=self._quality(at),
            lines=self._line_count,
            unload=self._unload.draw(at),
            load=self._load.draw(at),
            in_pph=_sum([load.induct.pph_60 if load.induct else None for load in loads]),
            in_pph_900=_sum([load.induct.pph_900 if load.induct else None for load in loads]),
            out_pph=_sum([load.discharge.pph_60 if load.discharge else None for load in loads]),
            out_pph_900=out_pph_900,
            wip=_whole_sum([load.wip for load in loads]),
            backlog=stock.parcels if stock else None,
            backlog_err=stock.err if stock else None,
            backlog_drift=stock.drift if stock else 0,
            backlog_based=stock.based if stock else None,
            backlog_age_s=stock.age_s if stock else None,
            backlog_hours=ratio(stock.parcels if stock else None, capacity),
            capacity_eff_pph=capacity,
            load_ratio_in=now.ratio_in,
            load_ratio_out=ratio(out_pph_900, capacity),
            fill_ratio=now.fill,
            load_index=now.index,
            headroom_pph=None if now.in_pph is None else max(0.0, capacity - now.in_pph),
            headroom_parcels=None if size is None or now.level is None else max(0.0, saturated * size - now.level),
            balance_index=evenness([one for one in ratios if one is not None]) if None not in ratios else None,
            tts_min=tts.min if tts else None,
            tts_lo_min=tts.lo if tts else None,
            tts_hi_min=tts.hi if tts else None,
            clear_min=steering.clear_min,
            warn_min=steering.warnings.most_urgent,
            state=steering.machine.state,
            state_s=at.boot_s - (steering.machine.since_s or at.boot_s),
            cause=steering.machine.cause,
        )

    def kept(self) -> dict[str, object]:
        """What must outlive the process, JSON-able; the counters have states of their own."""
        return {"stock": self.backlog.kept(), "steer": self.steering.kept()}

    def restore(self, kept: Mapping[str, object], shift_s: float) -> None:
        """Go on from `kept()` of an earlier run, whose boot clock was `shift_s` behind ours, after the counters were
        restored; ValueError for what cannot be that."""
        self.backlog.restore(kept.get("stock"), shift_s)
        self.steering.restore(kept.get("steer"), shift_s)


def worst(found: Sequence[Quality]) -> Quality:
    """The least trustworthy; `unsupported` where there is no other."""
    for quality in reversed(_ORDER):
        if quality in found:
            return quality
    return "unsupported"


def _sum(parts: Sequence[float | None]) -> float | None:
    return together(parts) if parts else None


def _whole_sum(parts: Sequence[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if parts and len(known) == len(parts) else None
