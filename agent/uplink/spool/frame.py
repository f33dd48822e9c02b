"""One frame of the spool as bytes: the only transaction, under a CRC that is salted by its segment."""

from __future__ import annotations

import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from fastpath.checksum import crc32c

MAGIC = b"HPSF"
VERSION = 1
ALIGNMENT = 64
"""Frames begin at multiples of 64 bytes and a header is 64 bytes long, so no header straddles a 512-byte sector and a
write that was torn by a power cut leaves whole headers or none."""

MAX_BODY_BYTES = 4 << 20
"""No body unpacks to more, whatever its header claims."""

MAX_POSITION = 1 << 63
"""Beyond it a header is not ours: arithmetic on positions stays within 64 bits."""

_ZLIB, _STATE = 1, 2
_HEADER = struct.Struct("<4sIBBHIIIQQQQII")
_HEADER_CRC = struct.Struct("<I")
_LENGTH = struct.Struct("<I")
_CHECKED_BYTES = _HEADER.size - _HEADER_CRC.size


class DamagedFrameError(Exception):
    """The frame's bytes are not what its header, or the scan before, vouches for."""

    def __init__(self, reason: str, octets: bytes = b"") -> None:
        super().__init__(reason)
        self.octets = octets


class Marks(NamedTuple):
    """What the books say when a frame is written; `corrupt` counts only what lies below `acked`."""

    acked: int
    dropped: int
    corrupt: int


class Stamp(NamedTuple):
    """What makes a frame belong to one life of one segment file."""

    segment: int
    salt: int


class Header(NamedTuple):
    """The first 64 bytes of a frame; every length is already known to lie within the segment."""

    magic: bytes
    segment: int
    version: int
    flags: int
    reserved: int
    message_count: int
    state_bytes: int
    body_bytes: int
    first: int
    acked: int
    dropped: int
    corrupt: int
    body_crc: int
    header_crc: int

    @property
    def end(self) -> int:
        """The position after the frame's last message."""
        return self.first + self.message_count

    @property
    def carries_state(self) -> bool:
        return bool(self.flags & _STATE)

    @property
    def marks(self) -> Marks:
        return Marks(self.acked, self.dropped, self.corrupt)


