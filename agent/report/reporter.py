"""When what is told: each beat what is new, each interval what is due, and once a minute how the agent is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from agent import clock, log
from agent.baselines import Baselines
from agent.helm import Helm
from agent.load.instant import Instant
from agent.machine import Machine
from agent.release import VERSION
from agent.report.commits import Commits
from agent.report.equipment import EquipmentReport
from agent.report.floor import FloorReport
from agent.report.numbering import Numbering
from agent.report.obeying import Obeying
from agent.report.own import OwnReport
from agent.report.thinning import Thinning
from agent.site import Site
from agent.stocktake import StockTakes
from agent.survey import Survey
from agent.systemd import Notify
from agent.uplink import meta, reports
from agent.uplink.contract import Head, Json, Message
from agent.uplink.expiry import Expiry
from agent.uplink.inbox import Command
from agent.uplink.outsized import Outsized
from agent.uplink.spool import Spool
from agent.uplink.status import UplinkStatus
from config.settings import Settings

if TYPE_CHECKING:
    from agent.lockers.report import LockerReport
    from agent.lockers.site import SiteLockers

BEAT_S = 1.0
HEALTH_S = 60.0
HEALTH_REPORTS = 6
"""Health goes out once a minute, or every sixth report where reports are more frequent."""
LOCKERS_S = 10.0
"""Lockers are looked at so often, or with each report where reports are more frequent."""


class Uplink(Protocol):
    """The part of the publisher that a report needs."""

    def wake(self) -> None: ...

    def status(self) -> UplinkStatus: ...

    def take_answers(self) -> Sequence[Json]: ...

    def take_commands(self) -> Sequence[Command]: ...

    @property
    def outsized(self) -> Outsized: ...


class Reporter:
    """Reports what is due. Lives in the beat's thread."""

    def __init__(  # noqa: PLR0913, PLR0917 - these are the parts it connects
        self,
        settings: Settings,
        site: Site,
        spool: Spool,
        helm: Helm,
        numbering: Numbering,
        commits: Commits,
        uplink: Uplink,
        stocktakes: StockTakes,
        notify: Notify,
        machine: Machine,
    ) -> None:
        self._settings = settings
        self._site = site
        self._spool = spool
        self._helm = helm
        self._commits = commits
        self._uplink = uplink
        self._notify = notify
        self._machine = machine
        started = clock.now()
        self._started_s = self._reported_s = self._health_s = self._lockers_s = started.boot_s
        self._head = head = numbering.head
        self._floor = FloorReport(settings, site, helm, head, self._started_s)
        self._lockers = _locker_report(site.lockers, head) if site.lockers else None
        self._equipment = EquipmentReport(site, head)
        expiry = Expiry(settings.bureau.tls)
        self._own = OwnReport(site, helm, spool, commits, machine, expiry, head, started)
        self._survey = Survey(settings, site, helm, spool, expiry, machine)
        self._thinning = Thinning(spool)
        self._counted: Json = {}
        self._obeying = Obeying(site, helm, self._floor, commits, stocktakes, head, self._facts)

    def begin(self, now: Instant, past: Baselines) -> None:
        """Make the new epoch durable with its first message; nothing of it may be published before."""
        self._commits.begin(self._uplink.wake)
        self._commits.commit([meta.document(self._head(now), self._settings, VERSION, past)])

    def advance(self, now: Instant) -> None:
        """One beat: what is due is reported."""
        self._commits.watch()
        self._machine.watch(now.boot_s)
        self._tell_late(now)
        self._thin(now)
        if self._site.scans:
            self._site.scans.take(now)
        self._obeying.advance(now, self._uplink.take_commands())
        self._floor.sample(now)
        if self._site.lockers:
            self._site.lockers.advance(now)
        self._commits.offer([*self._due(now), *self._news(now)])
        self._obeying.serve(now)
        self._keep_counted()

    def late(self, by_s: float) -> None:
        """A beat began so long after it was due; health tells the most."""
        self._own.late(by_s)

    def _tell_late(self, now: Instant) -> None:
        """How the run before ended, of which the card could be read only after the start."""
        if not (state := self._spool.take_late_state()):
            return
        try:
            past = Baselines.decode(state)
        except ValueError as error:
            log.warn("baselines_unreadable", reason=error)
            return
        if past.site in {"", self._settings.site.path}:
            self._commits.commit([meta.document(self._head(now), self._settings, VERSION, past)])

    def _keep_counted(self) -> None:
        """What was counted here and stands in no device outlives the process, also between two reports."""
        if self._commits.is_old and (counted := self._site.streams()) != self._counted and self._commits.keep():
            self._counted = counted

    def _due(self, now: Instant) -> list[Message]:
        """What an interval owes that ends in this beat: figures, how everything stands, lockers. Drawing loads is most
        of the work, so it waits for this."""
        figures = self._is_due(now, self._reported_s, self._interval_s) or self._first_counts(now)
        states = self._is_due(now, self._health_s, self._health_interval_s)
        told = self._report(now, figures=figures, states=states) if figures or states else []
        if self._lockers and self._is_due(now, self._lockers_s, min(LOCKERS_S, self._interval_s)):
            self._lockers_s = now.boot_s
            told += self._lockers.due(now)
        return told

    def _report(self, now: Instant, *, figures: bool, states: bool) -> list[Message]:
        if figures:
            self._reported_s = now.boot_s
        if states or not self._floor.is_drawn:  # so that both go together, for one drawing
            self._health_s = now.boot_s
        uplink = self._uplink.status()
        self._notify.status(self._own.sentence(uplink))
        told = self._floor.due(now, figures=figures, states=states)
        return [*told, *self._own.health(now, uplink)] if states else told

    def report(self, now: Instant) -> None:
        """Tell all there is to tell, whatever is due."""
        lockers = self._lockers.due(now) if self._lockers else ()
        self._commits.offer([*self._report(now, figures=True, states=True), *lockers, *self._news(now)])

    def finish(self, now: Instant) -> None:
        """The last report; everything is durable on return."""
        self.report(now)
        self._commits.commit(())

    def _facts(self, now: Instant) -> Json:
        """How everything stands, for somebody who asks whether the site is ready."""
        return self._survey.facts(now, now.boot_s - self._started_s, self._uplink.status())

    def _news(self, now: Instant) -> list[Message]:
        """What does not wait for a report: what happened, what changed, and what the uplink answers on its own."""
        doors = self._lockers.doors(now) if self._lockers else ()
        answers = [reports.acknowledgement(self._head(now), answer) for answer in self._uplink.take_answers()]
        return [*self._floor.happened(now), *doors, *self._equipment.news(now), *answers]

    @staticmethod
    def _is_due(now: Instant, last_s: float, interval_s: float) -> bool:
        """Whether the interval ends nearer to this beat than to the next."""
        return now.boot_s - last_s >= interval_s - BEAT_S / 2

    @property
    def _interval_s(self) -> float:
        """Seconds between two reports in the mode that is in force."""
        return self._settings.reporting.interval_s(self._helm.steer.mode, self._settings.bureau.report_s)

    @property
    def _health_interval_s(self) -> float:
        return min(HEALTH_S, HEALTH_REPORTS * self._settings.bureau.report_s)

    def _first_counts(self, now: Instant) -> bool:
        """The first report does not wait for the interval: a baseline counts only once it is durable."""
        return not self._floor.is_drawn and any(meter.fresh(now) for meter in self._site.meters.values())

    def _thin(self, now: Instant) -> None:
        """Where the spool has no room left: old messages give way to what stays of them, and to a record of that."""
        if lost := self._thinning.step():
            if not self._thinning.messages:
                log.warn("spool_full", held=self._spool.books().held, now="old messages are thinned")
            self._commits.commit([reports.loss(self._head(now), part) for part in lost])
            self._thinning.settle()
        outsized = self._uplink.outsized
        if (large := outsized.next()) is not None and (parts := self._thinning.parts(large)) is not None:
            self._commits.commit([reports.loss(self._head(now), part) for part in parts])
            outsized.told(large)


def _locker_report(lockers: SiteLockers, head: Callable[[Instant], Head]) -> LockerReport:
    from agent.lockers.report import LockerReport  # a site without lockers does without

    return LockerReport(lockers, head)
