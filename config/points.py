"""Points of a Modbus device: which register, what kind of number, and which of these cannot be meant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, get_args

from config.device_settings import REGISTERS, Area, Kind, Point, ValueType, WordOrder
from config.notation import AREAS, BIT_AREAS, ORDERS, TYPES, Notation, Range, find, nearest
from config.reading import snapshot
from config.table import Table

_WRAP: dict[ValueType, int] = {
    **dict.fromkeys(("u16", "i16"), 2**16),
    **dict.fromkeys(("u32", "i32"), 2**32),
    **dict.fromkeys(("u64", "i64"), 2**64),
    "bcd16": 10**4,
    "bcd32": 10**8,
}
_ROUND = {2**16, 2**32, 2**64, *(10**digits for digits in range(3, 13))}
_REFERENCES: Mapping[Area, range] = {"holding": range(40001, 50000), "input": range(30001, 40000)}
"""What manuals call the registers that stand at 0, 1, … in a frame."""

_KINDS: tuple[Kind, ...] = get_args(Kind)
_REFERENCE = re.compile(r"[0134](?:[0-9]{4}|[0-9]{5})")
_PLC_NAME = re.compile(r"[A-Z]+[0-9][0-9A-F]*")
_AREA_OF_DIGIT: dict[str, Area] = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}


class Register(NamedTuple):
    """Where a number stands and how it is written there."""

    area: Area
    address: int
    type: ValueType
    word_order: WordOrder


def register(table: Table, notation: Notation = ()) -> Register:
    """Where the number of that table stands, `notation` being the device's own names; with faults, somewhere near."""
    area, address, named = _where(table, notation)
    value_type = _type(table, area in BIT_AREAS, named)
    if named:
        _refuse_other_width(table, address, value_type, named)
    elif address + REGISTERS[value_type] > 65536:
        table.fault("ref" if "ref" in table else "address", "E2315", last=65536 - REGISTERS[value_type])
    word_order = table.choice("word_order", named.word_order if named else "ABCD", ORDERS)
    if "word_order" in table and REGISTERS[value_type] == 1 and table.faultless("word_order", "type"):
        _doubt(table, "word_order", "W2452", type=value_type)
    return Register(area, address, value_type, word_order)


def point(name: str, table: Table, notation: Notation = ()) -> Point:
    """The point of that table, `notation` being the device's own names; with faults, something near it."""
    found = register(table, notation)
    kind = _kind(table, found.area in BIT_AREAS, found.type)
    low, high = _limits(table)
    made = Point(
        name=name,
        kind=kind,
        area=found.area,
        address=found.address,
        type=found.type,
        word_order=found.word_order,
        modulus=_modulus(table, kind, found.type),
        max_rate_per_s=_max_rate(table, kind),
        scale=_scale(table),
        unit=table.text("unit", ""),
        low=low,
        high=high,
        snapshot=snapshot(table),
    )
    table.end()
    return made


def overlapping(points: Mapping[str, Point]) -> list[tuple[str, str]]:
    """Pairs of points that share registers without being the same number."""
    pairs, latest = list[tuple[str, str]](), dict[Area, Point]()
    for this in sorted(points.values(), key=lambda one: (one.area, one.address)):
        before = latest.get(this.area)
        shared = before is not None and this.address < before.address + REGISTERS[before.type]
        if before and shared and _number(this) != _number(before):
            pairs.append((before.name, this.name))
        if before is None or this.address + REGISTERS[this.type] > before.address + REGISTERS[before.type]:
            latest[this.area] = this
    return pairs


def _number(one: Point) -> tuple[int, ValueType, WordOrder]:
    return one.address, one.type, one.word_order


def _where(table: Table, notation: Notation) -> tuple[Area, int, Range | None]:
    """Area and address, and the range of the device's own names when it was one of these."""
    area = table.choice("area", "holding", AREAS)
    table.require_one("address", "ref")
    if "ref" not in table:
        table.require("area")
        address = table.whole("address", 0, 0, 65535)
        if (numbers := _REFERENCES.get(area)) and address in numbers:
            _doubt(table, "address", "W2450", value=address, plain=address - numbers.start)
        return area, address, None
    if "address" in table:
        table.whole("address", 0, 0, 65535)
        table.fault("ref", "E2215", first="address", second="ref")
    reference = table.text("ref", None)
    if reference is None:
        return area, 0, None
    found = find(notation, reference.upper())
    meant, address = _named(table, *found) if found else _numbered(table, reference, notation)
    if meant and table.sound("area") and meant != area:
        table.fault("ref", "E2348" if found else "E2312", value=reference, area=area, meant=meant)
    return meant or area, address, found[0] if found else None


