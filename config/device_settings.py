"""Devices of the site: which values they hold, where those stand and what is believed of them, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Area = Literal["coil", "discrete", "holding", "input"]
WordOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]
Kind = Literal["counter", "gauge", "bit"]
ValueType = Literal[
    "bit",
    "u16",
    "i16",
    "u32",
    "i32",
    "u64",
    "i64",
    "f32",
    "f64",
    "bcd16",
    "bcd32",
]
REGISTERS: dict[ValueType, int] = {
    **dict.fromkeys(("bit", "u16", "i16", "bcd16"), 1),
    **dict.fromkeys(("u32", "i32", "f32", "bcd32"), 2),
    **dict.fromkeys(("u64", "i64", "f64"), 4),
}
"""How many registers (bits of a bit area) a value takes."""

Trust = Literal["verified", "experimental"]


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a device. `address` is the 0-based protocol address in its area.

    `modulus` is where a counter wraps to zero (2**16, 10**6, ...), None for what is no counter.
    `max_rate_per_s` is the fastest the counter can truly run. `low` and `high` are inclusive limits of
    the scaled value; what lies outside is rejected, never clamped. Points of one `snapshot` name come from one
    read, so that they belong to the same moment; "" is none.
    """

    name: str
    kind: Kind
    area: Area
    address: int
    type: ValueType
    word_order: WordOrder
    modulus: int | None = None
    max_rate_per_s: float = 1.0
    scale: float = 1.0
    unit: str = ""
    low: float | None = None
    high: float | None = None
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Registers (bits of a bit area) of one area that may be read in one go, from `first` to `last` inclusive."""

    area: Area
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A whole number that tells a device from others of its kind: a serial number, a site's own mark.

    `expect` is what stands there; None: what is read first is remembered.
    """

    point: Point
    expect: int | None


@dataclass(frozen=True, slots=True)
class Device:
    """One Modbus unit on a bus: what is read from it, how often, and in reads of at most how many registers.

    No read leaves the `readable` stretches of an area; an area without any may be read everywhere. With a
    `fingerprint` nothing of it is believed that did not prove to be it since its wire was opened.
    """

    id: str
    bus: str
    unit: int
    period_s: float
    profile: str | None
    max_read_registers: int
    points: tuple[Point, ...]
    readable: tuple[Stretch, ...] = ()
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True, slots=True)
class CounterRef:
    """A counter by name: `device.point` in the operator's files."""

    device: str
    point: str

    def __str__(self) -> str:
        return f"{self.device}.{self.point}"
