"""Evidence of damage: a few bounded copies of spool bytes that made no sense, kept for a person to look at."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from agent.uplink.spool.disk import Disk
from agent.uplink.spool.segment import SegmentName

_PREFIX = "damaged-"
_MAX_FILES = 8


class Quarantine:
    """At most eight files of an eighth of a segment each, so together never more than one segment."""

    def __init__(self, disk: Disk, segment_bytes: int) -> None:
        self._disk = disk
        self._max_file_bytes = segment_bytes // _MAX_FILES
        self._sizes: dict[str, int] = {}

    @property
    def size_bytes(self) -> int:
        return sum(self._sizes.values())

    def load(self, sizes: Mapping[str, int]) -> None:
        """Take over what an earlier run has kept."""
        self._sizes = {name: size for name, size in sizes.items() if name.startswith(_PREFIX)}

    def keep(self, segment: SegmentName, offset: int, octets: bytes) -> None:
        """Keep the beginning of a damaged span, unless it is kept or the room is used up; a failing disk may refuse."""
        name = f"{_PREFIX}{segment.number:08x}-{offset:08x}"
        if name in self._sizes or len(self._sizes) >= _MAX_FILES:
            return
        octets = octets[: self._max_file_bytes]
        with contextlib.suppress(OSError):
            file = self._disk.create(name)
            self._sizes = {**self._sizes, name: len(octets)}  # a new one: another thread may be adding them up
            try:
                file.write(octets, 0)
            finally:
                file.close()
