"""One segment: a pre-zeroed file whose name says its number, its first position and the salt of its checksums."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from agent.uplink.spool.disk import Disk
from agent.uplink.spool.frame import (
    MAX_POSITION,
    DamagedFrameError,
    FrameIndex,
    Scan,
    Stamp,
    decode_body,
    decode_header,
    scan,
)

MAX_SEGMENT_BYTES = 4 << 20
MAX_NUMBER = 1 << 31
_NAME = re.compile(r"v1-([0-9a-f]{8})-([0-9a-f]{16})-([0-9a-f]{8})\.segment")


@dataclass(frozen=True, slots=True)
class SegmentName:
    """What a segment's file name says. A later format changes the `v1`, and such files are left alone."""

    number: int
    first: int
    salt: int

    @classmethod
    def new(cls, number: int, first: int) -> SegmentName:
        """A name with a fresh salt: the frames of the file's earlier life are void under it."""
        return cls(number, first, secrets.randbits(32))

    @classmethod
    def parse(cls, text: str) -> SegmentName | None:
        """None where the file is not a segment of this format."""
        match = _NAME.fullmatch(text)
        name = cls(*(int(group, 16) for group in match.groups())) if match else None
        return name if name and name.number < MAX_NUMBER and name.first < MAX_POSITION else None

    @property
    def may_be_ours(self) -> bool:
        """Whether a spool can ever have got so far. It is far below what can be parsed: a spool that goes on from the
        last such name must find its own names again."""
        return self.number < MAX_NUMBER // 4 and self.first < MAX_POSITION // 4

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.number, self.salt)

    def __str__(self) -> str:
        return f"v1-{self.number:08x}-{self.first:016x}-{self.salt:08x}.segment"


class Segment:
    """The segment's frames, found once and then read one by one."""

    def __init__(self, name: SegmentName, size_bytes: int, index: FrameIndex | None = None) -> None:
        self.name = name
        self.size_bytes = size_bytes
        self.index = index

    def scan(self, disk: Disk, *, salvaging: bool = False) -> tuple[Scan, bytes]:
        """Find all frames; also the bytes they were found in. Raises OSError."""
        octets = self._read(disk, 0, min(self.size_bytes, MAX_SEGMENT_BYTES), salvaging=salvaging)
        return scan(octets, self.name.stamp, self.name.first), octets

    def read_frame(self, disk: Disk, offset: int, length: int, *, salvaging: bool = False) -> tuple[int, list[bytes]]:
        """First position and messages of the frame there. Raises OSError, DamagedFrameError."""
        octets = self._read(disk, offset, length, salvaging=salvaging)
        header = decode_header(octets, 0, self.name.stamp)
        if header is None:
            raise DamagedFrameError("header", octets)
        return header.first, decode_body(header, octets, self.name.stamp)[1]

    def _read(self, disk: Disk, offset: int, length: int, *, salvaging: bool) -> bytes:
        file = disk.open(str(self.name))
        try:
            return (file.salvage if salvaging else file.read)(length, offset)
        finally:
            file.close()
