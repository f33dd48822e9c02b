"""A wire as the rest of the agent sees it: its one owner, and what that tells the beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from agent.bus.counts import BusCounts
from agent.bus.outcomes import REASONS, Answered, LinkChanged, Missed, Outcome, Reopened
from drivers import Ask

if TYPE_CHECKING:
    from agent.bus.ear import Ears
    from agent.bus.errand import Errand

__all__ = ["REASONS", "Answered", "LinkChanged", "Missed", "Outcome", "Owner", "Reopened"]


class Owner(Protocol):
    """The one thread that may touch its wires. `take` hands over what happened since the last call, oldest first."""

    name: str

    def start(self) -> None: ...

    def stop(self) -> None:
        """Ask the thread to end and wait for it, at most one second; the wires are closed."""
        ...

    def take(self) -> Sequence[Outcome]:
        """Oldest first, bounded; raises what killed the thread, if anything did."""
        ...

    def counts(self) -> Mapping[str, BusCounts]:
        """What went over each of its buses so far, by bus id."""
        ...

    def hurry(self, device: str) -> None:
        """Read `device` again as soon as the wire is free (a doubtful count wants a second look)."""
        ...

    def replan(self, device: str, asks: Mapping[int, Ask]) -> None:
        """From now on ask `device` just these, by number; an answer of what it was asked before may still come."""
        ...

    def run_errand(self, errand: Errand) -> bool:
        """Put it on the wire as soon as the polls leave room; False when too many wait already."""
        ...

    def ears(self) -> Mapping[str, Ears]:
        """Who listens in on each of its buses, by bus id."""
        ...

    @property
    def progress_s(self) -> float:
        """When the thread last went round its loop, on the boot-time clock; the watchdog's evidence."""
        ...
