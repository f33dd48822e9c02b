"""From the operator's tree to Settings: every table read, every reference followed, every conflict told."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Mapping

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
    wiring,
)
from config.bus_settings import Bus
from config.document import Node
from config.faults import Ledger
from config.profiles import Library
from config.settings import Settings
from config.table import Table
from config.wiring import Unit


def settings(root: Node, library: Library, ledger: Ledger) -> Settings:
    """The settings of a tree; worth something only when `ledger` has no fault afterwards."""
    top = Table(root, "", ledger)
    top.require("site", "bureau")
    bus_tables, device_tables, line_tables = top.tables("bus"), top.tables("device"), top.tables("line")
    scanner_tables, locker_tables = top.tables("scanner"), top.tables("locker")
    inputs = top.tables("input")
    buses = {name: wiring.bus(name, table) for name, table in bus_tables.items()}
    units = {name: wiring.device(name, table, buses, library) for name, table in device_tables.items()}
    if not _damaged(root, "bus"):
        _refuse_unknown_buses(units, buses)
    cabinets = [lockers.locker(name, table, buses) for name, table in locker_tables.items()]
    boards = [board for _, wired in cabinets for board in wired]
    counters = lines.Counters(units, complete=not _damaged(root, "device"))
    made = Settings(
        site=site.site(top.table("site")),
        bureau=site.bureau(top.table("bureau")),
        spool=site.spool(top.table("spool")),
        buses=tuple(buses.values()),
        devices=tuple(unit.device for unit in units.values()),
        lines=tuple(lines.line(name, table, counters) for name, table in line_tables.items()),
        digest="",
        scanners=tuple(scanners.scanner(name, table, counters) for name, table in scanner_tables.items()),
        load=load_tables.load(top, counters),
        lockers=tuple(locker for locker, _ in cabinets),
        inputs=tuple(input_tables.read(name, table, counters) for name, table in inputs.items()),
        reporting=reporting_tables.reporting(top.table("reporting")),
        commands=order_tables.commands(top.table("commands")),
    )
    top.end()
    if not _damaged(root, "line"):
        scanners.refuse_unknown_lines(made.scanners, scanner_tables, line_tables)
        input_tables.refuse_unknown_lines(made.inputs, inputs, tuple(line_tables))
    scanners.refuse_contradictions(made.scanners, scanner_tables)
    conflicts.refuse_too_small_a_spool(made, top.table("spool"))
    conflicts.refuse_one_wire_twice(buses, bus_tables)
    conflicts.refuse_scanners_on_one_wire(made.scanners, scanner_tables, buses, bus_tables)
    conflicts.refuse_one_address_twice(units)
    if not _damaged(root, "bus"):
        lockers.refuse_unknown_buses(boards, buses)
    lockers.refuse_mixed_buses(boards, units)
    lockers.refuse_one_address_twice(boards)
    conflicts.notice_idle_buses(bus_tables, made)
    conflicts.notice_experimental_profiles(units, library)
    if not made.lines and not made.lockers:
        ledger.add("W2405", root.place)
    return dataclasses.replace(made, digest=digest(made)) if not ledger.faults else made


def digest(made: Settings) -> str:
    """The first eight hex digits of a SHA-256 over every setting: sites with the same digest run the same."""
    canonical = json.dumps(dataclasses.asdict(made) | {"digest": ""}, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def _damaged(root: Node, group: str) -> bool:
    """Whether something of that group may have been lost with an unreadable statement."""
    return root.damaged or (group in root.value and root.value[group].damaged)


def _refuse_unknown_buses(units: Mapping[str, Unit], buses: Mapping[str, Bus]) -> None:
    for unit in units.values():
        table, name = unit.table, unit.device.bus
        if table.sound("bus") and name not in buses:
            near = difflib.get_close_matches(name, list(buses), 1, 0.5)
            known = ", ".join(buses) or "–"
            table.fault("bus", "E2301", name=name, near=near[0] if near else known, known=known)
