"""What a wire tells the beat: answers, misses and link changes, each with the moment it happened."""

from __future__ import annotations

from dataclasses import dataclass

from drivers import Batch, Told

REASONS = frozenset(
    {
        *("timeout", "late", "echo", "unit", "function", "count", "length", "transaction", "protocol", "crc"),
        *("checksum", "header", "garbage", "link_down", "not_asked_by_master", "listen_only"),
    }
)
"""Why an ask brought no value, but for refusals."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Ask number `ask` of `device` was answered, `took_s` after its turn had come; None where another master asked."""

    device: str
    ask: int
    batch: Batch
    took_s: float | None = None


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
