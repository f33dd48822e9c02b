"""Modbus the obvious way, byte by byte: what the tests hold the product's own codec against."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from config.device_settings import Device, Point

FORMATS = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q", "f32": "f", "f64": "d"}
WIDTHS = {
    "bit": 1,
    "u16": 1,
    "i16": 1,
    "bcd16": 1,
    "u32": 2,
    "i32": 2,
    "f32": 2,
    "bcd32": 2,
    "u64": 4,
    "i64": 4,
    "f64": 4,
}
FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}


def point(name: str, area: str, address: int, of: str, **more: Any) -> Point:
    """A point with the defaults of the operator's files."""
    plain = {"kind": "bit" if of == "bit" else "gauge", "word_order": "ABCD", "modulus": None, "max_rate_per_s": 20.0}
    rest = {"scale": 1.0, "unit": "", "low": None, "high": None}
    return Point(name=name, area=area, address=address, type=of, **{**plain, **rest, **more})  # type: ignore[arg-type]


def device(*points: Point, unit: int = 1, max_read_registers: int = 125) -> Device:
    return Device("plc-a", "bus-a", unit, 1.0, None, max_read_registers, points)


def crc(octets: bytes) -> bytes:
    """CRC-16/MODBUS bit by bit, in the order of the wire (Modbus over Serial Line V1.02, 6.2.2)."""
    register = 0xFFFF
    for octet in octets:
        register ^= octet
        for _ in range(8):
            register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return bytes((register & 0xFF, register >> 8))


def framed(framing: str, unit: int, pdu: bytes, turn: int = 1) -> bytes:
    if framing == "ascii":
        octets = bytes((unit,)) + pdu
        return b":" + (octets + bytes((-sum(octets) % 256,))).hex().upper().encode() + b"\r\n"
    if framing == "rtu":
        return bytes((unit,)) + pdu + crc(bytes((unit,)) + pdu)
    return struct.pack(">HHHB", turn & 0xFFFF, 0, len(pdu) + 1, unit) + pdu


def reply(framing: str, unit: int, area: str, octets: bytes, turn: int = 1) -> bytes:
    return framed(framing, unit, bytes((FUNCTIONS[area], len(octets))) + octets, turn)


def refusal(framing: str, unit: int, area: str, code: int, turn: int = 1) -> bytes:
    return framed(framing, unit, bytes((FUNCTIONS[area] | 0x80, code)), turn)


def on_wire(of: str, order: str, value: float) -> bytes:
    """The bytes of one value: written big-endian (ABCD...), then moved about as the name of the order says."""
    if of in ("bcd16", "bcd32"):
        big = bytes.fromhex(str(value).zfill(4 * WIDTHS[of]))
    else:
        big = struct.pack(">" + FORMATS[of], value)
    words = [big[at : at + 2] for at in range(0, len(big), 2)]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [word[::-1] for word in words]
    return b"".join(words)


def image(points: Sequence[Point], values: Sequence[float], first: int, quantity: int) -> bytes:
    """The registers of one read with every point's value written into its place."""
    octets = bytearray(2 * quantity)
    for each, value in zip(points, values, strict=True):
        wire = on_wire(each.type, each.word_order, value)
        at = 2 * (each.address - first)
        octets[at : at + len(wire)] = wire
    return bytes(octets)


def bit_image(bits: Sequence[bool]) -> bytes:
    octets = bytearray((len(bits) + 7) // 8)
    for at, bit in enumerate(bits):
        octets[at // 8] |= bit << (at % 8)
    return bytes(octets)
