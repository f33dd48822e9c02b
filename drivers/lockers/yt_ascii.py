"""YT_LOCKER24: lines of ASCII, `YT+COMMAND=ID*CRC`, CRC-16/MODBUS of what stands before the asterisk as four digits.

A status is `+GETALLLOCKSSTATUS:…*CRC` with 0 closed and 1 open. Sources leave open whether the board's number stands
before the states: how many there are decides.
"""

from __future__ import annotations

from functools import partial

from drivers import Ask, DeviceError, FrameError
from drivers.board_ask import Bits, BoardAsk, Octets, begins, points
from drivers.lockers import Language, Said
from fastpath.checksum import crc16_modbus

_ASK, _TELL, _FAIL = b"YT+", b"+GETALLLOCKSSTATUS:", b"+ERROR:"
_MOST = 24
_LONGEST = 128
_DOOR = {b"0": True, b"1": False}
_QUERIES = ("GETALLLOCKSSTATUS", "GETLOCKSTATUS")
_OPENS = {"OPENLOCK": "open", "CLOSELOCK": "close"}


def query(board: int) -> bytes:
    """The status query of all locks of one board."""
    return _framed(b"YT+GETALLLOCKSSTATUS=%d" % board)


def allows(frame: bytes) -> bool:
    """Whether `frame` asks a board for all its locks."""
    number = frame[len(b"YT+GETALLLOCKSSTATUS=") : -len(b"*FFFF\r\n")]
    return number.isdigit() and len(number) <= 3 and int(number) in _ADDRESSES and frame == query(int(number))


def _framed(text: bytes) -> bytes:
    return b"%s*%04X\r\n" % (text, crc16_modbus(text))


def _asks(board: int, channels: int, items: bool) -> tuple[Ask, ...]:
    length = len(_TELL) + 2 * _MOST + len(str(board)) + len(b"*FFFF\r\n")
    return (BoardAsk(board, points(channels, "door"), query(board), length, partial(_read, board, channels)),)


def _read(board: int, channels: int, buffer: bytearray) -> tuple[int, Bits | DeviceError] | None:
    fails = _FAIL.startswith(buffer[: len(_FAIL)])
    if not fails:
        begins(buffer, _TELL, ("unit", *("function",) * len(_TELL)))
    found = _line(buffer)
    if found is None:
        return None
    length, text = found
    words = text[len(_FAIL if fails else _TELL) :].split(b",")
    if fails:
        return length, _refusal(board, words, text)
    if len(words) == _MOST + 1:
        if words.pop(0) != b"%d" % board:
            raise FrameError("unit", text)
    elif len(words) != _MOST:
        raise FrameError("count", text)
    return length, _doors(words, text)[:channels]


def _doors(words: list[bytes], text: bytes) -> Bits:
    if any(word not in _DOOR for word in words):
        raise FrameError("garbage", text)
    return tuple(_DOOR[word] for word in words)


def _refusal(board: int, words: list[bytes], text: bytes) -> DeviceError:
    if words[0] != b"%d" % board:
        raise FrameError("unit", text)
    return DeviceError(0, b",".join(words[1:]).decode("ascii", "replace")[:40])


def _line(buffer: Octets) -> tuple[int, bytes] | None:
    """How long the line at the front is, with its line feed where that has come, and its text; None when incomplete."""
    star = buffer.find(b"*")
    if star < 0 or len(buffer) < star + 5:
        if len(buffer) > _LONGEST:
            raise FrameError("length", buffer)
        return None
    text = bytes(buffer[:star])
    if bytes(buffer[star + 1 : star + 5]) != b"%04X" % crc16_modbus(text):
        raise FrameError("crc", buffer[: star + 5])
    end = star + 5
    return end + (2 if buffer[end : end + 2] == b"\r\n" else 0), text


def describe(frame: bytes) -> Said | None:
    """What a whole line of this language says; None when it is none."""
    try:
        found = _line(frame)
    except FrameError:
        return None
    if found is None or found[0] != len(frame):
        return None
    text = found[1].decode("ascii", "replace")
    if text.startswith("YT+"):
        return _order(*text[3:].partition("=")[::2])
    if not text.startswith("+"):
        return None
    name, _, content = text[1:].partition(":")
    if name != _QUERIES[0]:
        return Said("other", name.lower())
    words = content.encode("ascii", "replace").split(b",")
    board = int(words.pop(0)) if len(words) > _MOST and words[0].isdigit() else None
    values = tuple(_DOOR.get(word) for word in words)
    return Said("status", "status", board, points=points(len(words), "door"), values=values)


def _order(name: str, content: str) -> Said:
    numbers = [int(word) for word in content.split(",") if word.isascii() and word.isdigit()]
    board = numbers[0] if numbers else None
    if name in _QUERIES:
        return Said("query", "read status", board, tuple(numbers[1:]))
    if name in _OPENS:
        return Said("open", _OPENS[name], board, tuple(numbers[1:]))
    return Said("other", name.lower(), board)


def _lengths(buffer: Octets) -> tuple[int, ...]:
    if buffer[:1] not in (b"Y", b"+"):
        return ()
    end = buffer.find(b"\n")
    return (end + 1,) if end >= 0 else (min(len(buffer) + 1, _LONGEST),)


_ADDRESSES = range(1, 256)

LANGUAGE = Language(
    name="yt_ascii",
    boards="YT_LOCKER24 and boards with its ASCII commands",
    source="community code with its command list",
    channels=_MOST,
    baud=9600,
    addresses=_ADDRESSES,
    made=_asks,
    allows=allows,
    describe=describe,
    lengths=_lengths,
)
