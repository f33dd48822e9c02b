"""The durable queue of messages with the count state that contains them, as its two threads see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from agent.clock import boot_seconds
from agent.uplink.spool.disk import CardDisk, Disk
from agent.uplink.spool.ledger import Books, Ledger
from agent.uplink.spool.reader import Reader
from agent.uplink.spool.ring import Ring
from agent.uplink.spool.segment import MAX_SEGMENT_BYTES
from agent.uplink.spool.wear import Room
from agent.uplink.spool.writer import GOOD, UNREAD_ORIGIN, Condition, Writer

_SEGMENTS = 8
_MIN_SEGMENT_BYTES = 4096


class Spool:
    """One committing thread and one reading and acknowledging thread; reading never waits for the disk's flush.

    Positions are consecutive and never given out twice. Disk errors are not raised: see `condition`.
    """

    def __init__(self, disk: Disk, max_bytes: int, segment_bytes: int, clock: Callable[[], float]) -> None:
        self._ring = Ring(disk, max_bytes, segment_bytes)
        self._reader = Reader(disk, self._ring, clock)
        self._ledger = Ledger(UNREAD_ORIGIN)
        self._writer = Writer(disk, self._ring, self._reader, self._ledger, segment_bytes, clock)
        self._read_fault: OSError | None = None

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
        spool._writer.begin()
        return spool

    # --- what the caller sees ---

    @property
    def state(self) -> bytes:
        """The blob of the last commit; empty when there was none."""
        return self._writer.pending.state

    @property
    def most_bytes(self) -> int:
        """What the messages of one commit may take, each four bytes more than its own."""
        return self._writer.most_bytes

    @property
    def next_position(self) -> int:
        """The position the next message will get."""
        return self._ledger.end

    @property
    def acked(self) -> int:
        """Every position below is done with: acknowledged, dropped at the bound, or lost."""
        return self._ledger.acked

    @property
    def is_known(self) -> bool:
        """Whether what the directory holds could be read since the start; until then positions are passing ones."""
        return self._writer.is_known

    @property
    def condition(self) -> Condition:
        """Where commits go, and why not to the disk; or why messages cannot be read now."""
        condition, fault = self._writer.condition, self._read_fault
        return condition if fault is None or condition is not GOOD else Condition("disk", f"cannot be read: {fault}")

    def books(self) -> Books:
        """What became of every message; `residual` is 0."""
        return self._ledger.books()

    def room(self) -> Room:
        """How full it is, and what it cost the card; from any thread."""
        ring = self._ring
        return Room(
            ring.most_bytes(), ring.held_bytes(self.acked), ring.appended_bytes, ring.card_bytes, ring.ahead_bytes
        )

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
        try:
            return self.look(start, max_messages, max_bytes)
        except OSError:  # what lies below is done with, and holds up nobody who sends
            return self.read(acked, max_messages, max_bytes) if start < (acked := self.acked) else []

    def look(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]:
        """As `read`, for who must know what is there no more: OSError where the disk refuses before the first."""
        found: list[tuple[int, bytes]] = []
        with self._writer.reading:
            try:
                _fill(found, self._from(start), max_messages, max_bytes)
                self._read_fault = None
            except OSError as error:
                self._read_fault = error
                if not found:
                    raise
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
        while not self._writer.is_closed:
            pending = self._writer.pending
            if position >= pending.first:
                yield from enumerate(pending.messages[position - pending.first :], position)
                return
            run = self._reader.run_at(position, pending.first)
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
        return self._writer.commit(messages, state)

    def tick(self) -> None:
        """Once a second or so: acknowledgements of an idle minute become durable, and a failed disk is tried again."""
        self._writer.tick()

    def take_late_state(self) -> bytes:
        """The blob that an earlier run left, once, where it could be read only after the start; else nothing."""
        state, self._writer.late_state = self._writer.late_state, b""
        return state

    def doomed(self) -> tuple[int, int] | None:
        """Unacknowledged positions [start, end) that will soon be dropped for want of room; None while none is."""
        with self._writer.writing:
            start, end = self.acked, self._ring.doomed_below() if self._writer.condition is GOOD else 0
        return (start, end) if start < end else None

    def give_up(self, below: int) -> None:
        """Drop what is held below the position: something else stands for it. Durable with the next commit."""
        self._ledger.drop(below)

    def close(self) -> None:
        """Make durable what can be, and let go of the directory."""
        self._writer.close()


def _fill(
    found: list[tuple[int, bytes]], source: Iterable[tuple[int, bytes]], max_messages: int, max_bytes: int
) -> None:
    room_bytes = max_bytes
    for position, message in source:
        room_bytes -= len(message)
        if len(found) == max_messages or (found and room_bytes < 0):
            return
        found.append((position, message))
