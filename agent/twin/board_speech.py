"""How simulated locker boards answer status queries, in each language: written from the frames, not from the codecs.

No board here can be told to open: people open doors, and the boards say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import xor
from types import MappingProxyType

from drivers.lockers import Language, Said
from fastpath.checksum import crc16_modbus


@dataclass(slots=True)
class Cabinet:
    """What is true of the compartments of one board, channel 1 first; `failed` are channels that it cannot tell of."""

    closed: list[bool]
    present: list[bool] = field(default_factory=list)
    failed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.present += [False] * (len(self.closed) - len(self.present))


def reply(language: Language, board: int, cabinet: Cabinet, said: Said) -> bytes:
    """What board number `board` answers to the query `said`; nothing where it is not meant or does not know it."""
    if said.kind != "query" or not _meant(language, board, cabinet, said):
        return b""
    return ENCODERS[language.name](board, cabinet, said)


def report(board: int, channel: int, closed: bool) -> bytes:
    """What a board of the WKLY family tells unasked when a door moves."""
    return _wkly(board, 0x85, channel, closed)


def _meant(language: Language, board: int, cabinet: Cabinet, said: Said) -> bool:
    if language.numbered_through:
        return said.board is not None and board <= said.board < board + len(cabinet.closed)
    return said.board in (None, board)


def _cu16(board: int, cabinet: Cabinet, said: Said) -> bytes:
    return _ended(bytes((2, board << 4, 0x35)) + _packed(cabinet.closed, 2) + _packed(cabinet.present, 2))


def _cu48b(board: int, cabinet: Cabinet, said: Said) -> bytes:
    return _ended(bytes((2, board, 0x30, 0x75)) + _packed(cabinet.closed, 6) + _packed(cabinet.present, 6))


def _8a80(board: int, cabinet: Cabinet, said: Said) -> bytes:
    if said.channels:
        closed = cabinet.closed[said.channels[0] - 1]
        return xored(bytes((0x80, board, said.channels[0], 0x11 if closed else 0x00)))
    states = _packed(cabinet.closed, 3)
    return xored(bytes((0x80, board)) + states[::-1] + b"\x33")


def _8a80_wide(board: int, cabinet: Cabinet, said: Said) -> bytes:
    if said.channels:
        return _8a80(board, cabinet, said)
    return xored(bytes((0x80, board)) + _packed(cabinet.closed, 4)[::-1] + b"\x33")


def _wkly_status(board: int, cabinet: Cabinet, said: Said) -> bytes:
    states = [0xFF if n in cabinet.failed else int(closed) for n, closed in enumerate(cabinet.closed, 1)]
    if said.channels:
        channel = said.channels[0]
        return _wkly(board, 0x83, 0, channel, states[channel - 1])
    return _wkly(board, 0x84, 0, len(states), *states)


def _wkly(board: int, command: int, *content: int) -> bytes:
    return xored(b"WKLY" + bytes((8 + len(content), board, command, *content)))


def _qianming(board: int, cabinet: Cabinet, said: Said) -> bytes:
    doors = "door" in said.points
    last = board + len(cabinet.closed) - 1
    head = bytes((0x5A, 0xA2 if doors else 0xA5)) + board.to_bytes(2) + last.to_bytes(2)
    ones = [not closed for closed in cabinet.closed] if doors else cabinet.present
    return xored(head + _packed(ones, (len(ones) + 7) // 8))


def _coils(board: int, cabinet: Cabinet, said: Said) -> bytes:
    return checked(bytes((board, 1, 6)) + _packed(cabinet.closed, 6))


def _winnsen(board: int, cabinet: Cabinet, said: Said) -> bytes:
    lock = said.channels[0]
    status = 2 if lock in cabinet.failed else int(not cabinet.closed[lock - 1])
    return bytes((0x90, 7, 0x92, board, status, lock, 3))


def _yt(board: int, cabinet: Cabinet, said: Said) -> bytes:
    states = ",".join(str(int(not closed)) for closed in cabinet.closed)
    return asterisked(f"+GETALLLOCKSSTATUS:{board},{states}".encode())


def _packed(ones: Iterable[bool], length: int) -> bytes:
    return sum(1 << at for at, one in enumerate(ones) if one).to_bytes(length, "little")


def _ended(body: bytes) -> bytes:
    return summed(body + b"\x03")


def summed(body: bytes) -> bytes:
    """The bytes and the low byte of their sum."""
    return body + bytes((sum(body) % 256,))


def xored(body: bytes) -> bytes:
    """The bytes and all of them by exclusive or."""
    return body + bytes((reduce(xor, body),))


def checked(body: bytes) -> bytes:
    """The bytes and their CRC-16/MODBUS, low byte first."""
    return body + crc16_modbus(body).to_bytes(2, "little")


def asterisked(text: bytes) -> bytes:
    """A line of text with its CRC-16/MODBUS as four digits behind an asterisk."""
    return b"%s*%04X\r\n" % (text, crc16_modbus(text))


ENCODERS: Mapping[str, Callable[[int, Cabinet, Said], bytes]] = MappingProxyType(
    {
        "kerong_cu16": _cu16,
        "kerong_cu48b": _cu48b,
        "lock24_8a80": _8a80,
        "lock32_8a80": _8a80_wide,
        "wkly": _wkly_status,
        "qianming_5a": _qianming,
        "cu48_modbus": _coils,
        "winnsen": _winnsen,
        "yt_ascii": _yt,
    }
)
