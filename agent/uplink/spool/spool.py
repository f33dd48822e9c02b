"""The durable queue of messages with the count state that contains them; from memory, visibly, while the disk fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.clock import boot_seconds
from agent.uplink.spool.disk import CardDisk, Disk, SpoolLockedError
from agent.uplink.spool.ledger import Books, Ledger
from agent.uplink.spool.reader import Reader
from agent.uplink.spool.recovery import Found
from agent.uplink.spool.ring import Entry, Ring
from agent.uplink.spool.segment import MAX_SEGMENT_BYTES
from agent.uplink.spool.store import Store
from agent.uplink.spool.wear import Room

_SEGMENTS = 8
_MIN_SEGMENT_BYTES = 4096
_LENGTH_BYTES = 4
_IDLE_FLUSH_S = 60.0
_MAX_RETRY_S = 60.0
_RETRY_SHARE = 10
"""A failing disk is asked again after ten times as long as it took to fail: a tenth of the time at most is wasted."""
_UNREAD_ORIGIN = 1 << 62
"""Positions given out while the directory could not even be read: they meet none that it may hold."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Where commits go now. In `ram` they end with the process. `reason` says why, or why the disk cannot be read."""

    place: Literal["disk", "ram"]
    reason: str = ""


_GOOD = Condition("disk")


