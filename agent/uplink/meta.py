"""What the numbers of a site are about: who it is, its parts and their tiers, counters, thresholds and units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from agent.baselines import Baselines, Ended
from agent.load.metric_rows import EQUIPMENT, FLOW, INPUTS, LINE, SITE_STATE, STATION
from agent.uplink import locker_fields, scan_fields
from agent.uplink.contract import Head, Json, Message, compact
from agent.uplink.reports import ROLES
from config.device_settings import CounterRef
from config.input_settings import Input
from config.line_settings import Line
from config.load_settings import Floor
from config.reporting_settings import USUAL_S
from config.settings import Settings
from config.site_settings import Site, Tier

_HEAD_UNITS = {
    "ts": "ms since 1970-01-01 UTC",
    "mono_ms": "ms since boot",
    "win": "s",
    "counts": "total in the message's base, or [base, total], or [base, lo, hi, total]; parcels, per counter",
}


def document(head: Head, settings: Settings, version: str, past: Baselines) -> Message:
    """What the numbers are about; retained, at each start. `past` is what the run before this one left: how it ended is
    told, and how those did of which the bureau may not know it."""
    over = [_run(one) for one in past.to_tell]
    fields = head.fields() | {
        "site": _site(settings.site),
        "report_s": settings.bureau.report_s,
        "report_s_in": {mode: settings.reporting.interval_s(mode, settings.bureau.report_s) for mode in USUAL_S},
        "lines": [_line(line, settings.site.tier) for line in settings.lines],
        "floor": _floor(settings.load.floor) if settings.load.floor.counters() else None,
        "thresholds": {mode: asdict(limits) for mode, limits in settings.load.thresholds.items()},
        "counters": list(_counters(settings)),
        "commands": _commands(settings),
        "inputs": [_input(one) for one in settings.inputs] or None,
        "lockers": list(locker_fields.described(settings.lockers)) or None,
        "units": units(settings),
        "ver": version,
        "cfg": settings.digest,
        "prev": over[-1] if over else None,
        "earlier": over[:-1] or None,
    }
    return Message("meta", compact(fields), retain=True)


def _run(ended: Ended) -> Json:
    """An epoch that is over, its last number, and what it counted itself until then, told or not."""
    return {"epoch": str(ended.epoch), "seq": ended.seq, **({"events": ended.events} if ended.events else {})}


def _site(site: Site) -> Json:
    names = {"id": site.id, "name_zh": site.name_zh, "name_en": site.name_en}
    network = {
        "carrier": site.carrier,
        "upstream": list(site.upstream),
        "downstream": list(site.downstream),
        "valid_until": site.valid_until,
    }
    said = {name: value for name, value in network.items() if value}
    return names | {"level": site.level, "tier": site.tier} | said


def _commands(settings: Settings) -> Json:
    """Whom the site obeys, so that whoever orders knows how."""
    commands = settings.commands
    signature = commands.algorithm if commands.has_key else None
    return {"signature": signature, "required": commands.require_signature, "trust_rtc": commands.trust_rtc}


def _input(one: Input) -> Json:
    names = {"id": one.id, "name_zh": one.name_zh, "name_en": one.name_en}
    return names | {"as": one.kind, "line": one.line or None, "class": one.alarm_class, "severity": one.severity}


def _line(line: Line, tier: Tier) -> Json:
    return {
        "id": line.id,
        "name_zh": line.name_zh,
        "name_en": line.name_en,
        "tier": tier,
        "capacity_pph": line.capacity_pph,
        "buffer_parcels": line.buffer_parcels,
    }


def _floor(floor: Floor) -> Json:
    sizes = {"capacity_pph": floor.capacity_pph, "buffer_parcels": floor.buffer_parcels, "miscount": floor.miscount}
    return {"tier": "trunk", **sizes}


def _counters(settings: Settings) -> Iterator[Json]:
    moduli = {
        CounterRef(device.id, point.name): point.modulus for device in settings.devices for point in device.points
    }
    for line in settings.lines:
        for role, ref in line.counters():
            yield {"name": str(ref), "line": line.id, "role": role, "modulus": moduli[ref]}
        for ref in settings.eyes(line.id):
            yield {"name": str(ref), "line": line.id, "role": "eye", "modulus": moduli[ref]}
    floor = settings.load.floor
    docks = (("unload", floor.unload), ("load", floor.load))
    yield from ({"name": str(ref), "role": dock, "modulus": moduli[ref]} for dock, refs in docks for ref in refs)


def units(settings: Settings) -> Json:
    """The unit of every field of this site's telemetry."""
    said = dict(_HEAD_UNITS)
    used = {role for line in settings.lines for role, _ in line.counters()}
    for name, role in ROLES:
        if role in used:
            said |= FLOW.units(f"{name}_") | {f"{name}_d": "parcels"}
    if settings.load.floor.counters():
        said |= FLOW.units("unload_") | FLOW.units("load_")
    said |= STATION.units() if any(len(line.induct) > 1 for line in settings.lines) else {}
    said |= SITE_STATE.units() | LINE.units() | EQUIPMENT.units()
    said |= INPUTS.units() if settings.inputs else {}
    said |= scan_fields.UNITS if settings.scanners else {}
    return said | (locker_fields.UNITS if settings.lockers else {})
