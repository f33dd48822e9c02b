"""What is due to be told, and when: each message with an identity of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from agent import clock, log
from agent.baselines import Baselines, Epoch
from agent.commits import Commits
from agent.helm import Helm
from agent.load import memory
from agent.load.backlog import BaselineRefusedError
from agent.load.instant import Instant
from agent.load.line import LineModel
from agent.load.line_load import LineLoad, Quality
from agent.load.metric_rows import SITE_STATE
from agent.load.site import SiteLoad
from agent.local_orders import Asked
from agent.orders.order import BaselineOrder
from agent.release import VERSION
from agent.site import Site
from agent.stocktake import StockTake, StockTakes
from agent.systemd import Notify
from agent.thinning import Thinning
from agent.uplink import input_reports, reports, site_reports
from agent.uplink.contract import Head, Json, Message
from agent.uplink.expiry import Expiry
from agent.uplink.inbox import Command
from agent.uplink.scan_fields import scan_fields
from agent.uplink.spool import Spool
from agent.uplink.status import UplinkStatus
from agent.uplink.worth import Worth
from config.settings import Settings

if TYPE_CHECKING:
    from agent.load.scans import ScanLoad
    from agent.lockers.report import LockerReport
    from agent.lockers.site import SiteLockers

BEAT_S = 1.0
HEALTH_S = 60.0
HEALTH_REPORTS = 6
"""Health goes out once a minute, or every sixth report where reports are more frequent."""


class Uplink(Protocol):
    """The part of the publisher that a report needs."""

    def wake(self) -> None: ...

    def status(self) -> UplinkStatus: ...

    def take_answers(self) -> Sequence[Json]: ...

    def take_commands(self) -> Sequence[Command]: ...


class Reporter:
    """Draws the loads and reports what is due. Lives in the beat's thread, but for `retained` (see `Commits`)."""

    def __init__(  # noqa: PLR0913, PLR0917 - these are the parts it connects
        self,
        settings: Settings,
        epoch: Epoch,
        site: Site,
        spool: Spool,
        notify: Notify,
        helm: Helm,
        stocktakes: StockTakes | None = None,
    ) -> None:
        self._settings = settings
        self._epoch = epoch
        self._site = site
        self._spool = spool
        self._notify = notify
        self._helm = helm
        self._uplink: Uplink | None = None
        self._seq = 0
        self._started_s = self._reported_s = self._health_s = clock.boot_seconds()
        self._stocktakes = stocktakes or StockTakes()
        self._site_load: SiteLoad | None = None
        self._loads: dict[str, LineLoad] = {}
        self._reported: dict[str, tuple[LineLoad, float]] = {}
        self._site_reported: tuple[SiteLoad | None, float] = None, self._started_s
        self._qualities: dict[str, Quality] = {}
        self._worth = Worth(settings.reporting)
        self._scans: Mapping[str, ScanLoad] = {}
        self._scans_reported: Mapping[str, ScanLoad] = {}
        self._told: dict[str, tuple[object, ...]] = {}
        self._thinning = Thinning(spool)
        self._ntp_s = 0
        self._commits = Commits(spool, settings.spool.card_bytes_a_day, self._baselines)
        self.retained = self._commits.retained
        self._expiry = Expiry(settings.bureau.tls)
        self._lockers = _locker_report(site.lockers, self._head) if site.lockers else None

    def begin(self, now: Instant, uplink: Uplink, past: Baselines) -> None:
        """Make the new epoch durable with its first message; nothing of it may be published before."""
        self._uplink = uplink
        self._commits.begin(uplink.wake)
        self._ntp_s = past.ntp_s
        previous = None if past.epoch is None else (str(past.epoch), past.seq)
        self._commits.commit([reports.meta(self._head(now), self._settings, VERSION, previous)])

    def advance(self, now: Instant) -> None:
        """One beat: what is due is reported."""
        self._commits.watch()
        self._thin(now)
        if self._site.scans:
            self._site.scans.take()
        self._steer(now)
        for model in self._site.lines:
            model.sample(now, self._helm.conditions(model.line.id))
        self._site.load.sample(now, self._helm.conditions())
        if self._site.lockers:
            self._site.lockers.advance(now)
        if self._is_due(now, self._reported_s, self._interval_s) or self._first_counts(now):
            self.report(now)
        else:
            news = [*self._happened(now), *self._doors(now), *self._device_states(now)]
            self._commits.offer([*news, *self._answers(now)])
        self._stocktakes.serve(lambda asked: self.rebase(now, asked))
        self._helm.here.serve(lambda asked: self._obey(now, asked))

    def report(self, now: Instant) -> None:
        """Everything a reporting interval owes the bureau. Drawing loads is most of the work, so it waits for this."""
        self._loads = {model.line.id: model.advance(now) for model in self._site.lines}
        self._scans = self._site.scans.advance(now) if self._site.scans else {}
        self._site_load = self._site.load.advance(now, self._loads)
        messages = [*self._lines(now), *self._docks(now, self._site_load)]
        messages += [*self._lockers.due(now), *self._doors(now)] if self._lockers else []
        messages += [*self._happened(now), *self._device_states(now)]
        messages += [*self._about_itself(now), *self._answers(now)]
        self._reported_s, self._scans_reported = now.boot_s, self._scans
        self._commits.offer(messages)
        self._notify.status(self._sentence())

    def finish(self, now: Instant) -> None:
        """The last report; everything is durable on return."""
        self.report(now)
        self._commits.commit(())

    @staticmethod
    def _is_due(now: Instant, last_s: float, interval_s: float) -> bool:
        """Whether the interval ends nearer to this beat than to the next."""
        return now.boot_s - last_s >= interval_s - BEAT_S / 2

    @property
    def _interval_s(self) -> float:
        """Seconds between two reports in the mode that is in force."""
        return self._settings.reporting.interval_s(self._helm.steer.mode, self._settings.bureau.report_s)

    def _is_health_due(self, now: Instant) -> bool:
        return self._is_due(now, self._health_s, min(HEALTH_S, HEALTH_REPORTS * self._settings.bureau.report_s))

    def _first_counts(self, now: Instant) -> bool:
        """The first report does not wait for the interval: a baseline counts only once it is durable."""
        return self._site_load is None and any(meter.fresh(now) for meter in self._site.meters.values())

    def _head(self, now: Instant) -> Head:
        """The next number; messages are committed in this order, for receipts and resends find them by halving."""
        self._seq += 1
        steer = self._helm.steer
        return Head(now, str(self._epoch), self._seq, steer.mode, steer.plan, steer.suspended, steer.exercise)

    def _lines(self, now: Instant) -> Iterator[Message]:
        for model in self._site.lines:
            name = model.line.id
            load = self._loads[name]
            if name in self._scans or self._is_worth(now, f"line/{name}", load.quality, partial(reports.figures, load)):
                yield self._line(now, model, load)
            if self._qualities.get(name) != load.quality or self._is_health_due(now):
                self._qualities[name] = load.quality
                yield reports.line_state(self._head(now), name, load)

    def _line(self, now: Instant, model: LineModel, load: LineLoad) -> Message:
        """A line as it is, since it was told last."""
        name, counts = model.line.id, self._site.counters_of(model)
        counts |= {ref: self._site.meters[ref] for ref in self._settings.eyes(name)}
        before, at_s = self._reported.get(name, (None, self._started_s))
        self._reported[name] = load, now.boot_s
        seen = self._scans.get(name)
        scans = scan_fields(seen, self._scans_reported.get(name)) if seen else {}
        said = {**scans, **input_reports.line_fields(self._helm.inputs.of(name))}
        return reports.telemetry(self._head(now), name, load, counts, before, now.boot_s - at_s, said)

    def _is_worth(self, now: Instant, place: str, quality: Quality, figures: Callable[[], Json]) -> bool:
        """Whether a place is told now. What scanners saw in an interval is told with it, whatever moved."""
        return not self._worth.asked or self._worth.is_told(place, now.boot_s, quality, figures())

    def _docks(self, now: Instant, load: SiteLoad) -> list[Message]:
        """The site's own telemetry, where it counts at its docks."""
        counts = {ref: self._site.meters[ref] for ref in self._settings.load.floor.counters()}
        if not counts or not self._is_worth(now, "site", load.quality, lambda: SITE_STATE.fields(load)):
            return []
        (before, at_s), self._site_reported = self._site_reported, (load, now.boot_s)
        return [site_reports.site_telemetry(self._head(now), load, counts, before, now.boot_s - at_s)]

    def _happened(self, now: Instant) -> list[Message]:
        """What happened to lines and site since this was asked, and how those stand now whose state changed."""
        told: list[Message] = []
        for model in self._site.lines:
            if events := model.steering.take_events():
                name = model.line.id
                told += [site_reports.event(self._head(now), name, one) for one in events]
                told.append(reports.line_state(self._head(now), name, model.advance(now)))
        if events := self._site.load.steering.take_events():
            told += [site_reports.event(self._head(now), None, one) for one in events]
            loads = {model.line.id: model.advance(now) for model in self._site.lines}
            told.append(
                site_reports.site_state(self._head(now), self._site.load.advance(now, loads), self._helm.summary())
            )
        return told

    def rebase(self, now: Instant, asked: StockTake) -> None:
        """Begin the backlog anew from a stock-take; durable and told on return, or refused with a reason."""
        backlog = self._site.load.backlog
        thought = backlog.advance(now)
        try:
            backlog.rebase(now, asked.parcels, asked.by, asked.id)
        except BaselineRefusedError as error:
            asked.refused = str(error)
            log.warn("baseline_refused", by=asked.by, parcels=asked.parcels, reason=error)
            return
        asked.before = thought.parcels if thought else None
        log.event("baseline", by=asked.by, parcels=asked.parcels, before=asked.before)
        self._site.load.follow(now)
        self._commits.commit(self._happened(now))

    def _steer(self, now: Instant) -> None:
        """Obey what the bureau commanded, and tell at once what came of it and how everything stands by it."""
        assert self._uplink is not None
        before = self._helm.steer
        changed = self._helm.advance(now, self._uplink.take_commands(), lambda *asked: self._rebase_for(now, *asked))
        news = self._helm.news(
            lambda: self._head(now), lambda: input_reports.last_gasp(self._head(now), self._site.meters)
        )
        answers = self._helm.answers(lambda: self._head(now))
        standing = [self._helm.changed(self._head(now), before), *self._standing(now)] if changed else []
        if news or answers or standing:
            self._commits.commit([*news, *answers, *standing])

    def _standing(self, now: Instant) -> Iterator[Message]:
        """How the lines and the site stand."""
        loads = {model.line.id: model.advance(now) for model in self._site.lines}
        yield from (reports.line_state(self._head(now), name, load) for name, load in loads.items())
        yield site_reports.site_state(self._head(now), self._site.load.advance(now, loads), self._helm.summary())

    def _rebase_for(self, now: Instant, order: BaselineOrder, name: str) -> str:
        asked = StockTake(order.parcels, order.by, name)
        self.rebase(now, asked)
        return asked.refused

    def _obey(self, now: Instant, asked: Asked) -> None:
        """Obey somebody on this machine; durable on return."""
        self._helm.obey(asked, now)
        self._steer(now)

    def _doors(self, now: Instant) -> Iterable[Message]:
        return self._lockers.doors(now) if self._lockers else ()

    def _device_states(self, now: Instant) -> list[Message]:
        """Of the devices whose state has changed since it was told."""
        known = {device: seen for device, seen in self._site.presence().items() if seen.online is not None}
        news = [device for device, seen in known.items() if self._told.get(device) != seen.told]
        self._told |= {device: known[device].told for device in news}
        return [reports.device_state(self._head(now), device, known[device]) for device in news]

    def _answers(self, now: Instant) -> list[Message]:
        """What the uplink has to say on commands that are its own."""
        assert self._uplink is not None
        return [reports.acknowledgement(self._head(now), answer) for answer in self._uplink.take_answers()]

    def _about_itself(self, now: Instant) -> list[Message]:
        """The site's state and the agent's health, when they are due."""
        if not self._is_health_due(now):
            return []
        self._health_s = now.boot_s
        assert self._uplink is not None
        up_s, books, uplink = now.boot_s - self._started_s, self._spool.books(), self._uplink.status()
        buses = {bus: counts.nonzero() for owner in self._site.owners for bus, counts in owner.counts().items()}
        scanners = self._site.scans.health() if self._site.scans else None
        expiry = self._expiry.days_left(now)
        return [
            site_reports.site_state(self._head(now), self._site.load.advance(now, self._loads), self._helm.summary()),
            reports.health(
                self._head(now),
                up_s,
                books,
                self._spool.condition,
                uplink,
                buses,
                scanners,
                self._spool.room(),
                expiry,
                self._helm.health(),
            ),
            *self._helm.measured(lambda: self._head(now)),
        ]

    def _baselines(self) -> Baselines:
        """What must outlive the process, at this moment."""
        intake, now = self._site.intake, clock.now()
        return Baselines(
            self._epoch,
            self._seq,
            {str(ref): meter.state() for ref, meter in self._site.meters.items()},
            intake.cuts(),
            memory.kept(now, {model.line.id: model for model in self._site.lines}, self._site.load),
            intake.identities(),
            self._site.lockers.state(now) if self._site.lockers else {},
            self._vouched_s(now),
            self._helm.kept(now),
        )

    def _vouched_s(self, now: Instant) -> int:
        """The latest wall time that a time server vouched for."""
        if now.quality == "ntp":
            self._ntp_s = max(self._ntp_s, int(now.wall_s))
        return self._ntp_s

    def _thin(self, now: Instant) -> None:
        """Where the spool has no room left: old messages give way to what stays of them, and to a record of that."""
        if (lost := self._thinning.step()) is not None:
            if not self._thinning.messages:
                log.warn("spool_full", held=self._spool.books().held, now="old messages are thinned")
            self._commits.commit([reports.loss(self._head(now), lost)])
            self._thinning.settle()

    def _sentence(self) -> str:
        """One line for `systemctl status`."""
        assert self._uplink is not None
        uplink, presence = self._uplink.status(), self._site.presence().values()
        link = f"bureau connected ({uplink.protocol})" if uplink.connected else f"bureau away: {uplink.reason}"
        online = sum(seen.online is True for seen in presence)
        waiting = uplink.backlog + uplink.live + uplink.in_flight
        return f"{online} of {len(presence)} devices answer, {link}, {waiting} messages wait"


def _locker_report(lockers: SiteLockers, head: Callable[[Instant], Head]) -> LockerReport:
    from agent.lockers.report import LockerReport  # a site without lockers does without

    return LockerReport(lockers, head)
