"""True totals from any messages of one agent, in any order, with repeats, with losses: the merge a bureau makes.

Every message carries totals, not differences, so merging is taking the greater: commutative, associative and
idempotent. A later message replaces a lost one, a repeated or late one changes nothing. What the agent's devices
counted is merged within each (counter, base) and summed over the bases; what the agent itself counted begins at
0 in each epoch, is merged within each (stream, epoch) and summed over the epochs.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.load.reckoning import NOTHING, Reckoning
from agent.uplink.contract import demand_schema

MAX_INTEGER = 2**53
"""Integers from here on are not exact in every JSON reader and never come from an agent."""

MAX_STREAMS = 10_000
"""More counters than this in one message are refused."""

_EPOCH = re.compile(r"[0-9]{1,15}-[0-9a-f]{6}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


@dataclass(frozen=True, slots=True)
class Report:
    """What totals are rebuilt from: a message's identity within its agent, and the counts it carries.

    `counts` holds (base, reckoning) of each device counter since its base began, `events` by epoch what the agent
    itself has counted of each stream since that epoch began: mostly of its own, of a `meta` that of those before.
    """

    epoch: str
    seq: int
    counts: Mapping[str, tuple[int, Reckoning]]
    events: Mapping[str, Mapping[str, int]]

    @classmethod
    def from_payload(cls, payload: bytes) -> Report:
        """Read a message's JSON; ValueError with the reason for any bytes that are not one."""
        try:
            return cls.from_fields(json.loads(payload))
        except RecursionError:
            raise ValueError("a message nested without end") from None

    @classmethod
    def from_fields(cls, fields: object) -> Report:
        """Read decoded JSON: `v` 1 or absent, `epoch` "<number>-<nonce>", `seq` from 1, and where it counts something
        `counts` {name: total in the message's `base`, or [base, total], or [base, lo, hi or null, total]} and
        `events` {name: count}; other fields are not looked at.

        ValueError with the reason for anything else.
        """
        if not isinstance(fields, dict):
            raise ValueError("a message is an object")
        demand_schema(fields)  # a total is only ever raised: one that was misread would stand for good
        epoch = _epoch(fields.get("epoch"))
        counts = {name: _counted(value, fields.get("base")) for name, value in _streams(fields, "counts")}
        return cls(epoch, _whole(fields.get("seq"), 1), counts, dict(_events(fields)))


def _events(fields: Mapping[object, object]) -> Iterator[tuple[str, Mapping[str, int]]]:
    """What was counted in the message's own epoch, and in those before of which it tells."""
    for counter in (fields, *ended(fields)):
        if isinstance(counter, dict) and "events" in counter:
            counted = {name: _whole(value, 0) for name, value in _streams(counter, "events")}
            yield _epoch(counter.get("epoch")), counted


def ended(fields: Mapping[Any, object]) -> Iterator[object]:
    """What a `meta` says of epochs that are over: the one before its own, and earlier ones that may be untold."""
    earlier = fields.get("earlier")
    yield from earlier if isinstance(earlier, list) else ()
    yield fields.get("prev")


def _epoch(value: object) -> str:
    if not isinstance(value, str) or not _EPOCH.fullmatch(value):
        raise ValueError("`epoch` is not <number>-<nonce>")
    return value


def _streams(fields: Mapping[object, object], key: str) -> Iterator[tuple[str, object]]:
    streams = fields.get(key, {})
    if not isinstance(streams, dict) or len(streams) > MAX_STREAMS:
        raise ValueError(f"`{key}` is no object of at most {MAX_STREAMS} names")
    for name, value in streams.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"`{key}` holds a name that is none")
        yield name, value


def _counted(value: object, base: object) -> tuple[int, Reckoning]:
    """One counter's base and reckoning; a plain total is exact and stands in the message's own base."""
    parts = value if isinstance(value, list) else [base, value]
    if len(parts) not in {2, 4}:
        raise ValueError("a count is total, [base, total] or [base, lo, hi, total]")
    lo, hi, total = parts[1:] if len(parts) == 4 else 3 * parts[1:]
    counted = Reckoning(_whole(lo, 0), None if hi is None else _whole(hi, 0), _whole(total, 0))
    if not counted.sound:
        raise ValueError("a total lies outside its interval")
    return _whole(parts[0], 1), counted


