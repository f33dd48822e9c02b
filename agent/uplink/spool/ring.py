"""The segments on the disk, oldest first: found again at start, appended to, recycled within a bound."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from agent.uplink.spool.disk import Disk, File
from agent.uplink.spool.frame import BARE_BYTES, FrameIndex, Marks, encode
from agent.uplink.spool.quarantine import Quarantine
from agent.uplink.spool.recovery import UNFINISHED, Found, recover, set_aside, survey
from agent.uplink.spool.segment import MAX_SEGMENT_BYTES, Segment, SegmentName
from agent.uplink.spool.wear import pages

_ZEROS = bytes(256 << 10)


class Entry(NamedTuple):
    """What one frame is to make durable: messages from position `first` on, and the count state that contains them."""

    first: int
    messages: Sequence[bytes]
    state: bytes


class Ring:
    """Writes for one thread; `segments` is replaced, never changed, so another thread may read by it.

    Every method raises OSError where the disk does.
    """

    def __init__(self, disk: Disk, max_bytes: int, segment_bytes: int) -> None:
        self.segments: tuple[Segment, ...] = ()
        self.fault: OSError | None = None
        self.quarantine = Quarantine(disk, segment_bytes)
        self._disk = disk
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._spares: list[Segment] = []
        self._next_number = 1
        self._file: File | None = None
        self._offset = 0
        self.appended_bytes = 0
        self.card_bytes = 0
        self._zeroed_bytes = 0  # of the newest segment, in this run

    # --- at start ---

    def load(self) -> Found:
        """Take up what the directory holds."""
        found = recover(self._disk, self.quarantine)
        self.segments, self._spares = found.segments, found.spares
        self._number(segment.name for segment in (*found.segments, *found.spares))
        self._take_up(found.tail)
        return found

    def _number(self, names: Iterable[SegmentName]) -> None:
        self._next_number = max([self._next_number, *(name.number + 1 for name in names)])

    def _take_up(self, tail: int) -> None:
        """Go on in the newest segment. What was read may be in the page cache only (a kill), hence the sync first."""
        self.abandon()
        self.fault = None
        if not self.segments:
            return
        file = None
        try:
            file = self._disk.open(str(self.segments[-1].name), writable=True)
            file.sync()
        except OSError as error:
            self.fault = error
            if file is not None:
                file.close()
            return
        self._file, self._offset = file, tail

    def refresh(self) -> None:
        """After the directory was away: forget segments that did not come back, set others' segments aside."""
        spares = [segment.name for segment in self._spares]
        present = survey(self._disk, self.quarantine)
        self._number(name for name in present if name.may_be_ours)
        self.segments = tuple(segment for segment in self.segments if segment.name in present)
        self._spares = [Segment(name, size) for name, size in present.items() if name in spares]
        for name in present.keys() - {segment.name for segment in (*self.segments, *self._spares)}:
            set_aside(self._disk, name)

    # --- writing ---

    def append(self, entry: Entry, marks: Marks) -> bool:
        """Make the entry durable in the newest segment; False when it has no room left."""
        return self._append(entry.first, marks, entry.messages, entry.state, spare_bytes=BARE_BYTES)

    def append_marks(self, first: int, marks: Marks, *, closing: bool = False) -> bool:
        """Make the books durable. The last bare frame's room is kept for `closing`, before old segments go."""
        return self._append(first, marks, (), None, spare_bytes=0 if closing else BARE_BYTES)

    def _append(
        self, first: int, marks: Marks, messages: Sequence[bytes], state: bytes | None, spare_bytes: int
    ) -> bool:
        if self._file is None:
            return False
        newest = self.segments[-1]
        frame = encode(newest.name.stamp, first, marks, messages, state)
        if self._offset + len(frame) + spare_bytes > min(newest.size_bytes, MAX_SEGMENT_BYTES):
            return False
        try:
            self._file.write(frame, self._offset)
            self._file.sync()
        except OSError:
            # After a failed fsync nobody knows what is on the card, and a second fsync would lie: never here again.
            self.abandon()
            raise
        self.appended_bytes += len(frame)
        self.card_bytes += pages(self._offset, len(frame))
        if newest.index is not None:
            newest.index.add(first, self._offset, len(frame))
        self._offset += len(frame)
        return True

    def abandon(self) -> None:
        """Write no more to the newest segment."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def probe(self) -> None:
        """Raise OSError where names cannot be made durable, before anything is given up for a new segment."""
        name = f"probe-{secrets.token_hex(4)}{UNFINISHED}"
        self._disk.create(name).close()
        self._disk.sync()
        self._disk.remove(name)

    # --- room ---

    @property
    def ahead_bytes(self) -> int:
        """What of `card_bytes` are zeros that no frame has taken the place of."""
        return max(0, self._zeroed_bytes - self._offset)

    def held_bytes(self, acked: int) -> int:
        """What the segments take that hold positions from `acked` on."""
        segments = self.segments
        newer = [*(segment.name.first for segment in segments[1:]), acked + 1]
        kept = zip(segments, newer, strict=False)
        return sum(segment.size_bytes for segment, next_first in kept if next_first > acked)

    def most_bytes(self) -> int:
        """What the spool can come to take: its bound, or less where the disk tells that it has no room for so much."""
        own = sum(segment.size_bytes for segment in (*self.segments, *self._spares))
        with contextlib.suppress(OSError):
            whole_segments = self._disk.free_bytes() // self._segment_bytes
            return min(self._max_bytes, own + whole_segments * self._segment_bytes)
        return self._max_bytes

    def doomed_below(self) -> int:
        """Positions below go with the next new segment, which the newest is half way to; 0 while there is room."""
        if not self.segments or self._offset < self.segments[-1].size_bytes // 2:
            return 0
        going = self.victims(at_least=0 if self._disk_has_room() else 1)
        return self.segments[len(going)].name.first if going else 0

    def _disk_has_room(self) -> bool:
        """Whether the disk takes one more segment, as far as it tells: a neighbour may have filled it."""
        if any(spare.size_bytes == self._segment_bytes for spare in self._spares):
            return True
        with contextlib.suppress(OSError):
            return self._disk.free_bytes() >= self._segment_bytes
        return True

    def first(self, default: int) -> int:
        """The oldest position that is held."""
        return self.segments[0].name.first if self.segments else default

    def victims(self, at_least: int = 0) -> tuple[Segment, ...]:
        """The oldest segments that must go before a new one may be; never the newest."""
        kept = [*self.segments, *(spare for spare in self._spares if spare.size_bytes != self._segment_bytes)]
        size_bytes = sum(segment.size_bytes for segment in kept) + self.quarantine.size_bytes + self._segment_bytes
        going = 0
        while going < len(self.segments) - 1 and (going < at_least or size_bytes > self._max_bytes):
            size_bytes -= self.segments[going].size_bytes
            going += 1
        return self.segments[:going]

    def begin(self, entry: Entry, marks: Marks, going: Sequence[Segment]) -> None:
        """Start a new segment with the entry, in the file of one that is going where possible."""
        self.abandon()
        for segment in self.segments:
            segment.index = None
        self._spares += going
        self.segments = self.segments[len(going) :]
        name = SegmentName.new(self._next_number, entry.first)
        self._next_number += 1
        try:
            self._make_file(str(name))
            self._disk.sync()
            self._file = self._disk.open(str(name), writable=True)
            self._offset = 0
            self.segments = (*self.segments, Segment(name, self._segment_bytes, FrameIndex()))
            self.append(entry, marks)
        except OSError:
            self._unmake(name)
            raise

    def _make_file(self, name: str) -> None:
        recycled, self._zeroed_bytes = None, 0
        while self._spares:
            spare = self._spares[-1]
            if recycled is None and spare.size_bytes == self._segment_bytes:
                self._disk.rename(str(spare.name), name)
                recycled = spare
            else:
                self._disk.remove(str(spare.name))
            self._spares.pop()
        if recycled is None:
            self._fill(name)

    def _fill(self, name: str) -> None:
        """A file of zeros under a passing name: later writes change data only, and a torn start leaves no segment."""
        unfinished = f"{name}{UNFINISHED}"
        file = self._disk.create(unfinished)
        try:
            for offset in range(0, self._segment_bytes, len(_ZEROS)):
                file.write(_ZEROS[: self._segment_bytes - offset], offset)
            file.sync()
            self.card_bytes += self._segment_bytes
            self._zeroed_bytes = self._segment_bytes
        except OSError:
            with contextlib.suppress(OSError):
                self._disk.remove(unfinished)
            raise
        finally:
            file.close()
        self._disk.rename(unfinished, name)

    def _unmake(self, name: SegmentName) -> None:
        self.abandon()
        self.segments = tuple(segment for segment in self.segments if segment.name != name)
        with contextlib.suppress(OSError):
            self._disk.remove(str(name))
