"""The segments on the disk, oldest first: found again at start, appended to, recycled within a bound."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from agent.uplink.spool.disk import Disk, File
from agent.uplink.spool.frame import (
    BARE_BYTES,
    DamagedFrameError,
    FrameIndex,
    Marks,
    Scan,
    decode_body,
    decode_header,
    encode,
)
from agent.uplink.spool.quarantine import Quarantine
from agent.uplink.spool.segment import MAX_SEGMENT_BYTES, Segment, SegmentName

_UNFINISHED = ".tmp"
_ZEROS = bytes(256 << 10)


class Entry(NamedTuple):
    """What one frame is to make durable: messages from position `first` on, and the count state that contains them."""

    first: int
    messages: Sequence[bytes]
    state: bytes


class Found(NamedTuple):
    """What the directory remembers. `lost` are positions known at once to be unreadable."""

    end: int
    marks: Marks
    state: bytes
    lost: list[tuple[int, int]]


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

    # --- at start ---

    def load(self) -> Found:
        """Read the newest segment, the others by their names; no bytes make this fail, only the disk itself can."""
        self.fault = None
        names = self._survey()
        candidates = [Segment(name, size) for name, size in names]
        claimed = 0
        while candidates:
            newest = candidates.pop()
            try:
                found, octets = newest.scan(self._disk)
            except PermissionError:
                claimed = max(claimed, newest.name.first)
                self._set_aside(str(newest.name))
                continue
            if found.last is not None:
                self.segments = (*self._in_order(candidates, newest.name.first), newest)
                return self._recover(newest, found, octets, claimed)
            # Either a crash came between the renaming and the first frame, or every frame is destroyed: no position
            # that may have been given out is given out again.
            claimed = max(claimed, newest.name.first)
            self._spares.append(newest)
        return Found(claimed, Marks(0, 0, 0), b"", [(0, claimed)])

    def _survey(self) -> list[tuple[SegmentName, int]]:
        sizes = self._disk.sizes()
        for text in sizes:
            if text.endswith(_UNFINISHED):
                with contextlib.suppress(OSError):
                    self._disk.remove(text)
        self.quarantine.load(sizes)
        self._spares = []
        named = ((SegmentName.parse(text), size) for text, size in sizes.items())
        names = sorted(((name, size) for name, size in named if name), key=lambda item: (item[0].number, item[0].first))
        self._next_number = max((name.number for name, _ in names), default=0) + 1
        return names

    def _in_order(self, older: list[Segment], end: int) -> list[Segment]:
        """The segments that hold positions below `end`; one that a later segment covers whole is void."""
        kept: list[Segment] = []
        for segment in reversed(older):
            if segment.name.first < end:
                kept.insert(0, segment)
                end = segment.name.first
            else:
                self._spares.append(segment)
        return kept

    def _recover(self, newest: Segment, found: Scan, octets: bytes, claimed: int) -> Found:
        last = found.last
        assert last is not None
        newest.index = found.frames
        for start, end in found.damaged:
            self.quarantine.keep(newest.name, start, octets[start:end])
        state, lost = self._last_state(newest, found.frames, octets, last.end)
        later = newest
        for segment in reversed(self.segments[:-1]):
            if state is not None:
                break
            older, octets = segment.scan(self._disk)
            state, more = self._last_state(segment, older.frames, octets, later.name.first)
            lost, later = lost + more, segment
        end = max(found.end, claimed)
        self._take_up(newest, found.tail)
        return Found(end, last.marks, state or b"", [*lost, (last.end, end)])

    @staticmethod
    def _last_state(
        segment: Segment, frames: FrameIndex, octets: bytes, end: int
    ) -> tuple[bytes | None, list[tuple[int, int]]]:
        """The state of the last whole commit below `end`, and the positions of the damaged ones after it."""
        lost: list[tuple[int, int]] = []
        for offset, length in zip(reversed(frames.offsets), reversed(frames.lengths), strict=True):
            header = decode_header(octets, offset, segment.name.stamp)
            if header is None or header.end > end or not header.carries_state:
                continue
            try:
                return decode_body(header, octets[offset : offset + length], segment.name.stamp)[0], lost
            except DamagedFrameError:
                lost.append((header.first, header.end))
        return None, lost

    def _take_up(self, newest: Segment, tail: int) -> None:
        """Go on in the newest segment. What was read may be in the page cache only (a kill), hence the sync first."""
        self.abandon()
        file = None
        try:
            file = self._disk.open(str(newest.name), writable=True)
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
        present = dict(self._survey())
        self.segments = tuple(segment for segment in self.segments if segment.name in present)
        self._spares = [Segment(name, size) for name, size in present.items() if name in spares]
        known = {segment.name for segment in (*self.segments, *self._spares)}
        for name in present.keys() - known:
            self._set_aside(str(name))

    def _set_aside(self, text: str) -> None:
        self._disk.rename(text, f"{text}.aside")

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
        name = f"probe-{secrets.token_hex(4)}{_UNFINISHED}"
        self._disk.create(name).close()
        self._disk.sync()
        self._disk.remove(name)

    # --- room ---

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
        recycled = None
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
        unfinished = f"{name}{_UNFINISHED}"
        file = self._disk.create(unfinished)
        try:
            for offset in range(0, self._segment_bytes, len(_ZEROS)):
                file.write(_ZEROS[: self._segment_bytes - offset], offset)
            file.sync()
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
