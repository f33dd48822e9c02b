"""The boards of the 8A/80 family: `80 AA … 33 BCC`, BCC the exclusive or of all before it; here those of 24 channels.

A status carries the highest channels first, a bit each; 1 is a closed contact. What a closed contact means depends on
the lock: with feedback on closing (上锁短路) a closed door, with feedback on opening
(开锁短路) an open one.
"""

from __future__ import annotations

from functools import partial

from drivers import Ask, FrameError
from drivers.board_ask import Bits, BoardAsk, begins, bits, points, xor8
from drivers.lockers import Language, Said

_TELL, _MOVE, _MOVE_SEVERAL = 0x80, 0x8A, 0x90
_STATUS, _CLOSED, _OPEN = 0x33, 0x11, 0x00
_QUERY_BYTES = 5


def query(board: int) -> bytes:
    """The status query of all channels of one board."""
    body = bytes((_TELL, board, 0, _STATUS))
    return body + bytes((xor8(body),))


def allows(frame: bytes) -> bool:
    """Whether `frame` asks a board for all its channels."""
    return len(frame) == _QUERY_BYTES and frame[1] in _ADDRESSES and frame == query(frame[1])


def _read(head: bytes, length: int, channels: int, buffer: bytearray) -> tuple[int, Bits] | None:
    begins(buffer, head, ("unit", "unit"))
    if len(buffer) > length - 2 and buffer[length - 2] != _STATUS:
        raise FrameError("function", buffer)
    if len(buffer) < length:
        return None
    if xor8(buffer[:length]):
        raise FrameError("crc", buffer[:length])
    return length, bits(buffer[length - 3 : 1 : -1], channels)


def describe(frame: bytes) -> Said | None:
    """What a whole frame of this language says; None when it is none."""
    if len(frame) not in _LENGTHS or xor8(frame):
        return None
    if frame[0] == _TELL:
        return _told(frame)
    if frame[0] == _MOVE and len(frame) == _QUERY_BYTES and frame[3] == _CLOSED:
        return Said("open", "open", frame[1], (frame[2],) if frame[2] else ())
    if frame[0] == _MOVE_SEVERAL and len(frame) in (6, 7):
        meant = bits(frame[-2:1:-1], 8 * (len(frame) - 3))
        return Said("open", "open several", frame[1], tuple(at for at, bit in enumerate(meant, 1) if bit))
    return None


def _told(frame: bytes) -> Said | None:
    board, channel, state = frame[1:4]
    if len(frame) == _QUERY_BYTES:
        if state == _STATUS:
            return Said("query", "read status", board, (channel,) if channel else ())
        if state in (_CLOSED, _OPEN):
            door = (f"door.{channel}",)
            return Said("status", "status", board, (channel,), points=door, values=(state == _CLOSED,))
    elif len(frame) in (7, 8) and frame[-2] == _STATUS:
        count = 8 * (len(frame) - 4)
        return Said("status", "status", board, points=points(count, "door"), values=bits(frame[-3:1:-1], count))
    return None


def _lengths(buffer: bytes | bytearray) -> tuple[int, ...]:
    return _LENGTHS if buffer[:1] in (b"\x80", b"\x8a", b"\x90") else ()


def family(name: str, boards: str, most: int) -> Language:
    """The language of boards with `most` channels: they differ in the length of their status."""
    length = _QUERY_BYTES - 1 + most // 8

    def asks(board: int, channels: int, items: bool) -> tuple[Ask, ...]:
        read = partial(_read, bytes((_TELL, board)), length, channels)
        return (BoardAsk(board, points(channels, "door"), query(board), length, read),)

    return Language(
        name=name,
        boards=boards,
        source="community write-up csdn u012909822/147892413 and C# code with both kinds of feedback",
        channels=most,
        baud=9600,
        addresses=_ADDRESSES,
        made=asks,
        allows=allows,
        describe=describe,
        lengths=_lengths,
        orders_echoed=True,
    )


_LENGTHS = (5, 6, 7, 8)
_ADDRESSES = range(1, 33)

LANGUAGE = family("lock24_8a80", "24-channel RS-485 lock board, 8A/80 (485锁控板24路通讯协议2021)", 24)
