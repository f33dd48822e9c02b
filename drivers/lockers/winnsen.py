"""Winnsen boards: one lock a query, `90 06 12 ST LK 03`, and no checksum at all.

Firmware differs in the order of lock and status in the reply, so one of the two bytes must be the lock asked for, and
the other a status: 0 closed, 1 open, 2 cooling down, which says nothing of the door.
"""

from __future__ import annotations

from functools import partial

from drivers import Ask, FrameError
from drivers.board_ask import Bits, BoardAsk, begins
from drivers.lockers import Language, Said

_START, _END = 0x90, 0x03
_QUERY, _STATUS = 0x12, 0x92
_UNLOCK, _UNLOCKED = 0x05, 0x85
_QUERY_BYTES, _STATUS_BYTES = 6, 7
_MOST = 16
_DOOR = {0: True, 1: False, 2: None}
_REASONS = ("unit", "length", "function", "unit")


def query(board: int, lock: int) -> bytes:
    """The status query of one lock."""
    return bytes((_START, _QUERY_BYTES, _QUERY, board, lock, _END))


def allows(frame: bytes) -> bool:
    """Whether `frame` is the status query of one lock."""
    return (
        len(frame) == _QUERY_BYTES
        and frame[3] in _ADDRESSES
        and 1 <= frame[4] <= _MOST
        and frame == query(frame[3], frame[4])
    )


def _asks(board: int, channels: int, items: bool) -> tuple[Ask, ...]:
    head = bytes((_START, _STATUS_BYTES, _STATUS, board))
    return tuple(
        BoardAsk(board, (f"door.{lock}",), query(board, lock), _STATUS_BYTES, partial(_read, head, lock))
        for lock in range(1, channels + 1)
    )


def _read(head: bytes, lock: int, buffer: bytearray) -> tuple[int, Bits] | None:
    begins(buffer, head, _REASONS)
    if len(buffer) < _STATUS_BYTES:
        return None
    status = _status(lock, buffer[4], buffer[5])
    if status is None or buffer[6] != _END:
        raise FrameError("garbage", buffer[:_STATUS_BYTES])
    return _STATUS_BYTES, (_DOOR[status],)


def _status(lock: int, one: int, other: int) -> int | None:
    """The status of `lock` in a reply, whichever of both bytes it is; None when they are not lock and status."""
    if one == lock and other in _DOOR:
        return other
    return one if other == lock and one in _DOOR else None


def describe(frame: bytes) -> Said | None:
    """What a whole frame of this language says; None when it is none.

    Of a status only the board is told: which byte is the lock cannot be known without the query.
    """
    if not (_QUERY_BYTES <= len(frame) <= _STATUS_BYTES) or (frame[0], frame[1], frame[-1]) != (
        _START,
        len(frame),
        _END,
    ):
        return None
    function, board, lock = frame[2:5]
    if function == _STATUS:
        return Said("status", "status", board)
    if function == _QUERY and len(frame) == _QUERY_BYTES:
        return Said("query", "read status", board, (lock,))
    if function == _UNLOCK and len(frame) == _QUERY_BYTES:
        return Said("open", "unlock", board, (lock,))
    return Said("other", "unlocked" if function == _UNLOCKED else f"function {function:02X}", board)


_ADDRESSES = range(4)

LANGUAGE = Language(
    name="winnsen",
    boards="Winnsen-type boards of sixteen locks",
    source="community code: Kotlin drivers of several firmware versions",
    channels=_MOST,
    baud=9600,
    addresses=_ADDRESSES,
    made=_asks,
    allows=allows,
    describe=describe,
    lengths=lambda buffer: (_QUERY_BYTES, _STATUS_BYTES) if buffer[:1] == b"\x90" else (),
)
