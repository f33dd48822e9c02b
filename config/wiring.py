"""Buses and devices: the wires of a site and who answers on them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from config import framing, reading
from config.bus_settings import Bus, BusRole, SerialBus, TcpBus
from config.device_settings import REGISTERS, Device, Point
from config.document import Node
from config.fingerprint import fingerprint
from config.hosts import is_host
from config.points import point
from config.profiles import BAUDS, Library, Profile, refuse_overlaps
from config.table import Table

_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\s\[\]]+))(?::(?P<port>[0-9]{1,5}))?")
_PORT, _TLS_PORT = 502, 802  # MODBUS Messaging on TCP/IP V1.0b, 4.3.1; MODBUS/TCP Security, 6
BUS_ROLES: tuple[BusRole, ...] = ("master", "listen")
_UNSTABLE_PORT = re.compile(r"/dev/tty(?:USB|ACM)[0-9]+")


@dataclass(frozen=True, slots=True)
class Unit:
    """A device with the table it was written in. Not `complete` when some of its points are not known for a fault."""

    device: Device
    table: Table
    complete: bool
    points: dict[str, Point]


def bus(name: str, table: Table) -> Bus:
    """The bus of that table, serial or TCP."""
    table.require_one("serial", "tcp")
    if "serial" in table and "tcp" in table:
        table.fault("tcp", "E2215", first="serial", second="tcp")
    made = _tcp_bus(name, table) if "tcp" in table and "serial" not in table else _serial_bus(name, table)
    table.end()
    return made


def serial_port(table: Table) -> str:
    """The serial port of that table; one whose name may change is a notice."""
    port = table.path("serial", None)
    if port and _UNSTABLE_PORT.fullmatch(str(port)):
        table.fault("serial", "W2402", value=port)
    return str(port or "")


def address(table: Table, key: str, default_port: int) -> tuple[str, int]:
    """Host and port under `key`; without a default (0) the port must be written."""
    written = table.text(key, None)
    if written is None:
        return "", default_port
    found = _ADDRESS.fullmatch(written)
    host = (found["v6"] or found["host"]) if found else ""
    port = int(found["port"] or default_port) if found else 0
    if found and is_host(host) and not found["port"] and not default_port:
        table.fault(key, "E2229", value=written)
    elif not is_host(host) or not 1 <= port <= 65535:
        table.fault(key, "E2211", value=written)
    return host, port


def refuse_serial_keys(table: Table) -> None:
    """What is said of a serial line may not stand where there is none."""
    for key in (*framing.LINE_KEYS, *framing.RS485_KEYS, "role"):
        if key in table:
            table.refuse(key, "E2216")


def _serial_bus(name: str, table: Table) -> SerialBus:
    port = serial_port(table)
    if "tcp" in table:
        table.text("tcp", "")
    if "tls" in table:
        table.refuse("tls", "E2234")
    spoken = framing.line_framing(table)
    characters = framing.characters(table, spoken)
    return SerialBus(
        id=name,
        port=port,
        baud=table.choice("baud", 9600, BAUDS),
        parity=characters.parity,
        stop_bits=characters.stop_bits,
        timeout_s=table.number("timeout_s", 0.5, 0.01, 30),
        turnaround_s=table.number("turnaround_s", 0.02, 0, 5),
        adapter_latency_s=table.number("adapter_latency_s", 0.001, 0, 0.1),
        data_bits=characters.data_bits,
        framing=spoken,
        rs485=framing.rs485(table),
        role=table.choice("role", "master", BUS_ROLES),
    )


def _tcp_bus(name: str, table: Table) -> TcpBus:
    host, port = address(table, "tcp", _TLS_PORT if "tls" in table else _PORT)
    refuse_serial_keys(table)
    return TcpBus(
        id=name,
        host=host,
        port=port,
        timeout_s=table.number("timeout_s", 1.0, 0.01, 30),
        framing=framing.tcp_framing(table),
        tls=framing.tls(table, host),
    )


def device(name: str, table: Table, buses: dict[str, Bus], library: Library) -> Unit:
    """The device of that table, its profile's points and its own put together."""
    table.require("bus")
    named = table.text("bus", "")
    profile_name = table.text("profile", None)
    profile = library.find(profile_name, table.place("profile")) if profile_name else None
    bus_of = buses.get(named)
    points, tables = _points(table, profile)
    complete = (profile is not None or "profile" not in table) and table.whole_under("point")
    made = Device(
        id=name,
        bus=named,
        unit=_unit(table, bus_of, profile),
        period_s=table.number("period_s", 1.0, 0.02, 3600),
        profile=profile_name,
        max_read_registers=table.whole("max_read_registers", profile.max_read_registers if profile else 125, 1, 125),
        points=tuple(points.values()),
        readable=reading.stretches(table, profile.readable if profile else ()),
        fingerprint=fingerprint(table, profile.notation if profile else ())
        or (profile.fingerprint if profile else None),
    )
    _fit(made, table, bus_of, profile)
    reading.refuse_unreadable(made, tables)
    _fit_fingerprint(made, table, bus_of)
    if complete and not points:
        table.fault("point", "E2323")
    table.end()
    return Unit(made, table, complete and bool(points), points)


