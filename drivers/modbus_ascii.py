"""Modbus ASCII: a read as a line of hexadecimal digits between a colon and CR LF, and the strict check of its reply.

Source: MODBUS over Serial Line V1.02, 2.5.2. Digits of either case are understood; capitals are sent.
"""

from __future__ import annotations

from drivers import FrameError
from drivers.modbus_frames import REFUSED, Read, check_head, readable, refusal

_END = b"\r\n"
_DIGITS = frozenset(b"0123456789ABCDEF")
_REQUEST_CHARACTERS = 17
_REFUSAL_CHARACTERS = 11


class AsciiFrames:
    """One read over Modbus ASCII. As with RTU, nothing in the frame tells a late reply."""

    __slots__ = ("_good", "_refusal", "_request", "data_at", "reply_length")
    # What stands before the colon is somebody else's, or noise.
    _FIELDS = ("unit", "unit", "unit", "function", "function", "count", "count")

    def __init__(self, read: Read) -> None:
        self._request = _line(bytes((read.unit,)) + read.pdu())
        self._good = _digits(bytes((read.unit, read.function, read.data_length)))
        self._refusal = _digits(bytes((read.unit, read.function | REFUSED)))
        self.data_at = 3
        self.reply_length = 1 + 2 * (4 + read.data_length) + len(_END)

    def request(self, turn: int) -> bytes:
        """The frame to send."""
        return self._request

    def arrived(self, buffer: bytearray, turn: int) -> bytearray | None:
        """As `Frames.arrived`; a colon or an end of line too early is a damaged reply. Our own echo is no answer."""
        line = bytes(buffer[: self.reply_length]).upper()
        good = line.startswith(self._good)
        if not good:
            check_head(line, (self._good, self._refusal), self._FIELDS)
        length = self.reply_length if good or len(line) < len(self._good) else _REFUSAL_CHARACTERS
        octets = _octets(line[:length], length)
        if octets is None:
            return None
        if not good:
            raise refusal(buffer, length, octets[2])
        if line == self._request:
            raise FrameError("garbage", line)
        return octets


def is_ascii_read(frame: bytes) -> bool:
    """Whether `frame` is exactly one well-formed ASCII read, in capitals; of unit 0 there is none, as with RTU."""
    if len(frame) != _REQUEST_CHARACTERS or not frame.startswith(b":") or not frame.endswith(_END):
        return False
    if not _DIGITS.issuperset(frame[1:-2]):
        return False
    octets = bytes.fromhex(frame[1:-2].decode())
    address, quantity = int.from_bytes(octets[2:4]), int.from_bytes(octets[4:6])
    return octets[0] != 0 and _lrc(octets) == 0 and readable(octets[1], address, quantity)


def _octets(line: bytes, length: int) -> bytearray | None:
    """What the digits of a whole line of `length` characters say; None while it can still become one."""
    digits, end = line[1 : length - 2], line[length - 2 :]
    if not _DIGITS.issuperset(digits) or not _END.startswith(end):
        raise FrameError("length" if b"\r" in digits else "garbage", line)
    if len(line) < length:
        return None
    octets = bytearray.fromhex(digits.decode())
    if _lrc(octets) != 0:
        raise FrameError("crc", line)
    return octets


def _digits(octets: bytes) -> bytes:
    return b":" + octets.hex().upper().encode()


def _line(octets: bytes) -> bytes:
    return _digits(octets + bytes((_lrc(octets),))) + _END


def _lrc(octets: bytes | bytearray) -> int:
    """The sum of a frame's bytes, negated; over a frame with its own it is 0 (6.2.1)."""
    return -sum(octets) & 0xFF
