"""What registers and bits mean: types, word orders, BCD, scale and limits, as one precompiled unpacking a reply.

A word order names where the bytes of the value 0xABCD stand on the wire. It is two choices: whether the
bytes of each register are swapped, and whether the first register is the highest. So it holds for any width:
64-bit CDAB is the four registers in reverse, BADC each register swapped, DCBA both; 16-bit BADC and DCBA swap.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from struct import Struct, calcsize
from types import MappingProxyType
from typing import Any

from config.device_settings import Point, ValueType
from drivers import Value

Step = Callable[[Any], Value | None]
Decode = Callable[[bytearray], tuple[Value | None, ...]]

_CODES: Mapping[ValueType, str] = MappingProxyType(
    {
        "u16": "H",
        "i16": "h",
        "u32": "I",
        "i32": "i",
        "u64": "Q",
        "i64": "q",
        "f32": "f",
        "f64": "d",
        "bcd16": "H",
        "bcd32": "I",
    }
)
# (bytes of each register swapped first, then read in this byte order)
_ORDERS = {"ABCD": (False, ">"), "DCBA": (False, "<"), "BADC": (True, ">"), "CDAB": (True, "<")}
_NARROW = {"ABCD": (False, ">"), "DCBA": (False, "<"), "BADC": (False, "<"), "CDAB": (False, ">")}


def width(point: Point) -> int:
    """Registers that the point takes; a bit takes one bit of its area.

    Raises ValueError for a bit in a register area or a number in a bit area.
    """
    if (point.type == "bit") != (point.area in ("coil", "discrete")):
        raise ValueError(f"{point.name}: {point.type} cannot be read from the {point.area} area")
    return 1 if point.type == "bit" else calcsize(">" + _CODES[point.type]) // 2


def register_decoder(points: Sequence[Point], first: int, data_at: int) -> Decode:
    """How to read `points` out of a reply whose registers start at byte `data_at` with register `first`.

    The points come in the order of their addresses; they may overlap and have any types and orders.
    """
    cuts = _cuts(points, first)
    take = _take_one(cuts[0], data_at) if len(cuts) == 1 else _take_many(cuts, data_at)
    steps = [(place, found) for place, point in enumerate(points) if (found := _steps(point))]
    return _refining(take, steps) if steps else take


def bit_decoder(points: Sequence[Point], first: int, data_at: int) -> Decode:
    """How to read bits out of a reply that starts with bit `first`, lowest bit of the first byte (6.1)."""
    masks = [1 << (point.address - first) for point in points]
    data_end = data_at + (max(masks).bit_length() + 7) // 8

    def bits(buffer: bytearray) -> tuple[bool, ...]:
        image = int.from_bytes(buffer[data_at:data_end], "little")
        return tuple([image & mask != 0 for mask in masks])

    return bits


class _Cut:
    """Points that one struct can unpack: same treatment, no overlap."""

    def __init__(self, swap: bool, order: str) -> None:
        self.swap = swap
        self.order = order
        self.format = order
        self.end = 0
        self.places: list[int] = []

    def add(self, place: int, at: int, code: str) -> None:
        self.format += f"{at - self.end}x{code}"
        self.end = at + calcsize(">" + code)
        self.places.append(place)


def _cuts(points: Sequence[Point], first: int) -> list[_Cut]:
    cuts: list[_Cut] = []
    for place, point in enumerate(points):
        at = 2 * (point.address - first)
        swap, order = (_NARROW if width(point) == 1 else _ORDERS)[point.word_order]
        fitting = (cut for cut in cuts if (cut.swap, cut.order) == (swap, order) and cut.end <= at)
        cut = next(fitting, None)
        if cut is None:
            cut = _Cut(swap, order)
            cuts.append(cut)
        cut.add(place, at, _CODES[point.type])
    return cuts


def _take_one(cut: _Cut, data_at: int) -> Decode:
    layout = Struct(cut.format)
    unpack, unpack_from = layout.unpack, layout.unpack_from
    data_end = data_at + cut.end

    def plain(buffer: bytearray) -> tuple[Value, ...]:
        return unpack_from(buffer, data_at)

    def swapped(buffer: bytearray) -> tuple[Value, ...]:
        words = array("H", buffer[data_at:data_end])
        words.byteswap()
        return unpack(words)

    return swapped if cut.swap else plain


def _take_many(cuts: Sequence[_Cut], data_at: int) -> Decode:
    takes = [_take_one(cut, data_at) for cut in cuts]
    places = [place for cut in cuts for place in cut.places]
    in_order = itemgetter(*(places.index(place) for place in range(len(places))))

    def mixed(buffer: bytearray) -> tuple[Value | None, ...]:
        values: tuple[Value | None, ...] = in_order([value for take in takes for value in take(buffer)])
        return values

    return mixed


def _refining(take: Decode, steps: Sequence[tuple[int, Sequence[Step]]]) -> Decode:
    def refined(buffer: bytearray) -> tuple[Value | None, ...]:
        values = list(take(buffer))
        for place, chain in steps:
            value = values[place]
            for step in chain:
                if value is None:
                    break
                value = step(value)
            values[place] = value
        return tuple(values)

    return refined


def _steps(point: Point) -> list[Step]:
    """What is done to the raw number, in turn, until one step says it is none.

    A counter is handed over as the device counts: it is not scaled, and its modulus is the meter's affair.
    """
    steps: list[Step] = []
    if point.type in ("bcd16", "bcd32"):
        steps.append(_from_bcd)
    if point.scale != 1 and point.kind != "counter":
        steps.append(_times(point.scale))
    if point.type in ("f32", "f64"):
        steps.append(_finite)
    if point.low is not None or point.high is not None:
        steps.append(_within(point.low, point.high))
    return steps


def _from_bcd(raw: int) -> int | None:
    digits = f"{raw:x}"
    return int(digits) if digits.isdecimal() else None


def _times(scale: float) -> Step:
    return lambda value: value * scale


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _within(low: float | None, high: float | None) -> Step:
    lowest = -math.inf if low is None else low
    highest = math.inf if high is None else high
    return lambda value: value if lowest <= value <= highest else None
