"""What raw registers can mean: every type and word order side by side, and which of them counts by small steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from config.device_settings import REGISTERS, Area, Point, ValueType, WordOrder
from drivers import Value
from drivers.registers import Decode, register_decoder

TYPES: tuple[ValueType, ...] = ("u16", "i16", "bcd16", "u32", "i32", "f32", "bcd32", "u64", "i64", "f64")
ORDERS: tuple[WordOrder, ...] = ("ABCD", "CDAB", "BADC", "DCBA")

_FLOATS = ("f32", "f64")
_STEPS = (1e-3, 1000)
_SIZES = (1e-2, 1e12)
"""A float outside of these sizes is an integer misread: 3 read as f32 is 4e-45."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A type and a word order; of a single register only ABCD and, with its bytes swapped, BADC differ."""

    type: ValueType
    word_order: WordOrder

    @property
    def registers(self) -> int:
        return REGISTERS[self.type]

    def __str__(self) -> str:
        return f"{self.type} {self.word_order}"


READINGS = tuple(
    Reading(one, order) for one in TYPES for order in ORDERS if REGISTERS[one] > 1 or order in ("ABCD", "BADC")
)


def decodings(registers: Sequence[int]) -> dict[Reading, Value | None]:
    """What the registers mean from the first on, by every reading that they are enough for; None: no such number."""
    image = bytearray(b"".join(register.to_bytes(2, "big") for register in registers))
    return {reading: _decoder(reading)(image)[0] for reading in READINGS if reading.registers <= len(registers)}


def point(name: str, area: Area, address: int, reading: Reading, scale: float = 1.0) -> Point:
    """A point that is read so."""
    return Point(
        name=name,
        kind="gauge",
        area=area,
        address=address,
        type=reading.type,
        word_order=reading.word_order,
        modulus=None,
        max_rate_per_s=1.0,
        scale=scale,
        unit="",
        low=None,
        high=None,
    )


class Counting:
    """Watches the same registers read again and again: a counter rightly read rises by small steps and never falls."""

    def __init__(self) -> None:
        self._last: dict[Reading, Value | None] = {}
        self._longest: dict[Reading, float] = {}
        self._ruled_out: set[Reading] = set()

    def watch(self, values: dict[Reading, Value | None]) -> None:
        """Take what one read meant."""
        for reading, value in values.items():
            last = self._last.get(reading)
            if value is None or (reading.type in _FLOATS and value and not _SIZES[0] <= abs(value) <= _SIZES[1]):
                self._ruled_out.add(reading)
            elif last is not None and value != last:
                step = float(value - last)
                if not _STEPS[0] <= step <= _STEPS[1]:
                    self._ruled_out.add(reading)
                self._longest[reading] = max(self._longest.get(reading, 0.0), step)
        self._last = values

    def likely(self) -> tuple[Reading, ...]:
        """The readings that rose, and only by small steps: those with the smallest; none before anything moved."""
        rising = {one: step for one, step in self._longest.items() if one not in self._ruled_out}
        least = min(rising.values(), default=0.0)
        return tuple(one for one in READINGS if rising.get(one) == least and one in rising)


@cache
def _decoder(reading: Reading) -> Decode:
    return register_decoder((point("value", "holding", 0, reading),), 0, 0)
