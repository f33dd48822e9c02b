"""Sorting lines: which counters see their parcels; every counter they name must be there and count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config import slips
from config.device_settings import Area, CounterRef, Point, ValueType
from config.line_settings import Line
from config.table import Table, Written
from config.wiring import Unit

_ROLES = ("induct", "discharge", "recirculation", "reject", "manual", "energy")
_KWH = {"kwh": 1.0, "wh": 0.001, "mwh": 1000.0}


class Counters:
    """The devices a line may name. Not `complete` when part of the files could not be read."""

    def __init__(self, units: Mapping[str, Unit], complete: bool) -> None:
        self._units = units
        self._complete = complete

    def register(self, ref: CounterRef) -> tuple[str, Area, int, ValueType]:
        """Where in which device that counter stands: two names for one register are one counter."""
        point = self._units[ref.device].points[ref.point]
        return ref.device, point.area, point.address, point.type

    def kwh_per_count(self, table: Table, ref: CounterRef) -> float:
        """What one step of an energy meter's counter is worth; a fault where its unit is none of energy."""
        point = self._units[ref.device].points[ref.point]
        if point.unit.lower() not in _KWH:
            table.fault("energy", "E2706", value=str(ref), unit=point.unit or "–")
        return point.scale * _KWH.get(point.unit.lower(), 1.0)

    def check(self, table: Table, role: str, written: Written) -> CounterRef | None:
        """The counter that is written there, None with a fault."""
        found = self._find(table, role, written)
        return None if found is None else _counter_of(*found, table, role, written)

    def signal(self, table: Table, key: str, written: Written) -> tuple[CounterRef, Point] | None:
        """The bit or gauge that is written there, None with a fault."""
        found = self._find(table, key, written)
        if found is None:
            return None
        unit, name = found
        point = unit.points.get(name)
        if point and point.kind != "counter":
            return CounterRef(unit.device.id, name), point
        if point:
            table.fault_at(written.place, key, "E2751", value=written.text)
        elif unit.complete:
            table.fault_at(written.place, key, "E2304", device=unit.device.id, **slips.near(name, unit.points))
        return None

    def _find(self, table: Table, key: str, written: Written) -> tuple[Unit, str] | None:
        """The device that is written there and its point's name, None with a fault."""
        device, dot, point = written.text.partition(".")
        if not dot or not point:
            table.fault_at(written.place, key, "E2303", value=written.text)
            return None
        unit = self._units.get(device)
        if unit is None and self._complete:
            table.fault_at(written.place, key, "E2302", **slips.near(device, self._units))
        return None if unit is None else (unit, point)


def _counter_of(unit: Unit, name: str, table: Table, role: str, written: Written) -> CounterRef | None:
    point = unit.points.get(name)
    if point and point.kind == "counter":
        return CounterRef(unit.device.id, name)
    if point:
        table.fault_at(written.place, role, "E2307", value=written.text, kind=point.kind, point=name)
    elif unit.complete:
        table.fault_at(written.place, role, "E2304", device=unit.device.id, **slips.near(name, unit.points))
    return None


def line(name: str, table: Table, counters: Counters) -> Line:
    """The line of that table."""
    table.require("capacity_pph", "buffer_parcels")
    table.require_one("induct", "discharge")
    name_zh, name_en = table.text("name_zh", ""), table.text("name_en", "")
    refs = _refs(table, counters)
    made = Line(
        id=name,
        name_zh=name_zh or name_en or name,
        name_en=name_en or name,
        induct=refs["induct"],
        discharge=refs["discharge"],
        recirculation=refs["recirculation"],
        reject=refs["reject"],
        capacity_pph=table.number("capacity_pph", 1.0, 1, 1_000_000),
        buffer_parcels=table.whole("buffer_parcels", 1, 1, 10_000_000),
        manual=refs["manual"],
        energy=refs["energy"],
        kwh_per_count=_kwh_per_count(table, counters, refs["energy"]),
        induct_counts_passes=_passes(table, refs),
        capacity_observed=table.flag("capacity_observed", False),
    )
    table.end()
    return made


def _kwh_per_count(table: Table, counters: Counters, energy: Sequence[CounterRef]) -> float:
    if len(energy) > 1:
        table.fault("energy", "E2708")
    return counters.kwh_per_count(table, energy[0]) if len(energy) == 1 else 1.0


def _passes(table: Table, refs: Mapping[str, tuple[CounterRef, ...]]) -> bool:
    """Whether the induct counters count a parcel each time it comes round; needs a counter of those that do."""
    passes = table.flag("induct_counts_passes", False)
    if passes and not refs["recirculation"] and table.faultless("recirculation"):
        table.fault("induct_counts_passes", "E2707")
    return passes


def _refs(table: Table, counters: Counters) -> dict[str, tuple[CounterRef, ...]]:
    """The counters of a line's roles; one parcel counter at least."""
    refs = refs_of(table, counters, _ROLES)
    spoken = "induct" in table or "discharge" in table
    if spoken and table.faultless(*_ROLES) and not any(table.texts(role) for role in _ROLES):
        table.fault("induct" if "induct" in table else "discharge", "E2324")
    return refs


def refs_of(table: Table, counters: Counters, roles: Sequence[str]) -> dict[str, tuple[CounterRef, ...]]:
    """The counters of each role; one that is named twice in the table would count its parcels twice."""
    refs, first = dict[str, tuple[CounterRef, ...]](), dict[object, Written]()
    for role in roles:
        found = list[CounterRef]()
        for written in table.texts(role):
            ref = counters.check(table, role, written)
            before = first.setdefault(counters.register(ref) if ref else written.text, written)
            if before is not written and ref:
                table.fault_at(written.place, role, "E2308", value=written.text, first=before.place)
            elif ref:
                found.append(ref)
        refs[role] = tuple(found)
    return refs
