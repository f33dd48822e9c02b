"""How commits reach the disk, and how they go on from memory, visibly, while it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.uplink.spool.disk import Disk, SpoolLockedError
from agent.uplink.spool.ledger import Ledger
from agent.uplink.spool.reader import Reader
from agent.uplink.spool.recovery import Found
from agent.uplink.spool.ring import Entry, Ring
from agent.uplink.spool.store import Store

_LENGTH_BYTES = 4
_IDLE_FLUSH_S = 60.0
_MAX_RETRY_S = 60.0
_RETRY_SHARE = 10
"""A failing disk is asked again after ten times as long as it took to fail: a tenth of the time at most is wasted."""
UNREAD_ORIGIN = 1 << 62
"""Positions given out while the directory could not even be read: they meet none that it may hold."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Where commits go now. In `ram` they end with the process. `reason` says why, or why the disk cannot be read."""

    place: Literal["disk", "ram"]
    reason: str = ""


GOOD = Condition("disk")


class Writer:
    """For the committing thread; `pending` and `condition` are replaced, never changed, so another may look at them."""

    def __init__(  # noqa: PLR0913, PLR0917 - these are the parts it connects
        self, disk: Disk, ring: Ring, reader: Reader, ledger: Ledger, segment_bytes: int, clock: Callable[[], float]
    ) -> None:
        self.most_bytes = segment_bytes // 2
        self.pending = Entry(UNREAD_ORIGIN, (), b"")  # what the disk has not taken, and the newest state
        self.condition = GOOD
        self.is_closed = False
        self.writing = threading.RLock()  # held through a flush
        self.reading = threading.Lock()  # held while files are read, and while the directory is opened anew
        self._disk = disk
        self._ring = ring
        self._reader = reader
        self._ledger = ledger
        self._store = Store(ring, ledger)
        self._most_state_bytes = segment_bytes // 4
        self._clock = clock
        self.is_known = False
        self.late_state = b""  # what an earlier run left, where it could be read only after the start
        self._retry_s = self._flushed_s = clock()

    def begin(self) -> None:
        """Take up what the directory holds, where it can be read. Raises SpoolLockedError."""
        try:
            self._attach()
            self.late_state = b""
        except OSError as error:
            self.condition = Condition("ram", str(error))

    def commit(self, messages: Sequence[bytes], state: bytes) -> int:
        """As `Spool.commit` says."""
        with self.writing:
            self._refuse(messages, state)
            began_s = self._clock()
            fault = self._reach_disk(began_s)
            entry = self._entry(messages, state)
            if fault is None and (messages or state != self.pending.state or self._is_unsettled):
                fault = self._write(entry)
            if fault is not None and self._clock() >= self._retry_s:
                self._retry_s = self._clock() + min(_MAX_RETRY_S, _RETRY_SHARE * (self._clock() - began_s))
            return self._adopt(entry, fault, len(messages))

    def tick(self) -> None:
        """As `Spool.tick` says."""
        with self.writing:
            if self.condition is not GOOD:
                self.commit((), self.pending.state)
            elif self._store.is_behind and self._clock() - self._flushed_s >= _IDLE_FLUSH_S:
                self._write_marks()

    def close(self) -> None:
        """Make durable what can be, and let go of the directory."""
        with self.writing:
            if self.is_closed:
                return
            if self.condition is not GOOD:
                self._retry_s = self._clock()
                self.commit((), self.pending.state)
            elif self._store.is_behind:
                self._write_marks()
            with self.reading:
                self.is_closed = True
                self._ring.abandon()
                self._disk.detach()

    @property
    def _is_unsettled(self) -> bool:
        return self.condition is not GOOD or self._store.is_behind

    def _refuse(self, messages: Sequence[bytes], state: bytes) -> None:
        if self.is_closed:
            raise ValueError("the spool is closed")
        if len(state) > self._most_state_bytes or _size_bytes(messages) > self.most_bytes:
            raise ValueError(f"too much for one commit: {_size_bytes(messages)} bytes, and {len(state)} of state")

    def _entry(self, messages: Sequence[bytes], state: bytes) -> Entry:
        """All that is not durable, as one transaction; what exceeds one is dropped, from the oldest end."""
        first, pending, _ = self.pending
        going, size_bytes = 0, _size_bytes(pending) + _size_bytes(messages)
        while size_bytes > self.most_bytes:
            size_bytes -= _LENGTH_BYTES + len(pending[going])
            going += 1
        if going:
            self._ledger.drop(first + going)
        return Entry(first + going, (*pending[going:], *messages), state)

    def _adopt(self, entry: Entry, fault: OSError | None, count: int) -> int:
        """Only now, after the flush, does memory follow."""
        if fault is None:
            self.pending = Entry(entry.first + len(entry.messages), (), entry.state)
            self.condition = GOOD
        else:
            self.pending = entry
            self._fail(fault)
        return self._ledger.write(count)  # last: a position that is given out can be read

    def _fail(self, fault: OSError) -> None:
        self.condition = Condition("ram", str(fault))
        self._reader.patience.begin_anew()

    # --- the disk ---

    def _attach(self) -> None:
        self._ring.abandon()
        self._disk.attach()
        if self.is_known:
            self._ring.refresh()
            self._ledger.lose(self._ledger.acked, self._ring.first(self.pending.first))
        else:
            self._take_over(self._ring.load())

    def _take_over(self, found: Found) -> None:
        """Go on from what the directory holds; what came into memory before it could be read is put behind it."""
        waiting = self.pending.messages[self._ledger.acked - self.pending.first :]
        self._ledger.begin(0, found.end + len(waiting), found.marks)
        for start, end in found.lost:
            self._ledger.lose(start, end)
        self._ledger.drop(self._ring.first(0))
        self.pending = Entry(found.end, waiting, self.pending.state or found.state)
        self.late_state = found.state
        self._store.begin(found.marks)
        self._reader.forget()
        self.is_known = True
        if self._ring.fault is not None:
            self.condition = Condition("ram", str(self._ring.fault))

    def _reach_disk(self, now_s: float) -> OSError | None:
        """None when the directory is there. After a failure it is opened anew, at its time."""
        if self.condition is GOOD:
            return None
        if now_s < self._retry_s:
            return OSError(self.condition.reason)
        try:
            with self.reading:
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
            self._store.write_marks(self.pending.first)
        except OSError as error:
            self._fail(error)
        self._flushed_s = self._clock()


def _size_bytes(messages: Sequence[bytes]) -> int:
    return sum(map(len, messages)) + _LENGTH_BYTES * len(messages)
