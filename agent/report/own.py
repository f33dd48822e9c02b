"""What the agent tells of itself: its health, and one sentence for `systemctl status`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent.helm import Helm
from agent.load.instant import Instant
from agent.machine import Machine
from agent.report.commits import Commits
from agent.site import Site
from agent.uplink import reports
from agent.uplink.contract import Head, Message
from agent.uplink.expiry import Expiry
from agent.uplink.spool import Spool
from agent.uplink.status import UplinkStatus


class OwnReport:
    """Makes the messages. `head` begins the next one. Lives in the beat's thread."""

    def __init__(  # noqa: PLR0913, PLR0917 - these are the parts it tells of
        self,
        site: Site,
        helm: Helm,
        spool: Spool,
        commits: Commits,
        machine: Machine,
        expiry: Expiry,
        head: Callable[[Instant], Head],
        started: Instant,
    ) -> None:
        self._site = site
        self._helm = helm
        self._spool = spool
        self._commits = commits
        self._machine = machine
        self._expiry = expiry
        self._head = head
        self._started_s = started.boot_s
        self._late_s = 0.0
        self._set_s = started.wall_s - started.boot_s

    def late(self, by_s: float) -> None:
        """A beat began so long after it was due."""
        self._late_s = max(self._late_s, by_s)

    def health(self, now: Instant, uplink: UplinkStatus) -> Iterator[Message]:
        """The agent's health, and how the inputs that measure something stand."""
        late_s, self._late_s = self._late_s, 0.0
        yield reports.health(
            self._head(now),
            now.boot_s - self._started_s,
            self._spool.books(),
            self._spool.condition,
            uplink,
            {bus: counts.nonzero() for owner in self._site.owners for bus, counts in owner.counts().items()},
            self._site.scans.health() if self._site.scans else None,
            self._spool.room(),
            self._expiry.days_left(now),
            self._helm.health(),
            self._commits.take_slowest_s(),
            late_s,
            self._machine.report(now),
            self._site.intake.polls.report(),
            self._stepped_s(now),
        )
        yield from self._helm.measured(lambda: self._head(now))

    def _stepped_s(self, now: Instant) -> float:
        """How far the wall clock went otherwise than time did since the report before, or the start."""
        before_s, self._set_s = self._set_s, now.wall_s - now.boot_s
        return round(self._set_s - before_s, 1) + 0.0  # never -0.0

    def sentence(self, uplink: UplinkStatus) -> str:
        """One line for `systemctl status`."""
        presence = self._site.presence().values()
        link = f"bureau connected ({uplink.protocol})" if uplink.connected else f"bureau away: {uplink.reason}"
        online = sum(seen.online is True for seen in presence)
        waiting = uplink.backlog + uplink.live + uplink.in_flight
        spool = "" if self._spool.condition.place == "disk" else ", in memory only: the spool cannot be written"
        return f"{online} of {len(presence)} devices answer, {link}, {waiting} messages wait{spool}"
