"""What bytes can be: Modbus RTU, TCP or ASCII, or a frame of a locker board; nothing here can be sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from drivers import lockers
from drivers.lockers import Said
from drivers.modbus_dialogue import Frame
from drivers.modbus_shapes import NO_MESSAGE, reply_length, request_length
from drivers.modbus_tap import HUSH_S, RtuTap
from fastpath.checksum import crc16_modbus

Part = Literal["request", "reply", "unclear"]

_MBAP = 7
_LONGEST_TCP = 254


@dataclass(frozen=True, slots=True)
class Explained:
    """One frame under one reading. `check` is its checksum as it stands, `should` as it ought to be; both empty on TCP.

    `transaction` is None but on TCP. `pdu` is function and what follows it; of a locker frame `said` tells instead.
    """

    octets: bytes
    framing: str
    part: Part
    unit: int | None = None
    pdu: bytes = b""
    check: bytes = b""
    should: bytes = b""
    transaction: int | None = None
    said: Said | None = field(default=None, compare=False)

    @property
    def sound(self) -> bool:
        """Whether the checksum, if there is one, is right."""
        return self.check == self.should


def explained(octets: bytes) -> tuple[Explained, ...]:
    """Every frame in the bytes, under every reading whose rules they keep; else as RTU, or ASCII, with its faults.

    Empty where there are too few bytes for a frame of anything.
    """
    ascii_frame = _ascii(octets)
    if ascii_frame is not None:
        return (ascii_frame,)
    modbus, boards = (*_rtu(octets), *_tcp(octets)), tuple(_locker(octets))
    if modbus:  # a board that speaks Modbus knows every frame of it as `other`
        boards = tuple(one for one in boards if one.said and one.said.kind != "other")
    return (*modbus, *boards) or tuple(_unsound(octets))


def _rtu(octets: bytes) -> Iterator[Explained]:
    """The frames that a listener would find."""
    tap = RtuTap(0.0)
    frames = [*tap.hear(octets, 1.0), *tap.hear(b"", 1.0 + HUSH_S)]
    if all(frame.verdict == "garbage" for frame in frames):
        return
    for frame in frames:
        if frame.verdict == "garbage":
            yield Explained(frame.octets, "none", "unclear")
        elif frame.verdict != "unanswered":
            yield _of_rtu(frame.octets, _part(frame))


def _part(frame: Frame) -> Part:
    parts: dict[str, Part] = {"request": "request", "broadcast": "request", "foreign": "unclear"}
    return parts.get(frame.verdict, "reply")


def _of_rtu(octets: bytes, part: Part) -> Explained:
    should = crc16_modbus(octets[:-2]).to_bytes(2, "little")
    return Explained(octets, "rtu", part, octets[0], octets[1:-2], octets[-2:], should)


def _tcp(octets: bytes) -> Iterator[Explained]:
    """One frame behind the other, without a byte too many (MODBUS Messaging on TCP/IP V1.0b, 3.1.3)."""
    frames, at = list[Explained](), 0
    while at < len(octets):
        head = octets[at : at + _MBAP]
        length = int.from_bytes(head[4:6], "big")
        end = at + 6 + length
        if len(head) < _MBAP or head[2:4] != b"\0\0" or not 2 <= length <= _LONGEST_TCP or end > len(octets):
            return
        pdu = octets[at + _MBAP : end]
        transaction = int.from_bytes(head[:2], "big")
        frames.append(Explained(octets[at:end], "tcp", _part_of(pdu), head[6], pdu, transaction=transaction))
        at = end
    yield from frames


def _part_of(pdu: bytes) -> Part:
    """What a message alone is; a write's request and its reply can be the same bytes."""
    asks, answers = request_length(pdu, 0) == len(pdu), reply_length(pdu, 0) == len(pdu)
    if asks != answers:
        return "request" if asks else "reply"
    return "unclear"


def _ascii(octets: bytes) -> Explained | None:
    """A line of digits between a colon and, if they were not left out, CR LF (MODBUS over Serial Line V1.02, 2.5.2)."""
    line = octets.strip()
    if not line.startswith(b":") or len(line) % 2 == 0:
        return None
    try:
        said = bytes.fromhex(line[1:].decode("ascii"))
    except ValueError:
        return None
    if len(said) < 3:
        return None
    should = bytes((-sum(said[:-1]) & 0xFF,))
    return Explained(octets, "ascii", _part_of(said[1:-1]), said[0], said[1:-1], said[-1:], should)


def _locker(octets: bytes) -> Iterator[Explained]:
    for name in lockers.names():
        said = lockers.language(name).describe(octets)
        if said is not None:
            yield Explained(octets, name, "request" if said.kind in ("query", "open") else "reply", said=said)


def _unsound(octets: bytes) -> Iterator[Explained]:
    """The bytes as one RTU frame with a wrong checksum."""
    if len(octets) < 4:
        return
    pdu = octets[1:-2]
    lengths = request_length(pdu, 0), reply_length(pdu, 0)
    part: Part = "unclear" if len(pdu) not in lengths or lengths == (NO_MESSAGE,) * 2 else _part_of(pdu)
    yield _of_rtu(octets, part)
