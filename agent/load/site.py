"""The load of a whole site: its lines together, its docks and floor, and how both are steered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agent.load.backlog import Backlog, Stock
from agent.load.conditions import ORDINARY, Conditions
from agent.load.flow import Flow, RoleFlow, ratio, together
from agent.load.instant import Instant
from agent.load.ledger import FULL_S, Certainty
from agent.load.line import MAX_LOAD_INDEX, PATIENCE_S, SAMPLE_S, LineModel, patience, room
from agent.load.line_load import NOWHERE, LineLoad, Quality, Room, Standing, Steered
from agent.load.meter import Meter
from agent.load.rates import evenness
from agent.load.records import Records, SoFar
from agent.load.steering import Steering
from agent.load.tally import Record
from config.device_settings import CounterRef
from config.load_settings import LoadSettings

_ORDER: tuple[Quality, ...] = ("good", "estimated", "partial", "stale", "bad")


class SiteLoad(NamedTuple):
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
    load_ratio_in: float | None
    load_ratio_out: float | None
    fill_ratio: float | None
    load_index: float | None
    balance_index: float | None
    room: Room
    steered: Steered
    so_far: SoFar


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
        self._unload, self._load = RoleFlow(floor.unload, meters), RoleFlow(floor.load, meters)
        self._counters = self._unload.counters + self._load.counters
        unload, load = ([meters[ref] for ref in refs] for refs in (floor.unload, floor.load))
        self.backlog = Backlog(unload, load, floor.miscount, floor.buffer_parcels)
        every = [*self._counters, *(one for model in self._lines for one in model.counters)]
        self.steering = Steering(settings.thresholds, patience(patience_s, every))
        self._roles = self._recorded()
        self._records = Records(settings, tuple(self._roles), next(iter(self._roles), ""))
        self._certainty = Certainty(flow for flows in self._roles.values() for flow in flows)
        self.counted = self._named()
        self._conditions = ORDINARY
        self._stock: Stock | None = None
        self._standing = NOWHERE
        self._sampled_s = -SAMPLE_S

    def _named(self) -> tuple[str, ...]:
        """The docks' counters; those of all lines where the docks do not count both ways."""
        floor = self._floor
        docks = (("unload", floor.unload), ("load", floor.load))
        own = tuple(f"{role} {ref}" for role, refs in docks for ref in refs)
        if floor.unload and floor.load:
            return own
        return own + tuple(one for model in self._lines for one in model.counted)

    def _recorded(self) -> dict[str, tuple[RoleFlow, ...]]:
        """By role what the records are of, arrivals first: the docks, else all lines together where each counts it."""
        lines = [model.parcels for model in self._lines]
        arrives = {"unload": (self._unload,)} if self._unload else {"in": tuple(one["in"] for one in lines)}
        leaves = {"load": (self._load,)} if self._load else {"out": tuple(one["out"] for one in lines)}
        return {role: flows for role, flows in (arrives | leaves).items() if flows and all(flows)}

    @property
    def bases(self) -> int:
        """Is another when one of the counters in `counted` does not go on from where it was."""
        docks = sum(one.meter.base for one in self._counters)
        return docks if self._unload and self._load else docks + sum(model.bases for model in self._lines)

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
        if at.boot_s == self._sampled_s:
            return self._standing
        self._sampled_s = at.boot_s
        self._unload.follow(at)
        self._load.follow(at)
        self._stock = self.backlog.advance(at)
        for event in self.backlog.take_events():
            self.steering.note(event)
        self._judge(at)
        for record in self._record(at, self._standing.level):
            self.steering.note(record)
        return self._standing

    def judge(self, at: Instant, conditions: Conditions) -> None:
        """Judge it at `at`, after the lines, by conditions that are others than a moment ago."""
        self._conditions = conditions
        if at.boot_s == self._sampled_s:
            self._judge(at)
        else:
            self.follow(at)

    def _judge(self, at: Instant) -> None:
        self._standing = self._stand()
        self.steering.advance(at.boot_s, self._standing, self._quality(at), self._conditions)

    def _record(self, at: Instant, left: int | None) -> list[Record]:
        if not self._roles:
            return []
        read = {role: flows for role, flows in self._roles.items() if any(flow.begun for flow in flows)}
        totals = {role: sum(flow.total for flow in flows) for role, flows in read.items()}
        arriving = next(iter(self._roles.values()))
        full = all(flow.span_s >= FULL_S for flow in arriving)
        rate = together([flow.pph_900 for flow in arriving]) if full else None
        return self._records.advance(at, totals, rate, left, self._certainty.now())

    def _stand(self) -> Standing:
        lines = [model.standing for model in self._lines]
        docks = bool(self._unload)
        in_pph = self._unload.pph_900 if docks else _sum([one.in_pph for one in lines])
        gone_pph = self._load.pph_900 if self._load else _sum([one.gone_pph for one in lines])
        level = self._stock.parcels if self._stock else None
        ratio_in, fill = ratio(in_pph, self.capacity_pph), ratio(level, self._floor.buffer_parcels)
        settled = [model.standing.settled_s for model in self._lines if model.line.induct]
        settled += [self._unload.span_s] if docks else []
        counted = docks and bool(self._load)
        return Standing(
            in_pph=in_pph,
            out_pph=_sum([one.out_pph for one in lines]),
            gone_pph=gone_pph,
            level=level if counted else None,
            size=self._floor.buffer_parcels,
            came=self._unload.total if counted else sum(one.came for one in lines),
            went=self._load.total if counted else sum(one.out for one in lines),
            breaks=self._unload.breaks + self._load.breaks,
            ratio_in=ratio_in,
            fill=fill,
            load_index=self._index(ratio_in, fill),
            settled_s=min(settled, default=0.0),
        )

    def _index(self, ratio_in: float | None, fill: float | None) -> float | None:
        """The greatest of the site's own and its lines'; None where one that ought to be known is not."""
        lines = [model.standing.load_index for model in self._lines if model.line.induct]
        own = [None if ratio_in is None else 100.0 * ratio_in] if self._unload else []
        counted = self._floor.buffer_parcels and self._unload and self._load
        own += [None if fill is None else 100.0 * fill] if counted else []
        known = [one for one in (*own, *lines) if one is not None]
        return min(MAX_LOAD_INDEX, max(known)) if known and len(known) == len(own) + len(lines) else None

    def _quality(self, at: Instant) -> Quality:
        """The worst of the lines' and the docks'."""
        found: list[Quality] = [model.quality for model in self._lines]
        return worst([*found, self._quality_of_docks(at)] if self._counters else found)

    def _quality_of_docks(self, at: Instant) -> Quality:
        fresh = sum(one.meter.fresh(at) for one in self._counters)
        if fresh < len(self._counters):
            refusing = any(one.meter.refusing(at) for one in self._counters)
            return "partial" if fresh else "bad" if refusing else "stale"
        certain = self._stock is None or (self._stock.based and self._stock.err is not None)
        return "good" if certain and self._unload.settled and self._load.settled else "estimated"

    def advance(self, at: Instant, lines: Mapping[str, LineLoad]) -> SiteLoad:
        """The load at `at`; `lines` are those of the lines, drawn at the same moment."""
        now, stock, capacity = self.follow(at), self._stock, self.capacity_pph
        loads = [load for load in lines.values() if load.quality != "unsupported"]
        out_pph_900 = _sum([load.discharge.pph_900 if load.discharge else None for load in loads])
        ratios = [load.load_ratio_out for load in loads]
        return SiteLoad(
            quality=self._quality(at),
            lines=self._line_count,
            unload=self._unload.draw(),
            load=self._load.draw(),
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
            load_ratio_in=now.ratio_in,
            load_ratio_out=ratio(out_pph_900, capacity),
            fill_ratio=now.fill,
            load_index=now.load_index,
            balance_index=evenness([one for one in ratios if one is not None]) if None not in ratios else None,
            room=room(now, capacity, self.steering.limits(self._conditions.mode)),
            steered=self.steering.draw(at.boot_s),
            so_far=self._records.draw(at, now.level, capacity),
        )

    def kept(self) -> dict[str, object]:
        """What must outlive the process, JSON-able; the counters have states of their own."""
        return {"stock": self.backlog.kept(), "steer": self.steering.kept(), "records": self._records.kept()}

    def restore(self, kept: Mapping[str, object], shift_s: float) -> None:
        """Go on from `kept()` of an earlier run, whose boot clock was `shift_s` behind ours, after the counters were
        restored; ValueError for what cannot be that."""
        self.backlog.restore(kept.get("stock"), shift_s)
        self.steering.restore(kept.get("steer"), shift_s)
        counted = {role: sum(flow.counted() for flow in flows) for role, flows in self._roles.items()}
        self._records.restore(kept.get("records", {}), counted)


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
