"""The panel shows a number: which address, type, word order and scale of what was read can be it, best guess first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import isfinite

from config.device_settings import Area
from drivers import Value
from drivers.decodings import READINGS, Reading, decodings

WINDOW = 8
"""How far from the address given a number is looked for, in registers."""

_WIDEST = 4
_SIGNED = ("i16", "i32", "i64")
"""At 0 and above each reads what its sister without a sign does: two ways that no panel and no belt tells apart."""
_SCALES = {1.0: 0.0, 0.1: 2.0, 0.01: 3.0, 0.001: 4.0, 10.0: 5.0, 100.0: 6.0, 1000.0: 7.0}
_ORDER = {"ABCD": 0.0, "CDAB": 0.2, "DCBA": 0.6, "BADC": 0.7}

Image = Mapping[int, int]
"""Registers by address; those that a device refused are not there."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The number on the panel, and by how much what is read may differ: half of its last digit, or as told."""

    number: float
    within: float

    @classmethod
    def written(cls, text: str, within: float | None = None) -> Expected:
        """As a person writes it. Raises ValueError."""
        try:
            number = Decimal(text)
            exponent = number.as_tuple().exponent
            if not isinstance(exponent, int) or not isfinite(float(number)):
                raise ValueError(text)
            return cls(float(number), float(Decimal(5).scaleb(exponent - 1)) if within is None else within)
        except InvalidOperation:
            raise ValueError(text) from None

    def met(self, value: Value | None, scale: float) -> bool:
        """Whether `value` times `scale` is the number."""
        return value is not None and abs(value * scale - self.number) <= self.within * (1 + 1e-9)


@dataclass(frozen=True, slots=True)
class Found:
    """One place and way to read it that gives the number."""

    area: Area
    address: int
    reading: Reading
    scale: float
    value: Value


def search(area: Area, near: int, image: Image, expected: Expected) -> tuple[Found, ...]:
    """All ways to read `image` that give the number, the most likely first.

    Nearer addresses come first, then plain scales, usual word orders and short types.
    """
    found = (each for at in sorted(image) for each in _at(area, at, image, expected))
    return tuple(sorted(found, key=lambda each: _oddity(each, near)))


def _at(area: Area, at: int, image: Image, expected: Expected) -> Iterator[Found]:
    for reading, value in decodings(_stretch(image, at)).items():
        for scale in _SCALES:
            if value is not None and _sensible(reading, value, scale) and expected.met(value, scale):
                yield Found(area, at, reading, scale, value)
                break


def _stretch(image: Image, at: int) -> Sequence[int]:
    """The registers from `at` on, at most as many as the widest type takes, up to the first that is missing."""
    registers = list[int]()
    while at + len(registers) in image and len(registers) < _WIDEST:
        registers.append(image[at + len(registers)])
    return registers


def _sensible(reading: Reading, value: Value, scale: float) -> bool:
    """Floats come as they are meant, a sign where there is one; nothing but zeros in no odd order and at no scale."""
    if scale != 1 and (reading.type in ("f32", "f64") or not value):
        return False
    if reading.type in _SIGNED and value >= 0:
        return False
    return bool(value) or reading.word_order == "ABCD"


def _oddity(found: Found, near: int) -> float:
    distance = abs(found.address - near)
    width = 0.01 * READINGS.index(found.reading)
    return distance + _SCALES[found.scale] + _ORDER[found.reading.word_order] + width
