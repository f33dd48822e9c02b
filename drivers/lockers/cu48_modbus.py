"""Lock boards of 48 channels that speak Modbus RTU: each lock a coil, 1 closed and 0 open.

To write 0 to a coil unlocks it, so nothing but function 1 may leave on such a line, and only this one read.
"""

from __future__ import annotations

from drivers import Ask, DeviceError
from drivers.board_ask import Bits, BoardAsk, Octets, bits, points
from drivers.lockers import Language, Said
from drivers.modbus_frames import Read, RtuFrames
from fastpath.checksum import crc16_modbus

_MOST = 48
_READ, _WRITE_ONE, _WRITE_SEVERAL = 1, 5, 15
_QUERY_BYTES, _STATUS_BYTES = 8, 11


def query(board: int) -> bytes:
    """The read of all coils of one board."""
    return _frames(board).request(0)


def allows(frame: bytes) -> bool:
    """Whether `frame` reads all coils of a board."""
    return len(frame) == _QUERY_BYTES and frame[0] in _ADDRESSES and frame == query(frame[0])


def _frames(board: int) -> RtuFrames:
    return RtuFrames(Read(board, "coil", 0, _MOST))


def _asks(board: int, channels: int, items: bool) -> tuple[Ask, ...]:
    frames = _frames(board)

    def read(buffer: bytearray) -> tuple[int, Bits | DeviceError] | None:
        before = len(buffer)
        rest = bytearray(buffer)
        try:
            if not frames.arrived(rest, 0):
                return None
        except DeviceError as refusal:
            return before - len(rest), refusal
        return _STATUS_BYTES, bits(buffer[3:9], channels)

    return (BoardAsk(board, points(channels, "door"), query(board), _STATUS_BYTES, read),)


def describe(frame: bytes) -> Said | None:
    """What a whole frame of this language says; None when it is none."""
    if len(frame) < 5 or crc16_modbus(frame):
        return None
    board, function = frame[:2]
    if function == _READ and len(frame) == _QUERY_BYTES:
        return Said("query", "read coils", board)
    if function == _READ and len(frame) == _STATUS_BYTES and frame[2] == 6:
        return Said("status", "coils", board, points=points(_MOST, "door"), values=bits(frame[3:9], _MOST))
    if function == _WRITE_ONE and len(frame) == _QUERY_BYTES:
        return Said("open", "write coil", board, (int.from_bytes(frame[2:4]) + 1,))
    if function == _WRITE_SEVERAL and len(frame) > _QUERY_BYTES:
        first, count = int.from_bytes(frame[2:4]), int.from_bytes(frame[4:6])
        return Said("open", "write coils", board, tuple(range(first + 1, first + min(count, _MOST) + 1)))
    return Said("other", f"function {function:02X}", board)


def _lengths(buffer: Octets) -> tuple[int, ...]:
    if buffer[:1] and buffer[0] not in _ADDRESSES:
        return ()
    if buffer[1:2] == b"\x0f":
        return (_QUERY_BYTES, 9 + buffer[6]) if len(buffer) > 6 else (_QUERY_BYTES,)
    return (5, _QUERY_BYTES, _STATUS_BYTES)


_ADDRESSES = range(1, 11)

LANGUAGE = Language(
    name="cu48_modbus",
    boards="48-channel lock boards with Modbus RTU coils",
    source="community code with published example frames",
    channels=_MOST,
    baud=115200,
    addresses=_ADDRESSES,
    made=_asks,
    allows=allows,
    describe=describe,
    lengths=_lengths,
    orders_echoed=True,
)
