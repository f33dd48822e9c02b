"""What a spool directory remembers: the newest segment read, the others by their names, and no bytes that stop it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from typing import NamedTuple

from agent.uplink.spool.disk import Disk
from agent.uplink.spool.frame import DamagedFrameError, FrameIndex, Header, Marks, Scan, decode_body, decode_header
from agent.uplink.spool.quarantine import Quarantine
from agent.uplink.spool.segment import Segment, SegmentName

UNFINISHED = ".tmp"
_OWN_UNFINISHED = re.compile(r"(v1-[0-9a-f-]{34}\.segment|probe-[0-9a-f]{8})\.tmp")


class Found(NamedTuple):
    """The directory's memory. `spares` hold nothing; `lost` are positions known at once to be unreadable.

    `tail` is where the newest segment goes on; `end` the position the next message gets.
    """

    segments: tuple[Segment, ...]
    spares: list[Segment]
    tail: int
    end: int
    marks: Marks
    state: bytes
    lost: list[tuple[int, int]]


def survey(disk: Disk, quarantine: Quarantine) -> dict[SegmentName, int]:
    """The segments and their sizes, oldest first; what an interrupted start has left is removed. Raises OSError."""
    sizes = disk.sizes()
    quarantine.load(sizes)
    for text in filter(_OWN_UNFINISHED.fullmatch, sizes):
        with contextlib.suppress(OSError):
            disk.remove(text)
    named = ((SegmentName.parse(text), size) for text, size in sizes.items())
    return dict(
        sorted(((name, size) for name, size in named if name), key=lambda item: (item[0].number, item[0].first))
    )


def set_aside(disk: Disk, name: SegmentName) -> None:
    """Not ours to read or to recycle: it keeps its bytes under a name that is no segment's. Raises OSError."""
    disk.rename(str(name), f"{name}.aside")


def recover(disk: Disk, quarantine: Quarantine) -> Found:
    """Find the newest segment that holds a frame. Raises OSError where the disk does, or refuses every page of what it
    holds: then it is away, and nothing on it is given up. Never for what it holds."""
    candidates = [Segment(name, size) for name, size in survey(disk, quarantine).items()]
    spares: list[Segment] = []
    # Segments above it without a frame: either a crash came between the renaming and the first frame, or every frame
    # is destroyed; no position that may have been given out is given out again.
    claimed, are_refused = 0, list[bool]()
    while candidates:
        newest = candidates.pop()
        try:
            scan, octets = newest.scan(disk, salvaging=True)
        except PermissionError:
            set_aside(disk, newest.name)
        else:
            are_refused.append(newest.size_bytes > 0 and not octets)
            if scan.last is not None:
                for start, end in scan.damaged:
                    quarantine.keep(newest.name, start, octets[start:end])
                older, void = _in_order(candidates, newest.name.first)
                return _found(disk, (*older, newest), [*spares, *void], _Newest(scan, scan.last, octets, claimed))
            if newest.name.may_be_ours:
                spares.append(newest)
        if newest.name.may_be_ours:
            claimed = max(claimed, newest.name.first)
    if are_refused and all(are_refused):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    return Found((), spares, 0, claimed, Marks(0, 0, 0), b"", [(0, claimed)])


class _Newest(NamedTuple):
    scan: Scan
    last: Header
    octets: bytes
    claimed: int


def _in_order(older: list[Segment], end: int) -> tuple[list[Segment], list[Segment]]:
    """The segments that hold positions below `end`, and the void ones: a later segment covers them whole."""
    kept: list[Segment] = []
    void: list[Segment] = []
    for segment in reversed(older):
        if segment.name.first < end:
            kept.insert(0, segment)
            end = segment.name.first
        else:
            void.append(segment)
    return kept, void


def _found(disk: Disk, segments: tuple[Segment, ...], spares: list[Segment], newest: _Newest) -> Found:
    scan, last, octets, claimed = newest
    segments[-1].index = scan.frames
    state, lost = _last_state(segments[-1], scan.frames, octets, last.end)
    for segment, later in zip(reversed(segments[:-1]), reversed(segments[1:]), strict=True):
        if state is not None:
            break
        older, octets = segment.scan(disk, salvaging=True)
        state, more = _last_state(segment, older.frames, octets, later.name.first)
        lost += more
    end = max(scan.end, claimed)
    return Found(segments, spares, scan.tail, end, last.marks, state or b"", [*lost, (last.end, end)])


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
