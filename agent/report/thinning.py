"""Before the spool must drop its oldest messages they are thinned, a little each beat, and what stays is told."""

from __future__ import annotations

from typing import Protocol

from agent.uplink.contract import Json, Message
from agent.uplink.outsized import Large
from agent.uplink.thin import HEAD_BYTES, Thinned, parted

READ_A_BEAT = 500
_READ_BYTES = 1 << 20


class Store(Protocol):
    """The part of the spool that thinning needs."""

    def doomed(self) -> tuple[int, int] | None: ...

    def read(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]: ...

    def give_up(self, below: int) -> None: ...

    def next_held(self, position: int) -> int: ...

    @property
    def most_bytes(self) -> int: ...


class Thinning:
    """Call `step` each beat; commit what it gives as loss records, then `settle`: the originals are dropped."""

    def __init__(self, spool: Store) -> None:
        self._spool = spool
        self._thinned = Thinned()
        self._position = 0
        self.messages = 0
        """How many messages have been thinned since the start."""

    def step(self) -> list[Json]:
        """The fields of the loss record that is now due; several where one commit would not take it, mostly none."""
        doomed = self._spool.doomed()
        if doomed is None:
            self._begin(0)
            return []
        start, end = doomed
        if not self._thinned.messages:
            self._begin(start)
        is_over = self._read(end)
        is_due = self._thinned.messages > 0 and (is_over or self._thinned.is_full)
        return self._thinned.parts(self._spool.most_bytes - HEAD_BYTES) if is_due else []

    def _read(self, end: int) -> bool:
        """Take in what a beat may; whether everything below `end` is."""
        records = self._spool.read(self._position, READ_A_BEAT, _READ_BYTES)
        for position, record in records:
            if position >= end:
                self._position = end
            if position >= end or self._thinned.is_full:
                break
            if not self._thinned.has_room(len(record)):
                return True
            self._add(record)
            self._position = position + 1
        return self._position >= end or not records

    def settle(self) -> None:
        """The loss record is durable: what it stands for may go."""
        self.messages += self._thinned.messages
        self._spool.give_up(self._position)
        self._begin(self._position)

    def parts(self, large: Large) -> list[Json] | None:
        """The fields of the loss records that are to stand for one that is too large: none where it is gone, None
        while the disk refuses."""
        found = self._spool.read(large.position, 1, _READ_BYTES)
        if not found and self._spool.next_held(large.position) == large.position:
            return None
        is_there = bool(found) and found[0][0] == large.position
        return parted(Message.decode(found[0][1]).payload, large.most_bytes) if is_there else []

    def _begin(self, position: int) -> None:
        self._thinned = Thinned()
        self._position = position

    def _add(self, record: bytes) -> None:
        try:
            self._thinned.add(Message.decode(record))
        except ValueError:
            self._thinned.messages += 1