class Spool:
    """One committing thread and one reading and acknowledging thread; reading never waits for the disk's flush.

    Positions are consecutive and never given out twice. Disk errors are not raised: see `condition`.
    """

    def __init__(self, disk: Disk, max_bytes: int, segment_bytes: int, clock: Callable[[], float]) -> None:
        self._disk = disk
        self._max_bytes = max_bytes
        self._clock = clock
        self._ring = Ring(disk, max_bytes, segment_bytes)
        self._reader = Reader(disk, self._ring)
        self._ledger = Ledger(_UNREAD_ORIGIN)
        self._store = Store(self._ring, self._ledger)
        self._max_state_bytes = segment_bytes // 4
        self._max_pending_bytes = segment_bytes // 2
        self._writing = threading.RLock()  # held through a flush
        self._reading = threading.Lock()  # held while files are read, and while the directory is opened anew
        self._pending = Entry(_UNREAD_ORIGIN, (), b"")  # what the disk has not taken; replaced, never changed
        self._condition = _GOOD
        self._read_fault: OSError | None = None
        self._is_known = False
        self._is_closed = False
        self._retry_s = self._flushed_s = clock()

    @classmethod
    def open(
        cls,
        directory: Path,
        max_bytes: int,
        *,
        segment_bytes: int | None = None,
        disk: Disk | None = None,
        clock: Callable[[], float] = boot_seconds,
    ) -> Spool:
        """Open or make the spool, whatever its directory holds.

        It takes at most `max_bytes` of the disk, in segments of an eighth of it and at most 4 MiB. A commit may carry
        a state of a quarter and messages of half a segment. Raises SpoolLockedError, and ValueError where `max_bytes`
        is too little, and nothing else.
        """
        size = segment_bytes or min(MAX_SEGMENT_BYTES, max_bytes // _SEGMENTS)
        if not _MIN_SEGMENT_BYTES <= size <= min(MAX_SEGMENT_BYTES, max_bytes // 4):
            raise ValueError(f"a spool of {max_bytes} bytes cannot be cut into segments of {size}")
        spool = cls(disk or CardDisk(directory), max_bytes, size, clock)
        try:
            spool._attach()
        except OSError as error:
            spool._condition = Condition("ram", str(error))
        return spool

    # --- what the caller sees ---

    @property
    def state(self) -> bytes:
        """The blob of the last commit; empty when there was none."""
        return self._pending.state

    @property
    def most_bytes(self) -> int:
        """What the messages of one commit may take, each four bytes more than its own."""
        return self._max_pending_bytes

    @property
    def next_position(self) -> int:
        """The position the next message will get."""
        return self._ledger.end

    @property
    def acked(self) -> int:
        """Every position below is done with: acknowledged, dropped at the bound, or lost."""
        return self._ledger.acked

    @property
    def condition(self) -> Condition:
        """Where commits go, and why not to the disk; or why messages cannot be read now."""
        condition, fault = self._condition, self._read_fault
        return condition if fault is None or condition is not _GOOD else Condition("disk", f"cannot be read: {fault}")

    def books(self) -> Books:
        """What became of every message; `residual` is 0."""
        return self._ledger.books()

    def room(self) -> Room:
        """How full it is, and what it cost the card; from any thread."""
        ring = self._ring
        return Room(self._max_bytes, ring.held_bytes(self.acked), ring.appended_bytes, ring.card_bytes)

    def acknowledge(self, upto: int) -> None:
        """All positions below `upto` have arrived. Durable with the next commit, or within a minute through `tick`."""
        self._ledger.acknowledge(upto)

    def read(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]:
        """Messages from `start` on with their positions, in order; at least one where there is any.

        Positions that were dropped or are lost are skipped; `next_held` knows them then. Where the disk refuses for
        now it ends early, perhaps with nothing: `condition` says so, and a later call may get more. Acknowledged
        messages are still there until their room is needed. A `start` that was never given out means the oldest
        unacknowledged message.
        """
        found: list[tuple[int, bytes]] = []
        with self._reading:
            try:
                _fill(found, self._from(start), max_messages, max_bytes)
                self._read_fault = None
            except OSError as error:
                self._read_fault = error
        return found

    def next_held(self, position: int) -> int:
        """The first position from `position` on that is neither done with nor known to be lost."""
        return self._ledger.next_held(position)

    def write_off(self, position: int) -> None:
        """The message there will never arrive, though it was read; the books count it as corrupt."""
        self._ledger.lose(position, position + 1)

    def _from(self, position: int) -> Iterator[tuple[int, bytes]]:
        if position > self.next_position:
            position = self.acked
        while not self._is_closed:
            pending = self._pending
            if position >= pending.first:
                yield from enumerate(pending.messages[position - pending.first :], position)
                return
            try:
                run = self._reader.run_at(position, pending.first)
            except OSError:
                if position >= (acked := self.acked):
                    raise
                position = acked  # what lies below is done with
                continue
            if run is None:
                position = max(position, self._ring.first(pending.first))
                continue
            yield from enumerate(run.messages[position - run.start :], position)
            if not run.messages:
                self._ledger.lose(position, run.end)
            position = run.end

    # --- the committing thread ---

    def commit(self, messages: Sequence[bytes], state: bytes) -> int:
        """Make messages and state durable in one transaction; the position of the first message.

        In RAM mode it returns without, as `condition` says, and what is too much for memory pushes out the oldest.
        Raises ValueError for more than a segment can take, or after `close`.
        """
        with self._writing:
            self._refuse(messages, state)
            began_s = self._clock()
            fault = self._reach_disk(began_s)
            entry = self._entry(messages, state)
            if fault is None and (messages or state != self.state or self._is_unsettled):
                fault = self._write(entry)
            if fault is not None and self._clock() >= self._retry_s:
                self._retry_s = self._clock() + min(_MAX_RETRY_S, _RETRY_SHARE * (self._clock() - began_s))
            return self._adopt(entry, fault, len(messages))

    def tick(self) -> None:
        """Once a second or so: acknowledgements of an idle minute become durable, and a failed disk is tried again."""
        with self._writing:
            if self._condition is not _GOOD:
                self.commit((), self.state)
            elif self._store.is_behind and self._clock() - self._flushed_s >= _IDLE_FLUSH_S:
                self._write_marks()

    def doomed(self) -> tuple[int, int] | None:
        """Unacknowledged positions [start, end) that will soon be dropped for want of room; None while none is."""
        with self._writing:
            start, end = self.acked, self._ring.doomed_below() if self._condition is _GOOD else 0
        return (start, end) if start < end else None

    def give_up(self, below: int) -> None:
        """Drop what is held below the position: something else stands for it. Durable with the next commit."""
        self._ledger.drop(below)

    def close(self) -> None:
        """Make durable what can be, and let go of the directory."""
        with self._writing:
            if self._is_closed:
                return
            if self._condition is not _GOOD:
                self._retry_s = self._clock()
                self.commit((), self.state)
            elif self._store.is_behind:
                self._write_marks()
            with self._reading:
                self._is_closed = True
                self._ring.abandon()
                self._disk.detach()

    @property
    def _is_unsettled(self) -> bool:
        return self._condition is not _GOOD or self._store.is_behind

    def _refuse(self, messages: Sequence[bytes], state: bytes) -> None:
        if self._is_closed:
            raise ValueError("the spool is closed")
        if len(state) > self._max_state_bytes or _size_bytes(messages) > self._max_pending_bytes:
            raise ValueError(f"too much for one commit: {_size_bytes(messages)} bytes, and {len(state)} of state")

    def _entry(self, messages: Sequence[bytes], state: bytes) -> Entry:
        """All that is not durable, as one transaction; what exceeds one is dropped, from the oldest end."""
        first, pending, _ = self._pending
        going, size_bytes = 0, _size_bytes(pending) + _size_bytes(messages)
        while size_bytes > self._max_pending_bytes:
            size_bytes -= _LENGTH_BYTES + len(pending[going])
            going += 1
        if going:
            self._ledger.drop(first + going)
        return Entry(first + going, (*pending[going:], *messages), state)

    def _adopt(self, entry: Entry, fault: OSError | None, count: int) -> int:
        """Only now, after the flush, does memory follow."""
        if fault is None:
            self._pending = Entry(entry.first + len(entry.messages), (), entry.state)
            self._condition = _GOOD
        else:
            self._pending = entry
            self._condition = Condition("ram", str(fault))
        return self._ledger.write(count)  # last: a position that is given out can be read

    # --- the disk ---

    def _attach(self) -> None:
        self._ring.abandon()
        self._disk.attach()
        if self._is_known:
            self._ring.refresh()
            self._ledger.lose(self.acked, self._ring.first(self._pending.first))
        else:
            self._take_over(self._ring.load())

    def _take_over(self, found: Found) -> None:
        """Go on from what the directory holds; what came into memory before it could be read is put behind it."""
        waiting = self._pending.messages[self.acked - self._pending.first :]
        self._ledger.begin(0, found.end + len(waiting), found.marks)
        for start, end in found.lost:
            self._ledger.lose(start, end)
        self._ledger.drop(self._ring.first(0))
        self._pending = Entry(found.end, waiting, self.state or found.state)
        self._store.begin(found.marks)
        self._reader.forget()
        self._is_known = True
        if self._ring.fault is not None:
            self._condition = Condition("ram", str(self._ring.fault))

    def _reach_disk(self, now_s: float) -> OSError | None:
        """None when the directory is there. After a failure it is opened anew, at its time."""
        if self._condition is _GOOD:
            return None
        if now_s < self._retry_s:
            return OSError(self._condition.reason)
        try:
            with self._reading:
                self._attach()
        except SpoolLockedError as error:
            return OSError(str(error))
        except OSError as error:
            return error
        return None

    def _write(self, entry: Entry) -> OSError | None:
        try:
            self._store.write(entry)
        except OSError as error:
            return error
        self._flushed_s = self._clock()
        return None

    def _write_marks(self) -> None:
        try:
            self._store.write_marks(self._pending.first)
        except OSError as error:
            self._condition = Condition("ram", str(error))
        self._flushed_s = self._clock()


def _fill(
    found: list[tuple[int, bytes]], source: Iterable[tuple[int, bytes]], max_messages: int, max_bytes: int
) -> None:
    room_bytes = max_bytes
    for position, message in source:
        room_bytes -= len(message)
        if len(found) == max_messages or (found and room_bytes < 0):
            return
        found.append((position, message))


def _size_bytes(messages: Sequence[bytes]) -> int:
    return sum(map(len, messages)) + _LENGTH_BYTES * len(messages)
