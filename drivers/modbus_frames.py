"""Modbus read requests and the strict check of their replies, framed for TCP (MBAP), for RTU and for ASCII.

Sources: MODBUS Application Protocol V1.1b3, MODBUS Messaging on TCP/IP V1.0b, MODBUS over Serial Line V1.02.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from types import MappingProxyType
from typing import Protocol

from config.device_settings import Area
from drivers import DeviceError, FrameError
from fastpath.checksum import crc16_modbus

MOST_REGISTERS = 125
MOST_BITS = 2000
# The four reads of the protocol (6.1 to 6.4), and all that this room can say: there is no name for a write.
FUNCTIONS: Mapping[Area, int] = MappingProxyType({"coil": 1, "discrete": 2, "holding": 3, "input": 4})
REFUSED = 0x80  # set in the function code of an exception reply
EXCEPTIONS: Mapping[int, str] = MappingProxyType(
    {
        1: "ILLEGAL FUNCTION",
        2: "ILLEGAL DATA ADDRESS",
        3: "ILLEGAL DATA VALUE",
        4: "SERVER DEVICE FAILURE",
        5: "ACKNOWLEDGE",
        6: "SERVER DEVICE BUSY",
        7: "NEGATIVE ACKNOWLEDGE",  # not in V1.1b3; older controllers still send it (Modicon PI-MBUS-300)
        8: "MEMORY PARITY ERROR",
        10: "GATEWAY PATH UNAVAILABLE",
        11: "GATEWAY TARGET DEVICE FAILED TO RESPOND",
    }
)

_TCP_REQUEST = Struct(">HHHBBHH")
_RTU_REQUEST = Struct(">BBHHH")


@dataclass(frozen=True, slots=True)
class Read:
    """`quantity` registers or bits of one area, from the 0-based `address`. ValueError when no such read exists."""

    unit: int
    area: Area
    address: int
    quantity: int

    def __post_init__(self) -> None:
        if self.area not in FUNCTIONS:
            raise ValueError(f"no such area: {self.area!r}")
        if not (0 <= self.unit <= 255 and readable(self.function, self.address, self.quantity)):
            raise ValueError(f"no such read: {self}")

    @property
    def function(self) -> int:
        return FUNCTIONS[self.area]

    @property
    def data_length(self) -> int:
        """Bytes of values in a good reply."""
        return (self.quantity + 7) // 8 if self.function <= 2 else 2 * self.quantity

    def pdu(self) -> bytes:
        """The request without its framing."""
        return bytes((self.function, *divmod(self.address, 256), *divmod(self.quantity, 256)))


class Frames(Protocol):
    """One read in one framing. `data_at` is where the values begin in what `arrived` gives."""

    data_at: int
    reply_length: int

    def request(self, turn: int) -> bytes:
        """The frame to send."""
        ...

    def arrived(self, buffer: bytearray, turn: int) -> bytearray | None:
        """The reply at the front of `buffer`, once it is whole, as bytes to decode; None while bytes are missing.

        Nothing of a good reply is consumed. Raises FrameError as soon as the bytes rule a reply out, DeviceError
        (its reply consumed) for a refusal.
        """
        ...


class TcpFrames:
    """One read over Modbus TCP. The transaction number is the owner's turn, so a late reply cannot pass."""

    __slots__ = ("_good", "_refusal", "_request", "data_at", "reply_length")
    _FIELDS = ("transaction", "transaction", "protocol", "protocol", "length", "length", "unit", "function", "count")

    def __init__(self, read: Read) -> None:
        self._request = bytes((0, 0, 0, 6, read.unit)) + read.pdu()
        length = (3 + read.data_length).to_bytes(2, "big")
        self._good = bytes((0, 0, *length, read.unit, read.function, read.data_length))
        self._refusal = bytes((0, 0, 0, 3, read.unit, read.function | REFUSED))
        self.data_at = 9
        self.reply_length = 9 + read.data_length

    def request(self, turn: int) -> bytes:
        """The frame to send."""
        return _transaction(turn) + self._request

    def arrived(self, buffer: bytearray, turn: int) -> bytearray | None:
        """As `Frames.arrived`; the reply carries the number of its request."""
        transaction = _transaction(turn)
        good = transaction + self._good
        if buffer.startswith(good):
            return buffer if len(buffer) >= self.reply_length else None
        check_head(buffer, (good, transaction + self._refusal), self._FIELDS)
        if len(buffer) >= 9:
            raise refusal(buffer, 9, buffer[8])
        return None


