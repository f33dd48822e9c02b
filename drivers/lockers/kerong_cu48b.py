"""KERONG CU48B: the hooks and the infrared sensors of 48 locks in one frame of eighteen bytes.

`02 ADDR LOCK CMD 03 SUM`, SUM the low byte of the sum of all before it. LOCK 30 (48) asks for all; some hosts say 00.
In a status 1 is a closed hook and a present item, the lowest bit the first lock.
"""

from __future__ import annotations

from functools import partial

from drivers import Ask, FrameError
from drivers.board_ask import Bits, BoardAsk, Octets, begins, bits, points, sum8
from drivers.lockers import Language, Said

_STX, _ETX = 0x02, 0x03
_QUERY, _UNLOCK, _STATUS = 0x60, 0x61, 0x75
_ALL = (0x30, 0x00)
_QUERY_BYTES, _STATUS_BYTES = 6, 18
_MOST = 48


def query(board: int) -> bytes:
    """The status query of one board."""
    body = bytes((_STX, board, _ALL[0], _QUERY, _ETX))
    return body + bytes((sum8(body),))


def allows(frame: bytes) -> bool:
    """Whether `frame` asks a board for all its locks."""
    return len(frame) == _QUERY_BYTES and frame == query(frame[1])


def _asks(board: int, channels: int, items: bool) -> tuple[Ask, ...]:
    kinds = ("door", "item") if items else ("door",)
    read = partial(_read, bytes((_STX, board)), channels, items)
    return (BoardAsk(board, points(channels, *kinds), query(board), _STATUS_BYTES, read),)


def _read(head: bytes, channels: int, items: bool, buffer: bytearray) -> tuple[int, Bits] | None:
    begins(buffer, head, ("unit", "unit"))
    if buffer[2:3] and buffer[2] not in _ALL:
        raise FrameError("count", buffer)
    if buffer[3:4] and buffer[3] != _STATUS:
        raise FrameError("function", buffer)
    if len(buffer) < _STATUS_BYTES:
        return None
    frame = buffer[:_STATUS_BYTES]
    if not _sound(frame):
        raise FrameError("crc", frame)
    infrared = bits(frame[10:16], channels) if items else ()
    return _STATUS_BYTES, bits(frame[4:10], channels) + infrared


def _sound(frame: Octets) -> bool:
    return frame[0] == _STX and frame[-2] == _ETX and frame[-1] == sum8(frame[:-1])


def describe(frame: bytes) -> Said | None:
    """What a whole frame of this language says; None when it is none."""
    if len(frame) not in _LENGTHS or not _sound(frame):
        return None
    board, lock, command = frame[1], frame[2], frame[3]
    if command == _STATUS and len(frame) == _STATUS_BYTES:
        values = bits(frame[4:10], _MOST) + bits(frame[10:16], _MOST)
        return Said("status", "status", board, points=points(_MOST, "door", "item"), values=values)
    if command == _QUERY:
        return Said("query", "read status", board, () if lock in _ALL else (lock + 1,))
    if command == _UNLOCK:
        return Said("open", "unlock", board, () if lock == _ALL[0] else (lock + 1,))
    return Said("other", f"command {command:02X}", board)


_LENGTHS = (_QUERY_BYTES, _STATUS_BYTES)
_ADDRESSES = range(256)

LANGUAGE = Language(
    name="kerong_cu48b",
    boards="KERONG CU48B",
    source="community code: the CU protocol of a TypeScript locker service",
    channels=_MOST,
    has_item=True,
    baud=19200,
    addresses=_ADDRESSES,
    made=_asks,
    allows=allows,
    describe=describe,
    lengths=lambda buffer: _LENGTHS if buffer[:1] == b"\x02" else (),
)
