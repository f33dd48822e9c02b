"""Where in the spool a message lies, by its identity: epoch and number only grow with the position, so it is halved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from agent.uplink.contract import Message

_PROBE_BYTES = 64 << 10


class UnreadableError(Exception):
    """The disk refuses for now: nothing can be said of what is there."""


class Reads(Protocol):
    """The part of the spool that a search needs."""

    @property
    def next_position(self) -> int: ...

    def read(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]: ...

    def next_held(self, position: int) -> int: ...


class Named(NamedTuple):
    """A message's identity. Comparing numbers and then sequence numbers orders all that one spool ever held."""

    number: int
    seq: int
    epoch: str


def epoch_number(epoch: str) -> int:
    """The number of an epoch "<number>-<nonce>"; ValueError when it is none."""
    return int(epoch.partition("-")[0])


def named(record: bytes) -> Named:
    """Who that spool record is. Raises ValueError for bytes that hold no message with an identity."""
    fields = json.loads(Message.decode(record).payload)
    epoch, seq = (fields.get("epoch"), fields.get("seq")) if isinstance(fields, dict) else (None, None)
    if not isinstance(epoch, str) or type(seq) is not int:
        raise ValueError("a record without an identity")
    return Named(epoch_number(epoch), seq, epoch)


def first_at_or_after(spool: Reads, number: int, seq: int) -> tuple[int, Named] | None:
    """The first readable message that is not before number and seq, and its position; None when there is none.

    Acknowledged messages are found too, as long as the spool has not needed their room. Raises UnreadableError.
    """
    low, high = 0, spool.next_position
    found: tuple[int, Named] | None = None
    while low < high:
        middle = (low + high) // 2
        probe = _readable(spool, middle, high)
        if probe is None:
            high = middle
        elif (probe[1].number, probe[1].seq) < (number, seq):
            low = probe[0] + 1
        else:
            high, found = middle, probe
    return found


def oldest_at_or_after(spool: Reads, start: int) -> Named | None:
    """Who the first readable message from `start` on is. Raises UnreadableError."""
    found = _readable(spool, start, spool.next_position)
    return None if found is None else found[1]


def received_upto(spool: Reads, start: int, watermarks: Mapping[str, int]) -> int:
    """The position up to which, from `start` on, every message lies at or below its epoch's watermark.

    Raises UnreadableError.
    """
    position = start
    while (probe := _readable(spool, position, spool.next_position)) is not None:
        at, one = probe
        if one.seq > watermarks.get(one.epoch, 0):
            break
        beyond = first_at_or_after(spool, one.number, watermarks[one.epoch] + 1)
        position = max(at + 1, spool.next_position if beyond is None else beyond[0])
    return position


def _readable(spool: Reads, start: int, end: int) -> tuple[int, Named] | None:
    """The first message with an identity at [start, end)."""
    while start < end:
        found = read(spool, start, 1)
        if not found or found[0][0] >= end:
            return None
        position, record = found[0]
        try:
            return position, named(record)
        except ValueError:
            start = position + 1
    return None


def read(spool: Reads, start: int, most: int) -> list[tuple[int, bytes]]:
    """At most so many records from `start` on; none only where there are none. Raises UnreadableError."""
    found = spool.read(start, most, _PROBE_BYTES)
    if not found and spool.next_held(start) < spool.next_position:
        raise UnreadableError
    return found