def _unit(table: Table, bus_of: Bus | None, profile: Profile | None) -> int:
    if "profile" not in table:
        table.require("unit")
    lowest, highest = (1, 247) if bus_of and bus_of.framing != "tcp" else (0, 255)
    return table.whole("unit", profile.default_unit if profile else 1, lowest, highest)


def _points(table: Table, profile: Profile | None) -> tuple[dict[str, Point], dict[str, Table]]:
    """The points by name, and the table that each is described in; none while their profile is not known."""
    written = table.tables("point")
    points, tables = dict[str, Point](), dict[str, Table]()
    if profile is None and "profile" in table:
        return points, tables
    for name, known in profile.points.items() if profile else ():
        points[name] = known
        tables[name] = Table(profile.nodes[name], f"point.{name}", table.ledger) if profile else table
    for name, own in written.items():
        tables[name] = _overridden(own, profile.nodes[name]) if profile and name in profile.nodes else own
        points[name] = point(name, tables[name], profile.notation if profile else ())
    refuse_overlaps(points, tables)
    return points, tables


def _overridden(own: Table, known: Node) -> Table:
    """The site's own keys over those of the profile; an address of its own replaces the profile's in either form."""
    entries = dict(known.value)
    for key, other in (("address", "ref"), ("ref", "address")):
        if key in own:
            entries.pop(other, None)
    node = Node({**entries, **own.node.value}, own.node.key, own.node.place, damaged=own.node.damaged)
    return Table(node, own.name, own.ledger)


def _fit_fingerprint(made: Device, table: Table, bus_of: Bus | None) -> None:
    """Note a fingerprint of the site's own that cannot be asked for."""
    if made.fingerprint is None or "fingerprint" not in table:
        return
    point = made.fingerprint.point
    reading.refuse_unreadable(replace(made, points=(point,)), {point.name: table.table("fingerprint")})
    if isinstance(bus_of, SerialBus) and bus_of.role == "listen":
        table.fault("fingerprint", "E2237", bus=bus_of.id)


def _fit(made: Device, table: Table, bus_of: Bus | None, profile: Profile | None) -> None:
    """Note what a device cannot do: speak on that bus, read so long a value, count without wrapping unseen."""
    transport = "tcp" if bus_of and bus_of.framing == "tcp" else "rtu"
    if bus_of and profile and profile.transports and transport not in profile.transports:
        table.fault("bus", "E2318", profile=profile.name, transports=", ".join(profile.transports), bus=bus_of.id)
    for one in made.points:
        if REGISTERS[one.type] > made.max_read_registers:
            table.fault("max_read_registers", "E2317", point=one.name, needed=REGISTERS[one.type])
        if one.modulus and one.max_rate_per_s * made.period_s >= one.modulus:
            table.fault("period_s", "E2322", point=one.name, modulus=one.modulus, rate=one.max_rate_per_s)
