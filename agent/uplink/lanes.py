"""What to send next: live messages first, then the backlog at its pace; and what the spool may forget."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from agent.uplink.contract import Message
from agent.uplink.outsized import Outsized
from agent.uplink.positions import Positions
from agent.uplink.resend import Resends
from agent.uplink.search import UnreadableError, oldest_at_or_after, received_upto

_CHUNK_MESSAGES = 64
_CHUNK_BYTES = 64 << 10


class Store(Protocol):
    """The part of the spool that a reader needs (see `agent.uplink.spool.Spool`)."""

    @property
    def next_position(self) -> int: ...

    @property
    def acked(self) -> int: ...

    @property
    def is_known(self) -> bool: ...

    def acknowledge(self, upto: int) -> None: ...

    def read(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]: ...

    def look(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]: ...

    def next_held(self, position: int) -> int: ...

    def write_off(self, position: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Record:
    """A message as the spool holds it; `again` when the bureau asked for it once more."""

    position: int
    message: Message
    again: bool = False


@dataclass(slots=True)
class _Cursor:
    """How far a lane has read, and what it has read ahead."""

    position: int
    ahead: deque[tuple[int, bytes]]


class Lanes:
    """The two lanes over one spool. Made once; `reconnected` begins a connection.

    The spool forgets what a broker acknowledged; `by_receipt` what the bureau has receipted, and nothing before.
    """

    def __init__(self, spool: Store, *, epoch: str = "", by_receipt: bool = False) -> None:
        self._spool = spool
        self._epoch = epoch
        self._by_receipt = by_receipt
        self._complained: set[str] = set()
        self.resends = Resends(spool, epoch)
        self.outsized = Outsized()
        self._done, self._offered = Positions(), Positions()
        self._own = spool.next_position
        self._kept: Record | None = None
        self._refused = False
        self._begin(spool.next_position)
        self.unreadable = 0
        self.is_heard = False
        """Whether the bureau has this run's `meta`; where it gives no receipts, its broker."""

    def _begin(self, live_from: int) -> None:
        self._live = _Cursor(live_from, deque())
        self._backlog = _Cursor(self._spool.acked, deque())
        self._backlog_end = live_from
        self._kept = None
        self.resends.reconnected()

    def reconnected(self, live_from: int) -> None:
        """A new connection: what is committed from that position on is live, what is not acknowledged is backlog."""
        self._begin(live_from)
        self._complained.clear()

    def rewind(self, live_from: int) -> None:
        """Offer again whatever was passed over: as backlog, but for what is at `live_from` or above."""
        self._begin(min(live_from, self.live_position))

    @property
    def live_position(self) -> int:
        """Where the next live message is."""
        return self._live.ahead[0][0] if self._live.ahead else self._live.position

    @property
    def live(self) -> int:
        """Messages the live lane has yet to send."""
        return max(0, self._spool.next_position - self._live.position) + len(self._live.ahead)

    @property
    def unacknowledged(self) -> int:
        """Messages that the bureau's broker has not acknowledged, in flight or not."""
        return max(0, self._spool.next_position - self._spool.acked - self._done.count)

    def next_live(self, held: Container[str]) -> Record | None:
        """The next live message, None when all are sent; topics in `held` are passed over."""
        end = self._spool.next_position
        if end < self._live.position:
            self._renumbered()
        while (found := self._pull(self._live, end)) is not None:
            if (message := self._decode(*found)) is not None and message.tail not in held:
                return Record(found[0], message)
        return None

    def next_late(self, held: Container[str], in_flight: Container[int]) -> Record | None:
        """The next message of the backlog; what the bureau asked for goes before. None when there is none now."""
        if (kept := self._kept) is not None:
            self._kept = None
            return kept
        if (again := self._again()) is not None:
            return again
        while (found := self._pull(self._backlog, self._backlog_end)) is not None:
            if found[0] in in_flight or self._done.next_absent(found[0]) != found[0]:
                continue
            if (message := self._decode(*found)) is not None and message.tail not in held:
                return Record(found[0], message)
        return None

    def put_back(self, record: Record) -> None:
        """What `next_late` gave last is not sent now."""
        self._kept = record

    @property
    def late(self) -> int:
        """About how many messages `next_late` has to give, at least one where there is one."""
        waiting = self._backlog_end - self._backlog.position + len(self._backlog.ahead)
        return max(0, waiting) + bool(self.resends) + (self._kept is not None)

    def rest(self) -> bool:
        """Whether the disk refused since the last call, so that a moment later is soon enough."""
        refused, self._refused = self._refused, False
        return refused

    def fetch(self, position: int) -> Record | None:
        """The message at `position`, also one that the bureau asked for again; None when it is gone."""
        found = self._spool.read(position, 1, _CHUNK_BYTES)
        if not found or found[0][0] != position or (message := self._decode(*found[0])) is None:
            return None
        return Record(position, message)

    def settle(self, position: int) -> None:
        """The message there needs no more sending; the spool learns the contiguous watermark."""
        self.resends.sent(position)
        self._settle(position, position + 1)

    def set_aside(self, position: int) -> None:
        """The message there is given up, and the spool's books say so for good."""
        self._spool.write_off(position)
        self.resends.set_aside(position)
        self.settle(position)

    def settle_parted(self) -> None:
        """Loss records that were told anew in parts need no more sending."""
        for position in self.outsized.take_told():
            self.settle(position)

    def taken(self, tail: str, *, late: bool) -> None:
        """A broker has acknowledged a message on that topic; a `late` one may be an earlier run's."""
        if tail == "meta" and not late and not self._by_receipt:
            self.is_heard = True

    def received(self, watermarks: Mapping[str, int]) -> None:
        """The bureau has, by epoch, everything up to these numbers; of this run nothing that was never sent."""
        if not self._by_receipt:
            return
        self.is_heard = self.is_heard or watermarks.get(self._epoch, 0) > 0
        with suppress(UnreadableError):  # the next receipt says it again
            acked = self._spool.acked
            unsent = self._offered.next_absent(max(acked, self._own))
            self._spool.acknowledge(min(unsent, received_upto(self._spool, acked, watermarks)))
            self._forget()
            self._complain(watermarks)

    def _complain(self, watermarks: Mapping[str, int]) -> None:
        """Of the epoch of our oldest message we were told nothing: the receipt that told it we have missed."""
        oldest = oldest_at_or_after(self._spool, self._spool.acked)
        if oldest is None or oldest.epoch in {self._epoch, *watermarks, *self._complained}:
            return
        self._complained.add(oldest.epoch)
        self.resends.answers.append({"cmd": "receipt", "untold_from": oldest.epoch})

    def _settle(self, start: int, end: int) -> None:
        self._done.add(start, end)
        self._offered.add(start, end)
        acked = self._spool.acked
        if not self._by_receipt and (watermark := self._done.next_absent(acked)) > acked:
            self._spool.acknowledge(watermark)
        self._forget()

    def _forget(self) -> None:
        acked = self._spool.acked
        self._done.forget_below(acked)
        self._offered.forget_below(acked)

    def _again(self) -> Record | None:
        try:
            found = self.resends.next()
        except UnreadableError:
            self._refused = True
            return None
        return None if found is None else Record(*found, again=True)

    def _pull(self, lane: _Cursor, end: int) -> tuple[int, bytes] | None:
        if not lane.ahead:
            lane.position = self._done.next_absent(max(lane.position, self._spool.acked))
            if lane.position < end:
                self._read_ahead(lane, end)
        if not lane.ahead:
            return None
        found = lane.ahead.popleft()
        self._offered.add(found[0], found[0] + 1)
        return found

    def _read_ahead(self, lane: _Cursor, end: int) -> None:
        """Nobody shall wait for positions that the spool skips: they are gone. An empty read proves nothing."""
        for position, octets in self._spool.read(lane.position, _CHUNK_MESSAGES, _CHUNK_BYTES):
            if not lane.position <= position < end:
                break
            self._settle(lane.position, position)
            lane.ahead.append((position, octets))
            lane.position = position + 1
        if lane.ahead:
            return
        held = min(self._spool.next_held(lane.position), end)
        if held == lane.position:
            self._refused = True
        self._settle(lane.position, held)
        lane.position = held

    def _decode(self, position: int, octets: bytes) -> Message | None:
        try:
            return Message.decode(octets)
        except ValueError:
            self.unreadable += 1
            self.set_aside(position)
            return None

    def _renumbered(self) -> None:
        """The spool could read its directory at last and counts on from there: all positions have a new meaning."""
        self._done, self._offered = Positions(), Positions()
        self._own = self._spool.acked
        self._begin(self._spool.next_position)
