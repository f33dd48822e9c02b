"""From the operator's tree to Settings: every table read, every reference followed, every conflict told."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence

from config import (
    conflicts,
    input_tables,
    lines,
    load_tables,
    lockers,
    order_tables,
    reporting_tables,
    scanners,
    site,
    slips,
    wiring,
)
from config.bus_settings import Bus
from config.document import Node
from config.faults import Ledger
from config.locker_settings import Locker
from config.lockers import Wired
from config.meant import misspelt
from config.profiles import Library
from config.settings import Settings
from config.table import Table
from config.wiring import Unit

_GROUPS = ("bus", "device", "line", "scanner", "locker", "input")
Groups = Mapping[str, Mapping[str, Table]]
"""The tables of each group, by name."""


def settings(root: Node, library: Library, ledger: Ledger) -> Settings:
    """The settings of a tree; worth something only when `ledger` has no fault afterwards."""
    top = Table(root, "", ledger)
    top.require("site", "bureau")
    groups: Groups = {group: top.tables(group) for group in _GROUPS}
    buses = {name: wiring.bus(name, table) for name, table in groups["bus"].items()}
    units = {name: wiring.device(name, table, buses, library) for name, table in groups["device"].items()}
    cabinets = [lockers.locker(name, table, buses) for name, table in groups["locker"].items()]
    counters = lines.Counters(units, complete=not _damaged(root, "device"))
    made = _made(top, groups, buses, units, tuple(locker for locker, _ in cabinets), counters)
    top.end()
    boards = [board for _, wired in cabinets for board in wired]
    _refuse_what_is_missing(root, groups, made, units, boards)
    _refuse_contradictions(top, groups, made, units, boards)
    if not (_damaged(root, "device") or _damaged(root, "locker")):
        conflicts.notice_idle_buses(groups["bus"], made)
    conflicts.notice_experimental_profiles(units, library)
    if not made.lines and not made.lockers and not ledger.faults:  # else what is wrong is told, not what follows
        ledger.add("W2405", root.place)
    return dataclasses.replace(made, digest=digest(made)) if not ledger.faults else made


def _made(  # noqa: PLR0913, PLR0917 - what has been read, for what has not
    top: Table,
    groups: Groups,
    buses: Mapping[str, Bus],
    units: Mapping[str, Unit],
    cabinets: tuple[Locker, ...],
    counters: lines.Counters,
) -> Settings:
    return Settings(
        site=site.site(top.table("site")),
        bureau=site.bureau(top.table("bureau")),
        spool=site.spool(top.table("spool")),
        buses=tuple(buses.values()),
        devices=tuple(unit.device for unit in units.values()),
        lines=tuple(lines.line(name, table, counters) for name, table in groups["line"].items()),
        digest="",
        scanners=tuple(scanners.scanner(name, table, counters) for name, table in groups["scanner"].items()),
        load=load_tables.load(top, counters),
        lockers=cabinets,
        inputs=tuple(input_tables.read(name, table, counters) for name, table in groups["input"].items()),
        reporting=reporting_tables.reporting(top.table("reporting")),
        commands=order_tables.commands(top.table("commands")),
    )


def _refuse_what_is_missing(
    root: Node, groups: Groups, made: Settings, units: Mapping[str, Unit], boards: Sequence[Wired]
) -> None:
    """References that lead nowhere, unless what they name may have been lost with an unreadable statement."""
    if not _damaged(root, "bus"):
        buses = {bus.id: bus for bus in made.buses}
        _refuse_unknown_buses(units, buses)
        lockers.refuse_unknown_buses(boards, buses)
    if not _damaged(root, "line"):
        scanners.refuse_unknown_lines(made.scanners, groups["scanner"], groups["line"])
        input_tables.refuse_unknown_lines(made.inputs, groups["input"], tuple(groups["line"]))


def _refuse_contradictions(
    top: Table, groups: Groups, made: Settings, units: Mapping[str, Unit], boards: Sequence[Wired]
) -> None:
    buses = {bus.id: bus for bus in made.buses}
    scanners.refuse_contradictions(made.scanners, groups["scanner"])
    conflicts.refuse_too_small_a_spool(made, top.table("spool"))
    conflicts.refuse_one_wire_twice(buses, groups["bus"])
    conflicts.refuse_scanners_on_one_wire(made.scanners, groups["scanner"], buses, groups["bus"])
    conflicts.refuse_one_address_twice(units)
    lockers.refuse_mixed_buses(boards, units)
    lockers.refuse_one_address_twice(boards)


def digest(made: Settings) -> str:
    """The first eight hex digits of a SHA-256 over every setting: sites with the same digest run the same."""
    canonical = json.dumps(dataclasses.asdict(made) | {"digest": ""}, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def _damaged(root: Node, group: str) -> bool:
    """Whether something of that group may have been lost with an unreadable statement or a misspelt header."""
    return root.damaged or (group in root.value and root.value[group].damaged) or misspelt(root.value, group)


def _refuse_unknown_buses(units: Mapping[str, Unit], buses: Mapping[str, Bus]) -> None:
    for unit in units.values():
        table, name = unit.table, unit.device.bus
        if table.sound("bus") and name not in buses:
            table.fault("bus", "E2301", **slips.near(name, buses))
