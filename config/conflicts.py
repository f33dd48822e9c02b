"""What two parts of a site may not share: a wire, an address on it; and what is there but serves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.bus_settings import Bus, SerialBus
from config.profiles import Library
from config.scanner_settings import Scanner, ScannerListen, ScannerSerial, ScannerWire
from config.settings import Settings
from config.table import Table
from config.wiring import Unit

_BASELINE_BYTES = 200
_MEMORY_BYTES = 600
_COMPARTMENT_BYTES = 24
_STREAMS_BYTES = 1000
_DEVICE_BYTES, _INPUT_BYTES = 100, 650
ORDERS_BYTES, ALARMS_BYTES = 32 << 10, 36 << 10
"""What orders, and alarms that are over, take at their bounds."""
UNTOLD_BYTES = 2 << 10
"""What is kept at most of runs whose end the bureau may not know: dozens of runs, few where many scanners count."""
_SPOOL_SHARE = 32


def refuse_one_wire_twice(buses: Mapping[str, Bus], tables: Mapping[str, Table]) -> None:
    """A serial port, or a host and port, has one owner: two buses on it would garble each other."""
    first = dict[tuple[str, int], str]()
    for name, bus in buses.items():
        key = "serial" if isinstance(bus, SerialBus) else "tcp"
        if not tables[name].sound(key):
            continue
        wire = (bus.port, 0) if isinstance(bus, SerialBus) else (bus.host.lower().rstrip("."), bus.port)
        other = first.setdefault(wire, name)
        if other != name:
            tables[name].fault(key, "E2306", bus=other, first=tables[other].place(key))


def refuse_scanners_on_one_wire(
    scanners: Sequence[Scanner], tables: Mapping[str, Table], buses: Mapping[str, Bus], bus_tables: Mapping[str, Table]
) -> None:
    """Two readers of one serial port or one connection would each get a part; a bus and a scanner likewise."""
    first = dict[tuple[str, str, int], tuple[Table, str]]()
    for name, bus in buses.items():
        key = "serial" if isinstance(bus, SerialBus) else "tcp"
        if bus_tables[name].sound(key):
            first.setdefault(_wire_of(bus), (bus_tables[name], key))
    for scanner in scanners:
        wire, table = _wire_of(scanner.wire), tables[scanner.id]
        if not table.sound(wire[0]):
            continue
        other, key = first.setdefault(wire, (table, wire[0]))
        if other is not table:
            table.fault(wire[0], "E2338", other=other.title, first=other.place(key))


def _wire_of(wire: Bus | ScannerWire) -> tuple[str, str, int]:
    """What makes a wire: the key it is written under, where it is, and its port; we listen on a port only once."""
    if isinstance(wire, SerialBus | ScannerSerial):
        return "serial", wire.port, 0
    if isinstance(wire, ScannerListen):
        return "listen", "", wire.port
    return "tcp", wire.host.lower().rstrip("."), wire.port


def refuse_too_small_a_spool(made: Settings, table: Table) -> None:
    """Every commit carries the baseline of every counter, the memory of every line and the site, the state of every
    compartment, device and input, what was ordered, and how earlier runs ended; and may take a thirty-second of the
    spool at most."""
    counted = {ref for line in made.lines for _, ref in line.counters()} | set(made.load.floor.counters())
    counters = len(counted.union(*(made.eyes(line.id) for line in made.lines)))
    compartments = sum(len(board.compartments) for board in made.boards)
    carried = counters * _BASELINE_BYTES + (len(made.lines) + 1) * _MEMORY_BYTES + compartments * _COMPARTMENT_BYTES
    carried += len({one.line for one in made.scanners}) * 2 * _STREAMS_BYTES + ORDERS_BYTES + UNTOLD_BYTES
    carried += (len(made.devices) + len(made.boards)) * _DEVICE_BYTES + len(made.inputs) * _INPUT_BYTES
    carried += ALARMS_BYTES if made.inputs else 0
    needed_mb = -(-carried * _SPOOL_SHARE // 2**20)
    if made.spool.max_bytes < needed_mb * 2**20 and table.sound("max_mb"):
        table.fault("max_mb", "E2349", counters=counters, compartments=compartments, needed=needed_mb)


def refuse_one_address_twice(units: Mapping[str, Unit]) -> None:
    """Two devices with one unit number on one bus answer at the same time."""
    first = dict[tuple[str, int], str]()
    for name, unit in units.items():
        device, table = unit.device, unit.table
        if not table.sound("bus") or not table.faultless("unit") or ("unit" not in table and not device.profile):
            continue
        other = first.setdefault((device.bus, device.unit), name)
        if other != name:
            place = units[other].table.place("unit")
            table.fault("unit", "E2325", unit=device.unit, bus=device.bus, device=other, first=place)


def notice_idle_buses(tables: Mapping[str, Table], made: Settings) -> None:
    """Tell of buses that no device and no board is on."""
    used = {device.bus for device in made.devices} | {board.bus for board in made.boards}
    for name, table in tables.items():
        if name not in used:
            table.ledger.add("W2403", table.node.key, bus=name)


def notice_experimental_profiles(units: Mapping[str, Unit], library: Library) -> None:
    """Tell of profiles that nobody has tried on the real device yet, once each."""
    told = set[str]()
    for unit in units.values():
        name = unit.device.profile
        if name is None or name in told or not unit.complete:
            continue
        told.add(name)
        profile = library.find(name, unit.table.place("profile"))
        if profile and profile.trust == "experimental":
            unit.table.ledger.add(
                "W2404", unit.table.place("profile"), profile=name, model=f"{profile.maker} {profile.model}"
            )
