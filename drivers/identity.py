"""Who a device says it is: Read Device Identification (43/14) and Report Server ID (17), asked in commissioning alone.

Source: MODBUS Application Protocol V1.1b3, 6.13 and 6.21.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from config.bus_settings import Framing
from drivers import Batch, DeviceError, FrameError, Guard
from drivers.modbus_frames import EXCEPTIONS, REFUSED
from fastpath.checksum import crc16_modbus

BASIC = bytes((0x2B, 14, 1, 0))
"""Vendor, product code and revision, from the first on; a device that has more to say is not asked further."""

SERVER_ID = bytes((17,))

_USUAL_REPLY_BYTES = 64
_VENDOR, _PRODUCT, _REVISION = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device says of itself; "" where it says nothing. `server_id` is what 17 brought, as printable text."""

    vendor: str = ""
    product: str = ""
    revision: str = ""
    server_id: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.vendor, self.product, self.revision, self.server_id)))


NOBODY = Identity()


@dataclass(frozen=True, slots=True)
class IdentityAsk:
    """One of the two questions, an `Ask` whose reply has no length of its own; the batch holds no value.

    `heard` takes the identity out of the reply.
    """

    unit: int
    pdu: bytes
    framing: Framing
    heard: Callable[[Identity], None]
    points: tuple[str, ...] = ()
    reply_length: int = _USUAL_REPLY_BYTES

    def request(self, turn: int) -> bytes:
        """The frame to send."""
        body = bytes((self.unit,)) + self.pdu
        if self.framing == "tcp":
            return (turn & 0xFFFF).to_bytes(2, "big") + bytes((0, 0, 0, len(body))) + body
        return body + crc16_modbus(body).to_bytes(2, "little")

    def answer(self, buffer: bytearray, turn: int, at_s: float) -> Batch | None:
        """Take the reply off the front of `buffer`, as the contract of an `Ask` says."""
        head = self._head(buffer, turn)
        if head is None:
            return None
        body = bytes(buffer[head:])
        length = _length(body, self.pdu[0])
        if length is None:
            return None
        if not length:
            raise FrameError("garbage", buffer)
        end = head + length + (0 if self.framing == "tcp" else 2)
        if len(buffer) < end:
            return None
        if self.framing == "rtu" and crc16_modbus(buffer[:end]) != 0:
            raise FrameError("crc", buffer)
        del buffer[:end]
        if body[0] & REFUSED:
            raise DeviceError(body[1], EXCEPTIONS.get(body[1], "UNKNOWN"))
        self.heard(_objects(body[:length]) if self.pdu[0] == BASIC[0] else _server_id(body[:length]))
        return Batch((), at_s)

    def _head(self, buffer: bytearray, turn: int) -> int | None:
        """Where the reply's PDU begins; None while the bytes before it are missing. Raises FrameError."""
        if self.framing == "rtu":
            if buffer and buffer[0] != self.unit:
                raise FrameError("unit", buffer)
            head = 1
        else:
            for at, expected in enumerate((*(turn & 0xFFFF).to_bytes(2, "big"), 0, 0)):
                if at < len(buffer) and buffer[at] != expected:
                    raise FrameError("transaction" if at < 2 else "protocol", buffer)
            if len(buffer) > 6 and buffer[6] != self.unit:
                raise FrameError("unit", buffer)
            head = 7
        if len(buffer) <= head:
            return None
        if buffer[head] & ~REFUSED != self.pdu[0]:
            raise FrameError("function", buffer)
        return head


def identity_guard(framing: Framing) -> Guard:
    """Whether a frame is exactly one of the two questions; in ASCII they are not asked."""
    return {"rtu": _is_rtu_question, "tcp": _is_tcp_question}.get(framing, lambda _: False)


def _is_rtu_question(frame: bytes) -> bool:
    return frame[1:-2] in (BASIC, SERVER_ID) and frame[0] != 0 and crc16_modbus(frame) == 0


def _is_tcp_question(frame: bytes) -> bool:
    return frame[7:] in (BASIC, SERVER_ID) and frame[2:6] == bytes((0, 0, 0, len(frame) - 6))


def _length(body: bytes, function: int) -> int | None:
    """Bytes of the reply's PDU; None while it cannot be known, 0 when these bytes are none."""
    if body[0] & REFUSED:
        return 2
    if function == SERVER_ID[0]:
        return 2 + body[1] if len(body) > 1 else None
    if len(body) < 7:
        return None
    if body[1:3] != BASIC[1:3]:
        return 0
    at = 7
    for _ in range(body[6]):
        if len(body) < at + 2:
            return None
        at += 2 + body[at + 1]
    return at


def _objects(body: bytes) -> Identity:
    texts, at = dict[int, str](), 7
    for _ in range(body[6]):
        number, length = body[at], body[at + 1]
        texts[number] = _text(body[at + 2 : at + 2 + length])
        at += 2 + length
    return Identity(texts.get(_VENDOR, ""), texts.get(_PRODUCT, ""), texts.get(_REVISION, ""))


def _server_id(body: bytes) -> Identity:
    """Its content is the maker's affair (6.13): what can be read of it."""
    return Identity(server_id=_text(bytes(one for one in body[2:] if 32 <= one < 127)))


def _text(octets: bytes) -> str:
    return "".join(one if one.isprintable() else "?" for one in octets.decode("utf-8", "replace")).strip()
