"""What may be read in one go: a device's readable stretches, and points that must come from one read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import get_args

from config.device_settings import REGISTERS, Area, Device, Point, Stretch
from config.table import ID, Table, Written

MOST_BITS = 2000
"""The most bits of one read (MODBUS Application Protocol V1.1b3, 6.1 and 6.2)."""

_AREAS: tuple[Area, ...] = get_args(Area)
_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def stretches(table: Table, default: tuple[Stretch, ...] = ()) -> tuple[Stretch, ...]:
    """`readable = { holding = ["0-99", "200-299"] }`: 0-based addresses by area, the ends included."""
    written = table.table("readable")
    found = tuple(one for area in _AREAS for text in written.texts(area) for one in _stretch(area, text, written))
    written.end()
    return found if "readable" in table else default


def _stretch(area: Area, written: Written, table: Table) -> Iterator[Stretch]:
    numbers = _RANGE.fullmatch(written.text)
    first, last = (int(numbers[1]), int(numbers[2] or numbers[1])) if numbers else (1, 0)
    if first <= last <= 65535:
        yield Stretch(area, first, last)
    else:
        table.fault_at(written.place, area, "E2351", value=written.text)


def snapshot(table: Table) -> str:
    """The name of the points that this one is read together with."""
    return table.text("snapshot", "", ID)


def refuse_unreadable(device: Device, tables: Mapping[str, Table]) -> None:
    """Note every point outside the readable stretches, and every snapshot that cannot come from one read."""
    for point in device.points:
        if not _readable(device, point.area, point.address, _end(point)):
            tables[point.name].fault("address", "E2352", point=point.name, area=point.area)
    groups: dict[str, list[Point]] = {}
    for point in device.points:
        groups.setdefault(point.snapshot, []).append(point)
    for name, points in groups.items():
        if name:
            _refuse_parted(device, name, points, tables[points[-1].name])


def _refuse_parted(device: Device, name: str, points: list[Point], table: Table) -> None:
    area, first, end = points[0].area, min(point.address for point in points), max(_end(point) for point in points)
    most = MOST_BITS if points[0].type == "bit" else device.max_read_registers
    if any(point.area != area for point in points):
        table.fault("snapshot", "E2353", snapshot=name, areas=", ".join(sorted({point.area for point in points})))
    elif end - first > most:
        table.fault("snapshot", "E2354", snapshot=name, needed=end - first, most=most)
    elif not _readable(device, area, first, end):
        table.fault("snapshot", "E2355", snapshot=name, first=first, last=end - 1)


def _readable(device: Device, area: Area, first: int, end: int) -> bool:
    of_area = [one for one in device.readable if one.area == area]
    return not of_area or any(one.first <= first and end <= one.last + 1 for one in of_area)


def _end(point: Point) -> int:
    return point.address + REGISTERS[point.type]
