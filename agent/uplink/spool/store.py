"""How an entry becomes durable: in the newest segment, else in a new one after the books of the old are closed."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from agent.uplink.spool.frame import Marks
from agent.uplink.spool.ledger import Ledger
from agent.uplink.spool.ring import Entry, Ring
from agent.uplink.spool.segment import Segment

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Store:
    """For the committing thread. Its methods raise OSError when the disk takes nothing at all any more."""

    def __init__(self, ring: Ring, ledger: Ledger) -> None:
        self._ring = ring
        self._ledger = ledger
        self._durable = ledger.marks()

    def begin(self, durable: Marks) -> None:
        """What the newest frame says."""
        self._durable = durable

    @property
    def is_behind(self) -> bool:
        """The books have moved since the last frame."""
        return self._ledger.marks() != self._durable

    def write_marks(self, first: int) -> None:
        """The books alone; left to the next entry where the segment is full."""
        marks = self._ledger.marks()
        if self._ring.append_marks(first, marks):
            self._durable = marks

    def write(self, entry: Entry) -> None:
        """Durable on return."""
        marks = self._ledger.marks()
        if not self._append(entry, marks):
            marks = self._begin(entry)
        self._durable = marks

    def _append(self, entry: Entry, marks: Marks) -> bool:
        try:
            return self._ring.append(entry, marks)
        except OSError:
            return False  # that segment is abandoned; a new one may do

    def _begin(self, entry: Entry) -> Marks:
        going = self._ring.victims()
        try:
            return self._begin_without(going, entry)
        except OSError as error:
            oldest = self._ring.victims(at_least=1)
            if going or not oldest or error.errno not in _NO_ROOM:
                raise
            return self._begin_without(oldest, entry)

    def _begin_without(self, going: Sequence[Segment], entry: Entry) -> Marks:
        if going:
            below = self._ring.segments[len(going)].name.first
            if not self._note(entry.first, self._ledger.marks(dropped_below=below)):
                self._ring.probe()
            self._ledger.drop(below)
        marks = self._ledger.marks()
        self._ring.begin(entry, marks, going)
        return marks

    def _note(self, first: int, marks: Marks) -> bool:
        try:
            return self._ring.append_marks(first, marks, closing=True)
        except OSError:
            return False
