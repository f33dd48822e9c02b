"""KERONG CU16 and CU12: the hooks and the infrared sensors of sixteen locks in one frame of nine bytes.

`02 ADDR CMD 03 SUM`, SUM the low byte of the sum of all before it. The board is the high nibble of ADDR; the low one is
the lock number of an unlock. In a status 1 is a closed hook and a present item, the lowest bit the first lock.
"""

from __future__ import annotations

from functools import partial

from drivers import Ask, FrameError
from drivers.board_ask import Bits, BoardAsk, Octets, begins, bits, points, sum8
from drivers.lockers import Language, Said

_STX, _ETX = 0x02, 0x03
_QUERY, _QUERY_ALL, _STATUS = 0x30, 0x32, 0x35
_STATUS_BYTES = 9
_MOST = 16
_REASONS = ("unit", "unit", "function")
_OPENS = {0x31: "unlock", 0x33: "unlock all"}
_SETS = {0x37: "set unlock time", 0x39: "set delay", 0x40: "set baud rate"}


def query(board: int) -> bytes:
    """The status query of one board."""
    body = bytes((_STX, board << 4, _QUERY, _ETX))
    return body + bytes((sum8(body),))


def allows(frame: bytes) -> bool:
    """Whether `frame` is the status query of a board."""
    return len(frame) == 5 and frame == query(frame[1] >> 4)


def _asks(board: int, channels: int, items: bool) -> tuple[Ask, ...]:
    kinds = ("door", "item") if items else ("door",)
    read = partial(_read, bytes((_STX, board << 4, _STATUS)), channels, items)
    return (BoardAsk(board, points(channels, *kinds), query(board), _STATUS_BYTES, read),)


def _read(head: bytes, channels: int, items: bool, buffer: bytearray) -> tuple[int, Bits] | None:
    begins(buffer, head, _REASONS)
    if len(buffer) < _STATUS_BYTES:
        return None
    frame = buffer[:_STATUS_BYTES]
    if not _sound(frame):
        raise FrameError("crc", frame)
    infrared = bits(frame[5:7], channels) if items else ()
    return _STATUS_BYTES, bits(frame[3:5], channels) + infrared


def _sound(frame: Octets) -> bool:
    return frame[0] == _STX and frame[-2] == _ETX and frame[-1] == sum8(frame[:-1])


def describe(frame: bytes) -> Said | None:
    """What a whole frame of this language says; None when it is none."""
    if len(frame) not in _LENGTHS or not _sound(frame):
        return None
    board, lock, command = frame[1] >> 4, frame[1] & 0x0F, frame[2]
    if command == _STATUS and len(frame) == _STATUS_BYTES:
        values = bits(frame[3:5], _MOST) + bits(frame[5:7], _MOST)
        return Said("status", "status", board, points=points(_MOST, "door", "item"), values=values)
    if command in (_QUERY, _QUERY_ALL) and len(frame) == 5:
        return Said("query", "read status", None if command == _QUERY_ALL else board)
    if command in _OPENS:
        return Said("open", _OPENS[command], board, () if command == 0x33 else (lock + 1,))
    return Said("other", _SETS.get(command, f"command {command:02X}"), board)


_LENGTHS = (5, 6, 7, _STATUS_BYTES)

LANGUAGE = Language(
    name="kerong_cu16",
    boards="KERONG CU16, CU12",
    source="community code: github.com/jin0949/KR-CU16_locker and a TypeScript module for CU12 and CU16",
    channels=_MOST,
    has_item=True,
    baud=19200,
    addresses=range(16),
    made=_asks,
    allows=allows,
    describe=describe,
    lengths=lambda buffer: _LENGTHS if buffer[:1] == b"\x02" else (),
)