def _whole(value: object, least: int) -> int:
    if type(value) is not int or not least <= value < MAX_INTEGER:
        raise ValueError(f"not a whole number from {least} to 2**53")
    return value


class Seen:
    """A set of sequence numbers as ranges: a week without loss is one pair of numbers."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def add(self, seq: int) -> bool:
        """True when `seq` was not in the set."""
        firsts, lasts = self._firsts, self._lasts
        at = bisect_right(firsts, seq)
        if at and seq <= lasts[at - 1]:
            return False
        joins_left = at > 0 and lasts[at - 1] == seq - 1
        joins_right = at < len(firsts) and firsts[at] == seq + 1
        if joins_left and joins_right:
            lasts[at - 1] = lasts.pop(at)
            del firsts[at]
        elif joins_left:
            lasts[at - 1] = seq
        elif joins_right:
            firsts[at] = seq
        else:
            firsts.insert(at, seq)
            lasts.insert(at, seq)
        return True

    def gaps(self) -> list[tuple[int, int]]:
        """The ranges (first, last) missing from 1 to the greatest number in the set."""
        befores = (0, *self._lasts)
        return [(last + 1, first - 1) for last, first in zip(befores, self._firsts, strict=False) if first > last + 1]


class Totals:
    """Everything one agent's messages have told so far. `messages` were new, `duplicates` had been seen before."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[int, Reckoning]] = {}
        self._events: dict[str, dict[str, int]] = {}
        self._seen: dict[str, Seen] = {}
        self.messages = 0
        self.duplicates = 0

    def merge(self, message: Report | bytes | Mapping[str, object]) -> bool:
        """Take a message in, as read, as JSON bytes or decoded; False when its identity was here before.

        ValueError with the reason, and nothing changed, when it is no message of an agent.
        """
        report = _report(message)
        for name, (base, counted) in report.counts.items():
            bases = self._counts.setdefault(name, {})
            bases[base] = join(bases.get(base, NOTHING), counted)
        for epoch, events in report.events.items():
            for name, count in events.items():
                epochs = self._events.setdefault(name, {})
                epochs[epoch] = max(epochs.get(epoch, 0), count)
        new = self._seen.setdefault(report.epoch, Seen()).add(report.seq)
        self.messages += new
        self.duplicates += not new
        return new

    @property
    def counters(self) -> tuple[str, ...]:
        """Every device counter heard of, by name."""
        return tuple(sorted(self._counts))

    def counted(self, counter: str) -> Reckoning:
        """What `counter` counted over all its bases; nothing when it was never heard of."""
        together = NOTHING
        for counted in self._counts.get(counter, {}).values():
            together = together.plus(counted)
        return together

    def bases(self, counter: str) -> dict[int, Reckoning]:
        """What `counter` counted in each of its bases."""
        return dict(self._counts.get(counter, {}))

    @property
    def streams(self) -> tuple[str, ...]:
        """Every stream of the agent's own counts, by name."""
        return tuple(sorted(self._events))

    def events(self, stream: str) -> int:
        """What the agent itself counted of `stream` over all its epochs."""
        return sum(self._events.get(stream, {}).values())

    def gaps(self) -> dict[str, list[tuple[int, int]]]:
        """Per epoch that has any, the ranges of sequence numbers that did not arrive (totals do not need them)."""
        found = {epoch: seen.gaps() for epoch, seen in self._seen.items()}
        return {epoch: gaps for epoch, gaps in found.items() if gaps}


def _report(message: Report | bytes | Mapping[str, object]) -> Report:
    if isinstance(message, Report):
        return message
    return Report.from_payload(message) if isinstance(message, bytes) else Report.from_fields(message)


def join(one: Reckoning, other: Reckoning) -> Reckoning:
    """The least interval and total that both imply: counts only grow, and an unbounded `hi` stays so."""
    hi = None if one.hi is None or other.hi is None else max(one.hi, other.hi)
    return Reckoning(max(one.lo, other.lo), hi, max(one.total, other.total))