def _named(table: Table, named: Range, number: int) -> tuple[Area, int]:
    place = named.place(number)
    if place % 1:
        table.fault("ref", "E2345", value=table.place("ref").text, range=named)
    return named.area, int(place)


def _numbered(table: Table, reference: str, notation: Notation) -> tuple[Area | None, int]:
    """What a five or six digit reference says; None where it is none."""
    if _REFERENCE.fullmatch(reference) and 1 <= int(reference[1:]) <= 65536:
        return _AREA_OF_DIGIT[reference[0]], int(reference[1:]) - 1
    if notation:
        near, known = nearest(notation, reference.upper()), ", ".join(map(str, notation))
        table.fault("ref", "E2343", value=reference, near=near, known=known)
    else:
        table.fault("ref", "E2346" if _PLC_NAME.fullmatch(reference.upper()) else "E2313", value=reference)
    return None, 0


def _refuse_other_width(table: Table, address: int, value_type: ValueType, named: Range) -> None:
    """Note a value that is less than what its name stands for, or that goes on behind the last name."""
    needed = REGISTERS[named.type]
    if REGISTERS[value_type] < needed:
        table.fault("type", "E2344", value=table.place("ref").text, type=value_type, needed=needed, meant=named.type)
    elif address + REGISTERS[value_type] > named.past:
        table.fault("ref", "E2347", value=table.place("ref").text, type=value_type, end=named.end)


def _type(table: Table, in_bits: bool, named: Range | None) -> ValueType:
    default: ValueType = "bit" if in_bits else "u16"
    if named:
        default = named.type
    elif not in_bits and table.faultless("ref"):  # a wrong name is one fault, not two
        table.require("type")
    value_type = table.choice("type", default, TYPES)
    if (value_type == "bit") != in_bits:
        table.fault("type", "E2314", value=value_type)
        return default
    return value_type


def _kind(table: Table, in_bits: bool, value_type: ValueType) -> Kind:
    default: Kind = "bit" if in_bits else "gauge"
    kind = table.choice("kind", default, _KINDS)
    if (kind == "bit") != in_bits:
        table.fault("kind", "E2314", value=kind)
        return default
    if kind == "counter" and value_type not in _WRAP:
        table.fault("kind", "E2316", value=value_type)
    return kind


def _modulus(table: Table, kind: Kind, value_type: ValueType) -> int | None:
    full = _WRAP.get(value_type, 2**64)
    modulus = table.whole("modulus", full, 2, full)
    if kind == "counter":
        if modulus + 1 in _ROUND:
            _doubt(table, "modulus", "W2451", value=modulus, meant=modulus + 1)
        return modulus
    if table.sound("modulus"):
        table.fault("modulus", "E2320")
    return None


def _doubt(table: Table, key: str, code: str, **said: object) -> None:
    """Note what can be meant and mostly is not."""
    table.ledger.add(code, table.place(key), key=key, table=table.title, **said)


def _max_rate(table: Table, kind: Kind) -> float:
    rate = table.number("max_rate_per_s", 20.0, 0.001, 1e6)
    if kind != "counter" and table.sound("max_rate_per_s"):
        table.fault("max_rate_per_s", "E2320")
    return rate


def _scale(table: Table) -> float:
    scale = table.number("scale", 1.0)
    if scale == 0:
        table.fault("scale", "E2321")
    return scale


def _limits(table: Table) -> tuple[float | None, float | None]:
    low, high = table.number("low", None, -1e18, 1e18), table.number("high", None, -1e18, 1e18)
    if low is not None and high is not None and low > high:
        table.fault("low", "E2319", low=table.place("low").text, high=table.place("high").text)
    return low, high
