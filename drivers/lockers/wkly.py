"""The "WKLY" family: `57 4B 4C 59 LEN BOARD CMD … XOR`, LEN the whole length, XOR the exclusive or of all before it.

A door is a byte: 01 closed, 00 open, FF failed (some boards have 00 and 01 the other way round). Boards report each
change unasked.
"""

from __future__ import annotations

from functools import partial

from drivers import Ask, DeviceError, FrameError
from drivers.board_ask import Bits, BoardAsk, Octets, begins, points, xor8
from drivers.lockers import Language, Said

_HEAD = b"WKLY"
_LEN, _BOARD, _CMD, _DATA = 4, 5, 6, 7
_ONE, _ALL, _CHANGED = 0x83, 0x84, 0x85
_SHORTEST = 8
_MOST = 48
_DOOR = {0x00: False, 0x01: True, 0xFF: None}
_OPENS = {0x80: "open several at once", 0x82: "open", 0x86: "open all", 0x87: "open several", 0x88: "hold open"}
_OTHERS = {0x81: "flash", 0x89: "close"}


def query(board: int) -> bytes:
    """The status query of all doors of one board."""
    body = _HEAD + bytes((_SHORTEST, board, _ALL))
    return body + bytes((xor8(body),))


def allows(frame: bytes) -> bool:
    """Whether `frame` asks a board for all its doors."""
    return len(frame) == _SHORTEST and frame == query(frame[_BOARD])


def _asks(board: int, channels: int, items: bool) -> tuple[Ask, ...]:
    read = partial(_read, board, channels)
    return (BoardAsk(board, points(channels, "door"), query(board), 10 + channels, read),)


def _read(board: int, channels: int, buffer: bytearray) -> tuple[int, Bits | DeviceError] | None:
    begins(buffer, _HEAD, ("unit",) * 4)
    if len(buffer) <= _CMD:
        return None
    if buffer[_BOARD] != board:
        raise FrameError("unit", buffer)
    length = buffer[_LEN]
    if buffer[_CMD] != _ALL or length <= _SHORTEST:
        raise FrameError("function", buffer)
    if length > 10 + _MOST:
        raise FrameError("count", buffer)
    if len(buffer) < length:
        return None
    frame = buffer[:length]
    if xor8(frame):
        raise FrameError("crc", frame)
    if frame[_DATA]:
        return length, DeviceError(frame[_DATA], "REFUSED")
    if length < 10 + channels or frame[_DATA + 1] != length - 10:
        raise FrameError("count", frame)
    if any(state not in _DOOR for state in frame[9:-1]):
        raise FrameError("garbage", frame)
    return length, tuple(_DOOR[state] for state in frame[9 : 9 + channels])


def describe(frame: bytes) -> Said | None:
    """What a whole frame of this language says; None when it is none."""
    if len(frame) < _SHORTEST or not frame.startswith(_HEAD) or frame[_LEN] != len(frame) or xor8(frame):
        return None
    board, command, content = frame[_BOARD], frame[_CMD], frame[_DATA:-1]
    if command in (_ONE, _ALL, _CHANGED):
        return _asked_or_told(board, command, content)
    if command in _OPENS and _is_order(command, content):
        all_ = command == 0x86
        return Said("open", _OPENS[command], board, () if all_ else tuple(content[1:] or content))
    return Said("other", _OTHERS.get(command) or f"answer to {_OPENS.get(command, f'{command:02X}')}", board)


def _is_order(command: int, content: bytes) -> bool:
    """An order and the answer to it have one command: an order of several doors counts them, an answer has a status."""
    if command in (0x80, 0x87):
        return len(content) >= 2 and content[0] == len(content) - 1
    return len(content) == (0 if command == 0x86 else 1)


def _asked_or_told(board: int, command: int, content: bytes) -> Said | None:
    if command == _ALL and not content:
        return Said("query", "read status", board)
    if command == _ONE and len(content) == 1:
        return Said("query", "read status", board, (content[0],))
    if command == _CHANGED and len(content) == 2:
        return Said("report", "changed", board, (content[0],), *_door(*content))
    if command == _ONE and len(content) == 3 and not content[0]:
        return Said("status", "status", board, (content[1],), *_door(*content[1:]))
    if command == _ALL and len(content) >= 2 and not content[0] and content[1] == len(content) - 2:
        states = tuple(_DOOR.get(state) for state in content[2:])
        return Said("status", "status", board, points=points(len(states), "door"), values=states)
    return Said("other", "answer to read status", board)


def _door(channel: int, state: int) -> tuple[tuple[str], Bits]:
    return (f"door.{channel}",), (_DOOR.get(state),)


def _lengths(buffer: Octets) -> tuple[int, ...]:
    if not _HEAD.startswith(bytes(buffer[:4])) or not buffer:
        return ()
    if len(buffer) <= _LEN:
        return (_SHORTEST,)
    return (buffer[_LEN],) if buffer[_LEN] >= _SHORTEST else ()


_ADDRESSES = range(256)

LANGUAGE = Language(
    name="wkly",
    boards='boards of the "WKLY" family',
    source="community code: Java, C and Python drivers with the same published example frames",
    channels=_MOST,
    unsolicited=True,
    baud=9600,
    addresses=_ADDRESSES,
    made=_asks,
    allows=allows,
    describe=describe,
    lengths=_lengths,
)
