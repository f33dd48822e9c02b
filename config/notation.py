"""A PLC's own names for its registers and bits (D100, C200, X17): ranges of a profile, each with where it lies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from config.device_settings import REGISTERS, Area, ValueType, WordOrder
from config.table import Table

AREAS: tuple[Area, ...] = get_args(Area)
BIT_AREAS: tuple[Area, ...] = ("coil", "discrete")
TYPES: tuple[ValueType, ...] = get_args(ValueType)
ORDERS: tuple[WordOrder, ...] = get_args(WordOrder)
_RADICES = (8, 10, 16)
_STEPS = (0.5, 1.0, 2.0, 4.0)
_END = re.compile(r"([A-Z]*)([0-9][0-9A-F]*)")


@dataclass(frozen=True, slots=True)
class Range:
    """Names that are alike but for their number, from `start` to `end`, and where they lie.

    The number is written to base `radix`. The name with number `first` lies at `address`, the next one `step`
    registers or bits on: half a register where a PLC numbers bytes. `type` and `word_order` hold for a point
    that says nothing else.
    """

    start: str
    end: str
    prefix: str
    first: int
    last: int
    radix: int
    area: Area
    address: int
    step: float
    type: ValueType
    word_order: WordOrder

    def __str__(self) -> str:
        return f"{self.start}–{self.end}"

    @property
    def past(self) -> int:
        """The first address behind the range."""
        return int(self.address + (self.last - self.first) * self.step) + REGISTERS[self.type]

    def number(self, name: str) -> int | None:
        """The number of `name`, None where that name is not of this range."""
        number = _number(name.removeprefix(self.prefix), self.radix) if name.startswith(self.prefix) else None
        return number if number is not None and self.first <= number <= self.last else None

    def place(self, number: int) -> float:
        """The address of the name with that number; not whole in the middle of a register."""
        return self.address + (number - self.first) * self.step


Notation = tuple[Range, ...]


def notation(written: Mapping[str, Table]) -> Notation:
    """The ranges of these tables, without those that have a fault; no name may be in two of them."""
    ranges = list[Range]()
    for table in written.values():
        made = _range(table)
        other = next((one for one in ranges if made and _overlap(one, made)), None)
        if other:
            table.fault("from", "E2342", value=table.place("from").text, other=other)
        elif made:
            ranges.append(made)
    return tuple(ranges)


def find(ranges: Sequence[Range], name: str) -> tuple[Range, int] | None:
    """The range that has `name`, and the name's number; of two that could have it the one with the longer letters."""
    having = [(one, number) for one in ranges if (number := one.number(name)) is not None]
    return max(having, key=lambda found: len(found[0].prefix), default=None)


def nearest(ranges: Sequence[Range], name: str) -> str:
    """A name that there is: of those with the letters of `name` the end that is nearest, else the first of all."""
    letters = name.rstrip("0123456789")
    number = int(name.removeprefix(letters) or 0)
    alike = (one for one in ranges if one.prefix == letters)
    ends = [(abs(at - number), end) for one in alike for at, end in ((one.first, one.start), (one.last, one.end))]
    return min(ends)[1] if ends else ranges[0].start


def _overlap(one: Range, other: Range) -> bool:
    return one.prefix == other.prefix and one.first <= other.last and other.first <= one.last


def _range(table: Table) -> Range | None:
    table.require("from", "to", "area", "address")
    area = table.choice("area", "holding", AREAS)
    in_bits = area in BIT_AREAS
    value_type = table.choice("type", "bit" if in_bits else "u16", TYPES)
    radix = table.choice("radix", 10, _RADICES)
    start, end = table.text("from", ""), table.text("to", "")
    address = table.whole("address", 0, 0, 65535)
    step, order = _step(table, value_type), table.choice("word_order", "ABCD", ORDERS)
    table.end()
    if (value_type == "bit") != in_bits:
        table.fault("type", "E2314", value=value_type)
    ends = _ends(start, end, radix)
    if ends is None and table.sound("from") and table.sound("to"):
        table.fault("to", "E2341", first=start, last=end, radix=radix)
    if ends is None or not table.faultless("from", "to", "type"):
        return None
    made = Range(start, end, *ends, radix, area, address, step, value_type, order)
    if made.past > 65536:
        table.fault("to", "E2315", last=65536 - REGISTERS[value_type])
    return made


def _step(table: Table, value_type: ValueType) -> float:
    default = float(REGISTERS[value_type])
    step = table.number("step", default, 0.5, 4)
    if step not in _STEPS:
        table.fault("step", "E2228", value=table.place("step").text, options="0.5, 1, 2, 4")
        return default
    return step


def _ends(start: str, end: str, radix: int) -> tuple[str, int, int] | None:
    """The letters that both have, and the two numbers; None where they make no range."""
    found = _END.fullmatch(start)
    if not found or not end.startswith(found[1]):
        return None
    first, last = _number(found[2], radix), _number(end.removeprefix(found[1]), radix)
    return (found[1], first, last) if first is not None and last is not None and first <= last else None


def _number(digits: str, radix: int) -> int | None:
    """What `digits` say to that base; signs, blanks and underscores are none of them."""
    if not re.fullmatch("[0-9A-F]{1,8}", digits):
        return None
    try:
        return int(digits, radix)
    except ValueError:
        return None
