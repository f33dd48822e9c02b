"""Orders and stock-takes are obeyed at once, and durable with what came of them before anybody hears that they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent import log
from agent.helm import Helm
from agent.load.backlog import BaselineRefusedError
from agent.load.instant import Instant
from agent.local_orders import Asked
from agent.orders.order import BaselineOrder
from agent.orders.steer import Steer
from agent.report.commits import Commits
from agent.report.floor import FloorReport
from agent.site import Site
from agent.stocktake import StockTake, StockTakes
from agent.uplink import input_reports
from agent.uplink.contract import Head, Json, Message
from agent.uplink.inbox import Command


class Obeying:
    """Of the bureau, and of people on this machine. `head` begins the next message. Lives in the beat's thread."""

    def __init__(  # noqa: PLR0913, PLR0917 - these are the parts it connects
        self,
        site: Site,
        helm: Helm,
        floor: FloorReport,
        commits: Commits,
        stocktakes: StockTakes,
        head: Callable[[Instant], Head],
        survey: Callable[[Instant], Json],
    ) -> None:
        self._site = site
        self._helm = helm
        self._floor = floor
        self._commits = commits
        self._stocktakes = stocktakes
        self._head = head
        self._survey = survey

    def advance(self, now: Instant, commands: Sequence[Command]) -> None:
        """Obey the bureau's commands, and tell at once what came of them and how everything stands by them."""
        before = self._helm.steer
        changed = self._helm.advance(now, commands, lambda *asked: self._rebase_for(now, *asked))
        news = self._helm.news(
            lambda: self._head(now), lambda: input_reports.last_gasp(self._head(now), self._site.meters)
        )
        answers = self._helm.answers(lambda: self._head(now))
        standing = self._standing(now, before) if changed else ()
        if news or answers or standing:
            self._commits.commit([*news, *answers, *standing])

    def _standing(self, now: Instant, before: Steer) -> list[Message]:
        """How everything stands by what is in force now, not by what was."""
        self._floor.judge(now)
        return [self._helm.changed(self._head(now), before), *self._floor.standing(now)]

    def serve(self, now: Instant) -> None:
        """Obey everybody on this machine who waits for it."""
        self._stocktakes.serve(lambda asked: self._take(now, asked))
        self._helm.here.serve(lambda asked: self._obey(now, asked))

    def _obey(self, now: Instant, asked: Asked) -> None:
        if asked.kind == "survey":
            asked.answer = self._survey(now)
            return
        self._helm.obey(asked, now)
        self.advance(now, ())

    def _take(self, now: Instant, asked: StockTake) -> None:
        """A stock-take of somebody on this machine, with its entry on the trail."""
        self._rebase(now, asked)
        outcome, why = ("refused", "impossible") if asked.refused else ("accepted", None)
        told = {"cmd": "baseline", "source": "site", "parcels": asked.parcels, "by": asked.by}
        self._helm.note(outcome, now, **told, reason=why, detail=asked.refused or None)

    def _rebase_for(self, now: Instant, order: BaselineOrder, name: str) -> str:
        asked = StockTake(order.parcels, order.by, name)
        self._rebase(now, asked)
        return asked.refused

    def _rebase(self, now: Instant, asked: StockTake) -> None:
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
        self._commits.commit(self._floor.happened(now))
