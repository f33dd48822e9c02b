"""What proves a device to be the one that is meant: one whole number of it, and what it must be."""

from __future__ import annotations

from config.device_settings import Fingerprint, Point, ValueType
from config.notation import Notation
from config.points import register
from config.table import Table

_RANGES: dict[ValueType, tuple[int, int]] = {
    "u16": (0, 2**16 - 1),
    "u32": (0, 2**32 - 1),
    "u64": (0, 2**64 - 1),
    "i16": (-(2**15), 2**15 - 1),
    "i32": (-(2**31), 2**31 - 1),
    "i64": (-(2**63), 2**63 - 1),
    "bcd16": (0, 10**4 - 1),
    "bcd32": (0, 10**8 - 1),
}


def fingerprint(table: Table, notation: Notation = ()) -> Fingerprint | None:
    """The fingerprint under that key of a device, or of a profile; None where there is none."""
    if "fingerprint" not in table:
        return None
    inner = table.table("fingerprint")
    inner.require("expect")
    found = register(inner, notation)
    if found.type not in _RANGES and inner.faultless("type"):
        inner.fault("type" if "type" in inner else "area", "E2236", value=found.type)
    expect = _expected(inner, found.type)
    inner.end()
    point = Point("fingerprint", "gauge", found.area, found.address, found.type, found.word_order)
    return Fingerprint(point, expect)


def _expected(inner: Table, value_type: ValueType) -> int | None:
    node = inner.node.value.get("expect")
    if node is not None and isinstance(node.value, str):
        inner.choice("expect", "learn", ("learn",))
        return None
    return inner.whole("expect", None, *_RANGES.get(value_type, _RANGES["u64"]))
