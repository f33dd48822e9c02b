"""A capture file that Wireshark reads: one packet for each frame, under a link type that users may define.

Source: the classic libpcap file format (pcap-savefile(5)), microseconds, DLT_USER0 = 147.
"""

from __future__ import annotations

from pathlib import Path
from struct import Struct
from typing import Final

USER0 = 147

_HEAD: Final = Struct("<IHHiIII")
_PACKET: Final = Struct("<IIII")
_MAGIC, _VERSION, _SNAP_BYTES = 0xA1B2C3D4, (2, 4), 65535


class Capture:
    """An open capture file; OSError where it cannot be written. What is added is on the disk's way at once."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._file.write(_HEAD.pack(_MAGIC, *_VERSION, 0, 0, _SNAP_BYTES, USER0))

    def add(self, octets: bytes, wall_s: float) -> None:
        """One frame, and the wall time at which it was complete."""
        seconds, microseconds = divmod(round(wall_s * 1e6), 1_000_000)
        self._file.write(_PACKET.pack(seconds, microseconds, len(octets), len(octets)) + octets)

    def close(self) -> None:
        """End the file."""
        self._file.close()