class RtuFrames:
    """One read over Modbus RTU. Nothing in the frame tells a late reply: the owner keeps the line quiet instead."""

    __slots__ = ("_good", "_refusal", "_request", "data_at", "reply_length")
    _FIELDS = ("unit", "function", "count")

    def __init__(self, read: Read) -> None:
        body = bytes((read.unit,)) + read.pdu()
        self._request = body + crc16_modbus(body).to_bytes(2, "little")
        self._good = bytes((read.unit, read.function, read.data_length))
        self._refusal = bytes((read.unit, read.function | REFUSED))
        self.data_at = 3
        self.reply_length = 5 + read.data_length

    def request(self, turn: int) -> bytes:
        """The frame to send."""
        return self._request

    def arrived(self, buffer: bytearray, turn: int) -> bytearray | None:
        """As `Frames.arrived`, with the checksum; and the echo of our own request is no answer to it."""
        if not buffer.startswith(self._good):
            check_head(buffer, (self._good, self._refusal), self._FIELDS)
            if len(buffer) >= 5:
                _check_crc(buffer[:5])
                raise refusal(buffer, 5, buffer[2])
            return None
        if len(buffer) < self.reply_length:
            return None
        frame = buffer[: self.reply_length]
        _check_crc(frame)
        # A two-wire adapter may echo. Read 17 to 24 bits from 0x03nn, and the echo is a flawless reply.
        if frame == self._request:
            raise FrameError("garbage", frame)
        return frame


def is_tcp_read(frame: bytes) -> bool:
    """Whether `frame` is exactly one well-formed read over Modbus TCP."""
    if len(frame) != 12:
        return False
    _, protocol, length, _, function, address, quantity = _TCP_REQUEST.unpack(frame)
    return protocol == 0 and length == 6 and readable(function, address, quantity)


def is_rtu_read(frame: bytes) -> bool:
    """Whether `frame` is exactly one well-formed RTU read; of unit 0 there is none: a broadcast is never answered."""
    if len(frame) != 8:
        return False
    unit, function, address, quantity, _ = _RTU_REQUEST.unpack(frame)
    return unit != 0 and readable(function, address, quantity) and crc16_modbus(frame) == 0


def readable(function: int, address: int, quantity: int) -> bool:
    """Whether the protocol knows such a read (MODBUS Application Protocol V1.1b3, 6.1 to 6.4)."""
    most = MOST_BITS if function <= 2 else MOST_REGISTERS
    return 1 <= function <= 4 and 1 <= quantity <= most and 0 <= address <= 0x10000 - quantity


def _transaction(turn: int) -> bytes:
    return (turn & 0xFFFF).to_bytes(2, "big")


def _check_crc(frame: bytearray) -> None:
    # The checksum over a frame with its own checksum, low byte first, is 0.
    if crc16_modbus(frame) != 0:
        raise FrameError("crc", frame)


def check_head(buffer: bytes | bytearray, heads: tuple[bytes, bytes], fields: tuple[str, ...]) -> None:
    """Raise FrameError, by the first wrong field, unless `buffer` is on the way to one of the heads or past it."""
    if not any(head.startswith(buffer[: len(head)]) for head in heads):
        raise FrameError(fields[max(_agreed(buffer, head) for head in heads)], buffer)


def _agreed(buffer: bytes | bytearray, head: bytes) -> int:
    """How many bytes of `buffer` follow `head` before the first that does not."""
    return next(at for at, (seen, expected) in enumerate(zip(buffer, head, strict=False)) if seen != expected)


def refusal(buffer: bytearray, length: int, code: int) -> DeviceError:
    """Consume an exception reply of `length` bytes and tell what it says."""
    del buffer[:length]
    return DeviceError(code, EXCEPTIONS.get(code, "UNKNOWN"))
