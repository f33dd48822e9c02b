"""What a wire tells the beat: answers, misses and link changes, each with the moment it happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from agent.bus.counts import BusCounts
from drivers import Ask, Batch, Told

if TYPE_CHECKING:
    from agent.bus.ear import Ears
    from agent.bus.errand import Errand


REASONS = frozenset(
    {
        *("timeout", "late", "echo", "unit", "function", "count", "length", "transaction", "protocol", "crc"),
        *("checksum", "header", "garbage", "link_down", "not_asked_by_master", "listen_only"),
    }
)
"""Why an ask brought no value, but for refusals."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Ask number `ask` of `device` was answered."""

    device: str
    ask: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class Missed:
    """Ask number `ask` of `device` brought no value.

    `reason` is one of `REASONS` or `exception_<code>`; docs/bureau.md says what each means.
    """

    device: str
    ask: int
    reason: str
    at_s: float


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The wire of `bus` opened (`up`) or was lost; `reason` is a short plain text for people."""

    bus: str
    up: bool
    reason: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Reopened:
    """The wire of `bus` was opened anew without having been told as lost: whoever answers now may be another."""

    bus: str
    at_s: float


Outcome = Answered | Missed | Told | LinkChanged | Reopened


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
