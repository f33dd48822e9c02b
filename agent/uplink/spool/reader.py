"""Messages back from the segments, a frame at a time, with the place of the last one remembered."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from agent.uplink.spool.disk import Disk
from agent.uplink.spool.frame import DamagedFrameError, FrameIndex
from agent.uplink.spool.patience import Patience
from agent.uplink.spool.ring import Ring
from agent.uplink.spool.segment import Segment


class Run(NamedTuple):
    """Positions [start, end): their messages, or nothing where they are lost."""

    start: int
    end: int
    messages: Sequence[bytes]


class Reader:
    """For one thread. Beside the writer it needs no lock: what it looks at is durable and does not change.

    `patience` is with segments that the medium refuses.
    """

    def __init__(self, disk: Disk, ring: Ring, clock: Callable[[], float]) -> None:
        self.patience = Patience(clock)
        self._disk = disk
        self._ring = ring
        self._run = Run(0, 0, ())
        self._indexed: Segment | None = None

    def run_at(self, position: int, end: int) -> Run | None:
        """The run that holds `position`, where `end` is the position after the last durable message.

        None when its segment has been recycled meanwhile. Lost is what is damaged, and what was in a segment that is
        gone, or is given up. Raises the OSErrors that say none of it: what cannot be read now may be read later.
        """
        if self._run.start <= position < self._run.end:
            return self._run
        segments = self._ring.segments
        place = bisect_right(segments, position, key=lambda segment: segment.name.first) - 1
        if place < 0:
            return None
        segment_end = segments[place + 1].name.first if place + 1 < len(segments) else end
        run = self._read(segments[place], position, segment_end)
        if run.messages:
            self._run = run
        elif segments[place] not in self._ring.segments:
            return None
        return run

    def forget(self) -> None:
        """Positions may mean something else now."""
        self._run = Run(0, 0, ())

    def _read(self, segment: Segment, position: int, end: int) -> Run:
        try:
            return self._look(segment, position, end)
        except OSError as refusal:
            self.patience.forget_all_but(one.name for one in self._ring.segments)
            self.patience.refused(segment.name, refusal, self._ring.appended_bytes)
            if segment not in self._ring.segments[-1:]:
                segment.index = None  # whether it can be read whole is found out anew
            if not self.patience.gives_up(segment.name, refusal):
                raise
        try:
            return self._look(segment, position, end)
        except OSError as refusal:
            if not self.patience.gives_up(segment.name, refusal):
                raise
            return Run(position, end, ())

    def _look(self, segment: Segment, position: int, end: int) -> Run:
        try:
            index = self._index(segment)
        except FileNotFoundError:
            return Run(position, end, ())
        place = index.find(position)
        if place >= 0:
            run = self._frame(segment, index.offsets[place], index.lengths[place], end)
            if run.start <= position < run.end:
                return run
        following = index.firsts[place + 1] if place + 1 < len(index) else end
        return Run(position, min(following, end), ())

    def _frame(self, segment: Segment, offset: int, length: int, end: int) -> Run:
        try:
            first, messages = segment.read_frame(
                self._disk, offset, length, salvaging=self.patience.is_over(segment.name)
            )
        except FileNotFoundError:
            return Run(0, 0, ())
        except DamagedFrameError as damage:
            self._ring.quarantine.keep(segment.name, offset, damage.octets)
            return Run(0, 0, ())
        held = messages[: max(0, end - first)]  # the rest belongs to the next segment, whatever that holds
        return Run(first, first + len(held), held)

    def _index(self, segment: Segment) -> FrameIndex:
        index = segment.index
        if index is None:
            if self._indexed is not None and self._indexed is not self._ring.segments[-1]:
                self._indexed.index = None
            salvaging = self.patience.is_over(segment.name)
            found, octets = segment.scan(self._disk, salvaging=salvaging)
            if not salvaging:
                self.patience.read_whole(segment.name)
            for start, stop in found.damaged:
                self._ring.quarantine.keep(segment.name, start, octets[start:stop])
            index = segment.index = found.frames
            self._indexed = segment
        return index
