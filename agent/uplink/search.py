"""Where in the spool a message lies, by its identity: epoch and number grow with the position, nearly always: halve."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple, Protocol

from agent.uplink.contract import Message

_PROBE_BYTES = 64 << 10
_EPOCHS_A_WALK = 8
MOST = 1 << 53
"""More messages than any epoch has."""


class UnreadableError(Exception):
    """The disk refuses for now: nothing can be said of what is there."""


class Reads(Protocol):
    """The part of the spool that a search needs."""

    @property
    def next_position(self) -> int: ...

    @property
    def is_known(self) -> bool: ...

    def look(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]: ...


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


def first_at_or_after(
    spool: Reads, number: int, seq: int, start: int = 0, end: int | None = None
) -> tuple[int, Named] | None:
    """The first readable message at [start, end) that is not before number and seq, and its position; None when there
    is none. Numbers must grow there.

    Acknowledged messages are found too, as long as the spool has not needed their room. Raises UnreadableError.
    """
    low, high = start, spool.next_position if end is None else end
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


class Stretches:
    """Where in the spool the numbers of epochs begin to grow anew: one that began in memory has a number of the clock,
    which may have been behind, and a card that forgot a number gave it twice. Nearly always there is one stretch.

    There may be thousands of epochs, and others wait meanwhile: so `walk` looks at a few of them at a time.
    """

    def __init__(self, spool: Reads) -> None:
        self._spool = spool
        self._starts = [0]
        self._position = 0
        self._last: Named | None = None
        self.is_known = False

    def walk(self) -> bool:
        """Look at a few epochs more; True, and `is_known`, once there are no others. Raises UnreadableError."""
        end = self._spool.next_position
        for _ in range(_EPOCHS_A_WALK):
            if (probe := _readable(self._spool, self._position, end)) is None:
                self.is_known = True
                break
            at, one = probe
            if self._last is not None and one.epoch != self._last.epoch and one.number <= self._last.number:
                self._starts.append(at)
            self._last = one
            self._position = _past(self._spool, at, end, one.epoch, MOST)
        return self.is_known

    def find(self, epoch: str, seq: int) -> tuple[int, Named] | None:
        """The first readable message of `epoch` from number `seq` on, and its position; None when there is none, or
        while it is not known where it can be. Raises UnreadableError."""
        number = epoch_number(epoch)
        for start, end in pairwise((*self._starts, self._spool.next_position)):
            found = first_at_or_after(self._spool, number, seq, start, end)
            if found is not None and found[1].epoch == epoch:
                return found
        return None


def received_upto(spool: Reads, start: int, watermarks: Mapping[str, int]) -> int:
    """The position up to which, from `start` on, every message lies at or below its epoch's watermark.

    What is committed meanwhile is not among them. Raises UnreadableError.
    """
    position, end = start, spool.next_position
    while (probe := _readable(spool, position, end)) is not None:
        at, one = probe
        upto = watermarks.get(one.epoch, 0)
        if one.seq > upto:
            break
        position = _past(spool, at, end, one.epoch, upto)
    return position


def _past(spool: Reads, start: int, end: int, epoch: str, upto: int) -> int:
    """The position after the last message of `epoch` up to number `upto` in [start, end), where `start` is one.

    Messages of an epoch lie together in their order, whatever is before and behind them. Where there are many epochs
    they are short: so it looks near before it looks far.
    """
    low = past = start + 1
    high, step = end, 1
    while low < high:
        middle = min(low + step - 1, (low + high) // 2)
        probe = _readable(spool, middle, high)
        if probe is not None and probe[1].epoch == epoch and probe[1].seq <= upto:
            low = past = probe[0] + 1
            step *= 2
        else:
            high = middle
    return past


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
    try:
        return spool.look(start, most, _PROBE_BYTES)
    except OSError as refusal:
        raise UnreadableError from refusal
