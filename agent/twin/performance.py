"""The course of a demo: the parcels stand still, run, stand still again; then truth and bureau are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from agent.bureau.subscriber import Subscriber
from agent.clock import boot_seconds
from agent.twin.control import SOCKET, Remote
from agent.twin.show import Moment, Totals, bureau_lockers, bureau_scans, bureau_totals, flat, moment
from agent.twin.troupe import ChildError, InterruptedShowError, Troupe
from agent.uplink.spool import Spool
from config import load
from config.settings import Settings

BASELINE_S = 30.0
SETTLE_S = 10.0
"""What the last counts may take from the devices to the bureau."""

_STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the devices counted, the scanners said and people did at the lockers, and what the bureau rebuilt of it,
    `seconds` after the parcels were let go. `scans` and `lockers` have both, `truth` and `bureau`.

    `spool` are the agent's books after its end: written = acked + held + dropped.
    """

    truth: Totals
    bureau: Totals
    scans: dict[str, Totals]
    lockers: dict[str, Totals]
    seconds: float
    broker: str
    mqtt: str
    messages: int
    duplicates: int
    rejected: int
    spool: dict[str, int]

    @property
    def equal(self) -> bool:
        return all(truth == bureau for truth, bureau in self._pairs())

    def differences(self) -> list[str]:
        """The counters, kinds of scans and figures of lockers that differ, with both."""
        return [told for truth, bureau in self._pairs() for told in _differences(truth, bureau)]

    def _pairs(self) -> list[tuple[Totals, Totals]]:
        compared = [(one["truth"], one["bureau"]) for one in (self.scans, self.lockers)]
        return [(self.truth, self.bureau), *compared]


def _differences(truth: Totals, bureau: Totals) -> list[str]:
    return [
        f"{line} {name}: truth {truth[line].get(name, 0)}, bureau {bureau[line].get(name, 0)}"
        for line in truth
        for name in sorted({*truth[line], *bureau[line]})
        if truth[line].get(name) != bureau[line].get(name)
    ]


class Performance:
    """One demo of the hub `site`, in a context that ends everything it started.

    `interrupts` tells how often somebody has asked for the end. Raises InterruptedShowError when that happens
    before the show, and ChildError when a part of it fails.
    """

    def __init__(self, site: Path, options: list[str], interrupts: Callable[[], int]) -> None:
        self._site, self._options, self._interrupts = site, options, interrupts
        self._troupe = Troupe(lambda: interrupts() > 0)
        self._bureau: Subscriber | None = None
        self._remote: Remote | None = None
        self.settings: Settings
        self.broker = ""
        self._began_s = 0.0

    def begin(self) -> None:
        """Start everything, wait until the bureau has every counter's baseline, and let the parcels go."""
        self.broker = self._troupe.start_broker()
        self._troupe.start_twin(self._site, self._options)
        self.settings = load(self._troupe.settings)
        self._remote = Remote(self._socket)
        self._bureau = Subscriber("127.0.0.1", self._troupe.broker_port)
        self._bureau.start()
        self._troupe.start_agent()
        self._wait_for_baselines()
        self._twin.ask("go")
        self._began_s = boot_seconds()

    def now(self) -> Moment:
        """Truth and bureau at this moment."""
        self._troupe.check()
        truth, state, site = self._twin.ask("truth"), self._twin.ask("state"), self.settings.site.id
        at_s = boot_seconds() - self._began_s
        return self._subscriber.read(lambda view: moment(at_s, self.settings, truth, state, view.site(site)))

    def finish(self) -> Outcome:
        """Stop the parcels, let what was counted arrive, end the agent, and compare."""
        seconds = boot_seconds() - self._began_s
        self._twin.ask("freeze")
        until_s, interrupts = boot_seconds() + SETTLE_S, self._interrupts()
        while not self._has_arrived() and boot_seconds() < until_s and self._interrupts() == interrupts:
            self._subscriber.wait_until(lambda: False, _STEP_S)
        truth, scans, lockers = self._told()
        books = self._books()
        heard = self._subscriber.totals(self.settings.site.id)
        return Outcome(
            truth=truth,
            bureau=self._totals(),
            scans={"truth": scans, "bureau": self._heard()[1]},
            lockers={"truth": lockers, "bureau": self._heard()[2]},
            seconds=round(seconds, 1),
            broker=self.broker,
            mqtt=self._subscriber.version,
            messages=heard.messages,
            duplicates=heard.duplicates,
            rejected=self._subscriber.rejected,
            spool=books,
        )

    @property
    def command(self) -> str:
        """The verb and its words with which a reader can play with the twin."""
        return f"simulate --at {self._troupe.folder} --tell unplug bus=panel"

    def __enter__(self) -> Performance:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._remote is not None:
            self._remote.close()
        if self._bureau is not None:
            self._bureau.stop()
        self._troupe.__exit__(kind, error, at)

    @property
    def _socket(self) -> Path:
        return self._troupe.folder / SOCKET

    @property
    def _twin(self) -> Remote:
        assert self._remote is not None
        return self._remote

    @property
    def _subscriber(self) -> Subscriber:
        assert self._bureau is not None
        return self._bureau

    def _has_arrived(self) -> bool:
        """Whether the bureau has it all; a scanner that is half through a line would be cut by the agent's end."""
        idle = all(one["idle"] for one in self._twin.ask("state")["scanners"].values())
        return idle and self._told() == self._heard()

    def _told(self) -> tuple[Totals, Totals, Totals]:
        """What the devices counted, the scanners said, and people did at the lockers."""
        told = self._twin.ask("truth")
        return flat(told["truth"]), told["scans"], told["lockers"]

    def _heard(self) -> tuple[Totals, Totals, Totals]:
        """What the bureau has of all that."""
        site, lines = self.settings.site.id, {scanner.line for scanner in self.settings.scanners}
        scans, lockers = self._subscriber.read(
            lambda view: (bureau_scans(lines, view.site(site)), bureau_lockers(self.settings.lockers, view.site(site)))
        )
        return self._totals(), scans, lockers

    def _totals(self) -> Totals:
        site = self.settings.site.id
        return self._subscriber.read(lambda view: bureau_totals(self.settings, view.site(site)))

    def _wait_for_baselines(self) -> None:
        wanted = {line.id: {str(ref) for _, ref in line.counters()} for line in self.settings.lines}
        until_s = boot_seconds() + BASELINE_S
        while not self._all_heard() or {line: set(counters) for line, counters in self._totals().items()} != wanted:
            self._troupe.check()
            if self._interrupts():
                raise InterruptedShowError
            if boot_seconds() > until_s:
                raise ChildError(f"not every counter, scanner and locker was read within {BASELINE_S:.0f} s")
            self._subscriber.wait_until(lambda: False, _STEP_S)

    def _all_heard(self) -> bool:
        """Whether somebody hears every scanner and reads every locker."""
        state = self._twin.ask("state")
        return all(one["heard"] for one in (*state["scanners"].values(), *state["lockers"].values()))

    def _books(self) -> dict[str, int]:
        self._troupe.end_agent()
        spool = Spool.open(self.settings.spool.directory, self.settings.spool.max_bytes)
        try:
            return asdict(spool.books())
        finally:
            spool.close()