def padded(body_bytes: int) -> int:
    """Bytes a frame with such a body takes on the card."""
    return (_HEADER.size + body_bytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


BARE_BYTES = padded(0)
"""Size of a frame that carries only marks."""


def encode(stamp: Stamp, first: int, marks: Marks, messages: Sequence[bytes] = (), state: bytes | None = None) -> bytes:
    """The frame's bytes, padded; zlib level 1 where that makes the body smaller."""
    body, flags = _pack(messages, state)
    lengths = len(messages), len(state or b""), len(body)
    body_crc = crc32c(body, stamp.salt)
    head = _HEADER.pack(MAGIC, stamp.segment, VERSION, flags, 0, *lengths, first, *marks, body_crc, 0)[:_CHECKED_BYTES]
    head += _HEADER_CRC.pack(crc32c(head, stamp.salt))
    return (head + body).ljust(padded(len(body)), b"\0")


def _pack(messages: Sequence[bytes], state: bytes | None) -> tuple[bytes, int]:
    parts = [state or b""]
    for message in messages:
        parts += _LENGTH.pack(len(message)), message
    raw = b"".join(parts)
    flags = 0 if state is None else _STATE
    packed = zlib.compress(raw, 1)
    return (packed, flags | _ZLIB) if len(packed) < len(raw) else (raw, flags)


def decode_header(octets: bytes, offset: int, stamp: Stamp) -> Header | None:
    """The header at `offset`, or None where there is no whole frame of this segment."""
    fields = _sound_fields(octets, offset, stamp)
    return Header._make(fields) if fields else None


def _sound_fields(octets: bytes, offset: int, stamp: Stamp) -> tuple[Any, ...] | None:
    body = offset + _HEADER.size
    if body > len(octets):
        return None
    fields = _HEADER.unpack_from(octets, offset)
    magic, segment, version, _, _, count, _, body_bytes, first, acked, dropped, corrupt, _, crc = fields
    if magic != MAGIC or segment != stamp.segment or version != VERSION:
        return None
    if crc != crc32c(octets[offset : offset + _CHECKED_BYTES], stamp.salt):
        return None
    is_sound = dropped + corrupt <= acked <= first + count < MAX_POSITION and body + body_bytes <= len(octets)
    return fields if is_sound else None


def decode_body(header: Header, frame: bytes, stamp: Stamp) -> tuple[bytes, list[bytes]]:
    """State and messages of a frame whose header is good. Raises DamagedFrameError."""
    body = frame[_HEADER.size : _HEADER.size + header.body_bytes]
    if len(body) != header.body_bytes or crc32c(body, stamp.salt) != header.body_crc:
        raise DamagedFrameError("checksum", frame)
    raw = _unpack(body) if header.flags & _ZLIB else body
    return raw[: header.state_bytes], list(_split(raw, header.state_bytes, header.message_count))


def _unpack(body: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(body, MAX_BODY_BYTES)
    except zlib.error as error:
        raise DamagedFrameError(str(error)) from error
    if not unpacker.eof:
        raise DamagedFrameError("too long unpacked")
    return raw


def _split(raw: bytes, offset: int, count: int) -> Iterator[bytes]:
    for _ in range(count):
        if offset + _LENGTH.size > len(raw):
            raise DamagedFrameError("message lengths")
        end = offset + _LENGTH.size + _LENGTH.unpack_from(raw, offset)[0]
        if end > len(raw):
            raise DamagedFrameError("message lengths")
        yield raw[offset + _LENGTH.size : end]
        offset = end


class FrameIndex:
    """Where the frames of one segment lie: 16 bytes a frame, in the order of their positions."""

    __slots__ = ("firsts", "lengths", "offsets")

    def __init__(self) -> None:
        self.firsts = array("Q")
        self.offsets = array("I")
        self.lengths = array("I")

    def add(self, first: int, offset: int, length: int) -> None:
        self.firsts.append(first)
        self.offsets.append(offset)
        self.lengths.append(length)

    def find(self, position: int) -> int:
        """The last frame that begins at or before `position`; -1 when all begin later."""
        return bisect_right(self.firsts, position) - 1

    def __len__(self) -> int:
        return len(self.firsts)


class Scan(NamedTuple):
    """What a segment's bytes hold: its frames, the last header, where to append, and the spans that are damaged.

    `end` is the position after all of it, a destroyed last frame included.
    """

    frames: FrameIndex
    last: Header | None
    tail: int
    damaged: list[tuple[int, int]]
    end: int


def scan(octets: bytes, stamp: Stamp, first: int) -> Scan:
    """Find every frame of the segment, headers only: a body is judged when it is read.

    Frames of the file's earlier life carry another segment number and die on the salt. Where a frame is damaged the
    search goes on at the next good header; the positions between are missing.
    """
    frames, last, tail, offset = FrameIndex(), -1, 0, 0
    damaged: list[tuple[int, int]] = []
    while True:
        fields = _sound_fields(octets, offset, stamp)  # not a Header: there may be 65,536 of them
        if fields is not None and fields[8] >= first:
            if offset != tail:
                damaged.append((tail, offset))
            length = padded(fields[7])
            frames.add(fields[8], offset, length)
            first = fields[8] + fields[5]
            last, offset = offset, offset + length
            tail = offset
            continue
        offset = _next_header(octets, offset, stamp.segment)
        if offset < 0:
            break
    lost = _destroyed(octets, tail, stamp.segment, first)
    if lost:
        damaged.append((tail, len(octets)))
    return Scan(frames, decode_header(octets, last, stamp) if last >= 0 else None, tail, damaged, first + lost)


def _destroyed(octets: bytes, offset: int, segment: int, first: int) -> int:
    """How many messages a frame claims whose header at the tail is this segment's, but bad.

    No power cut tears a header, so this is damage, and the count in it is more likely whole than not.
    """
    if offset + _HEADER.size > len(octets):
        return 0
    header = Header._make(_HEADER.unpack_from(octets, offset))
    is_ours = header.magic == MAGIC and header.segment == segment and header.first == first
    return header.message_count if is_ours and header.message_count * _LENGTH.size <= len(octets) else 0


def _next_header(octets: bytes, offset: int, segment: int) -> int:
    prefix = MAGIC + struct.pack("<I", segment)
    found = octets.find(prefix, offset + 1)
    while found > 0 and found % ALIGNMENT:
        found = octets.find(prefix, found + 1)
    return found
