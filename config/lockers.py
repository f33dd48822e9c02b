"""Lockers: their boards, which channel of a board is which compartment, and what they may not share."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from config import slips
from config.bus_settings import Bus
from config.locker_settings import SIZES, Board, Compartment, Locker, Size
from config.table import Table
from config.wiring import Unit

AS_THE_BOARD = "as the board"
POLL_S = 2.0
SILENT_PERIODS = 3
LISTENED_SILENT_S = 60.0
"""Where another host asks, nobody knows how often."""

MOST_COMPARTMENTS = 256
"""Of one board; the largest known has 48."""

_SPAN = re.compile(r"\s*([0-9]{1,4})\s*(?:-\s*([0-9]{1,4})\s*)?")
_COMMA = re.compile(r"[,,、]")


@dataclass(frozen=True, slots=True)
class Wired:
    """A board with the table it was written in."""

    board: Board
    table: Table


def locker(name: str, table: Table, buses: Mapping[str, Bus]) -> tuple[Locker, list[Wired]]:
    """The locker of that table, and its boards where they are written."""
    table.require("board")
    name_zh, name_en = table.text("name_zh", ""), table.text("name_en", "")
    wired = [Wired(_board(name, one, board, buses), board) for one, board in table.tables("board").items()]
    if "board" in table and not wired and table.sound("board"):
        table.fault("board", "E2527", name=table.name)
    _refuse_one_compartment_twice(wired)
    made = Locker(
        id=name,
        name_zh=name_zh or name_en or name,
        name_en=name_en or name,
        overdue_h=table.number("overdue_h", 24.0, 0.1, 10_000),
        door_events=table.flag("door_events", False),
        door_steady_s=table.number("door_steady_s", 0.5, 0.01, 10),
        item_steady_s=table.number("item_steady_s", 10.0, 0.01, 120),
        ajar_s=table.number("ajar_s", 120.0, 5, 86_400),
        boards=tuple(one.board for one in wired),
    )
    table.end()
    return made, wired


def _board(locker_id: str, name: str, table: Table, buses: Mapping[str, Bus]) -> Board:
    table.require("bus", "language", "address", "compartments")
    numbers, unused = _span(table, "compartments"), set(_span(table, "unused"))
    channels = _channels(numbers, unused)
    if numbers and unused and max(unused) > len(channels) + len(unused):
        table.fault("unused", "E2522", channel=max(unused), last=channels[-1])
    period_s = table.number("period_s", POLL_S, 0.1, 3600)
    bus = _bus(table, buses)
    listened = getattr(buses.get(bus), "role", "master") == "listen"
    silent_s = LISTENED_SILENT_S if listened else SILENT_PERIODS * period_s + 1.0
    made = Board(
        id=f"{locker_id}_{name}",
        bus=bus,
        language=table.text("language", ""),
        address=table.whole("address", 1, 0, 65_535),
        period_s=period_s,
        channels=max(channels, default=0),
        compartments=tuple(_compartments(table, numbers, channels)),
        inverted=table.flag("inverted", False),
        item_sensor=_item_sensor(table),
        item_inverted=table.flag("item_inverted", False),
        silent_s=table.number("silent_s", silent_s, 1, 86_400),
    )
    table.end()
    return made


def _bus(table: Table, buses: Mapping[str, Bus]) -> str:
    """The bus by name; whether there is one of that name is told later, when all are known."""
    name = table.text("bus", "")
    if name in buses and buses[name].framing == "tcp":
        table.fault("bus", "E2525", bus=name)
    return name


def _span(table: Table, key: str) -> list[int]:
    """Numbers written like "1-6, 9, 24-13"; a span may run down. Each number once."""
    written = table.text(key, None)
    if written is None:
        return []
    found = list(_numbers(written))
    numbers = [number for number in found if number]
    if len(numbers) != len(found) or len(numbers) > MOST_COMPARTMENTS:
        table.fault(key, "E2520", value=written, most=MOST_COMPARTMENTS)
        return []
    if twice := next((one for one in numbers if numbers.count(one) > 1), 0):
        table.fault(key, "E2523", number=twice)
        return []
    return numbers


def _numbers(written: str) -> Iterator[int]:
    """Each number; 0 where none is written."""
    for part in _COMMA.split(written):
        found = _SPAN.fullmatch(part)
        if found is None:
            yield 0
            continue
        first, last = int(found[1]), int(found[2] or found[1])
        if not first or not last or abs(last - first) > MOST_COMPARTMENTS:
            yield 0
        else:
            yield from range(first, last + 1) if first <= last else range(first, last - 1, -1)


def _channels(numbers: Sequence[int], unused: Collection[int]) -> list[int]:
    """The channel of each compartment: the first that is not unused, the next, and so on."""
    channels = (channel for channel in range(1, len(numbers) + len(unused) + 1) if channel not in unused)
    return [channel for _, channel in zip(numbers, channels, strict=False)]


def _compartments(table: Table, numbers: Sequence[int], channels: Sequence[int]) -> Iterator[Compartment]:
    sizes = _sizes(table, numbers)
    for number, channel in zip(numbers, channels, strict=True):
        yield Compartment(number, channel, sizes.get(number))


def _sizes(table: Table, numbers: Sequence[int]) -> dict[int, Size]:
    """The size of each compartment that is in one; where sizes are written, all must be."""
    if "sizes" not in table:
        return {}
    classes = table.table("sizes")
    found = dict[int, Size]()
    for size in SIZES:
        for number in _span(classes, size):
            if number in found:
                classes.fault(size, "E2524", number=number, other=found[number])
            elif numbers and number not in numbers:
                classes.fault(size, "E2521", number=number)
            found[number] = size
    classes.end()
    left = [number for number in numbers if number not in found]
    if left and found and classes.faultless(*SIZES):
        table.fault("sizes", "E2526", number=left[0])
    return found


def _item_sensor(table: Table) -> bool | None:
    """True, False, or None for "as the board"."""
    if "item_sensor" in table and not isinstance(table.node.value["item_sensor"].value, str):
        return table.flag("item_sensor", False)
    table.choice("item_sensor", AS_THE_BOARD, (AS_THE_BOARD,))
    return None


def _refuse_one_compartment_twice(wired: Sequence[Wired]) -> None:
    first = dict[int, Table]()
    for one in wired:
        for compartment in one.board.compartments:
            other = first.setdefault(compartment.number, one.table)
            if other is not one.table and one.table.sound("compartments"):
                place = other.place("compartments")
                one.table.fault("compartments", "E2528", number=compartment.number, first=place)


# --- what boards may not share ---


def refuse_unknown_buses(wired: Sequence[Wired], buses: Mapping[str, Bus]) -> None:
    """A board is on a bus of this site."""
    for one in wired:
        if one.table.sound("bus") and one.board.bus not in buses:
            one.table.fault("bus", "E2301", **slips.near(one.board.bus, buses))


def refuse_mixed_buses(wired: Sequence[Wired], units: Mapping[str, Unit]) -> None:
    """One language is spoken on a bus: a board takes the frames of another for orders, or for noise."""
    modbus = {unit.device.bus: unit.device.id for unit in units.values()}
    first = dict[str, Wired]()
    for one in wired:
        board, table = one.board, one.table
        if not table.sound("bus") or not table.sound("language"):
            continue
        other = first.setdefault(board.bus, one)
        if board.bus in modbus:
            table.fault("bus", "E2529", bus=board.bus, device=modbus[board.bus])
        elif other.board.language != board.language:
            place = other.table.place("language")
            table.fault("language", "E2530", bus=board.bus, other=other.board.language, first=place)


def refuse_one_address_twice(wired: Sequence[Wired]) -> None:
    """Two boards of one address answer at the same time."""
    first = dict[tuple[str, int], Wired]()
    for one in wired:
        if one.table.sound("bus") and one.table.faultless("address"):
            other = first.setdefault((one.board.bus, one.board.address), one)
            if other is not one:
                place = other.table.place("address")
                one.table.fault("address", "E2531", address=one.board.address, bus=one.board.bus, first=place)
