"""What the agent reports, as messages of the contract: line by line, device by device, the site, and itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from agent.load import metrics
from agent.load.flow import Flow
from agent.load.line import LineLoad
from agent.load.metric_rows import FLOW, LINE
from agent.uplink import scan_fields
from agent.uplink.contract import Head, Json, Message, compact
from agent.uplink.spool import Books, Condition
from agent.uplink.status import UplinkStatus
from config.settings import CounterRef, Line, Settings

ROLES = (
    ("in", "induct"),
    ("out", "discharge"),
    ("recirc", "recirculation"),
    ("reject", "reject"),
    ("manual", "manual"),
)
"""What each role of a line is called in payloads."""

_HEAD_UNITS = {
    "ts": "ms since 1970-01-01 UTC",
    "mono_ms": "ms since boot",
    "win": "s",
    "counts": "total in the message's base, or [base, total], or [base, lo, hi, total]; parcels, per counter",
}

_ORDER = ("good", "estimated", "partial", "stale", "bad")


class Counted(Protocol):
    """A counter's totals since the first sample of `base` (a `Meter` is one); `base` 0 means no sample yet."""

    base: int
    lo: int
    hi: int | None
    total: int


class Presence(Protocol):
    """Whether a device answers, and since when; times are boot-clock seconds."""

    @property
    def online(self) -> bool | None: ...

    @property
    def reason(self) -> str: ...

    @property
    def since_s(self) -> float: ...

    @property
    def answered_s(self) -> float | None: ...

    @property
    def unsupported(self) -> tuple[str, ...]: ...

    @property
    def unasked(self) -> tuple[str, ...]: ...


def telemetry(  # noqa: PLR0913, PLR0917 - a report is these figures
    head: Head,
    line: str,
    load: LineLoad,
    counts: Mapping[CounterRef, Counted],
    previous: LineLoad | None,
    win_s: float,
    scans: Json | None = None,
) -> Message:
    """The load of a line, and what changed since its report `win_s` seconds ago (`previous`; None: there was none).

    `counts` are the line's counters with their authoritative totals, `scans` the fields of a line that has scanners.
    What is not known is left out.
    """
    fields = head.fields(load.quality) | {"win": round(win_s, 1)}
    for name, flow, before in _flows(load, previous):
        fields |= _flow(name, flow, before)
    fields |= {**metrics.fields(LINE, load), **(scans or {})}
    known = {str(ref): one for ref, one in counts.items() if one.base}
    fields["base"] = base = most_common(one.base for one in known.values())
    fields["counts"] = {name: _record(one, base) for name, one in known.items()}
    return Message(f"line/{line}/telemetry", compact(fields))


def most_common(bases: Iterable[int]) -> int | None:
    """The base that most counters share, so that it need be said only once; None for none."""
    return next((base for base, _ in Counter(bases).most_common(1)), None)


def _record(one: Counted, base: int | None) -> int | list[int | None]:
    """What the bureau keeps of a counter: nearly always a single number, in the base of the message."""
    if not one.lo == one.hi == one.total:
        return [one.base, one.lo, one.hi, one.total]
    return one.total if one.base == base else [one.base, one.total]


def _flows(load: LineLoad, previous: LineLoad | None) -> Iterator[tuple[str, Flow, Flow | None]]:
    for name, role in ROLES:
        flow: Flow | None = getattr(load, role)
        if flow is not None:
            yield f"{name}_", flow, getattr(previous, role, None)


def _flow(prefix: str, flow: Flow, before: Flow | None) -> Json:
    counted = None if before is None else flow.total - before.total
    return metrics.fields(FLOW, flow, prefix) | {f"{prefix}d": counted}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def units(settings: Settings) -> Json:
    """The unit of every field of this site's telemetry."""
    said = dict(_HEAD_UNITS)
    used = {role for line in settings.lines for role, _ in line.counters()}
    for name, role in ROLES:
        if role in used:
            said |= metrics.units(FLOW, f"{name}_") | {f"{name}_d": "parcels"}
    said |= metrics.units(LINE)
    return said | (scan_fields.UNITS if settings.scanners else {})


def line_state(head: Head, line: str, load: LineLoad) -> Message:
    """How far the line's figures can be trusted and how loaded it is; retained, on change."""
    fields = head.fields(load.quality) | {"load_index": _rounded(load.load_index, 1), "wip": load.wip}
    return Message(f"line/{line}/state", compact(fields), retain=True)


def site_state(head: Head, loads: Mapping[str, LineLoad]) -> Message:
    """The site in one line: the most loaded line's index, sums that are None unless every line knows its part."""
    known = [load for load in loads.values() if load.quality != "unsupported"]
    quality = max((load.quality for load in known), key=_ORDER.index, default="unsupported")
    indices = [load.load_index for load in known if load.load_index is not None]
    fields = head.fields(quality) | {
        "lines": len(loads),
        "load_index": _rounded(max(indices), 1) if known and len(indices) == len(known) else None,
        "in_pph": _sum([load.induct.pph_60 if load.induct else None for load in known]),
        "out_pph": _sum([load.discharge.pph_60 if load.discharge else None for load in known]),
        "wip": _sum([load.wip for load in known]),
    }
    return Message("state", compact(fields), retain=True)


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return round(sum(known), 1) if parts and len(known) == len(parts) else None


def device_state(head: Head, device: str, presence: Presence) -> Message:
    """Whether a device answers and why not, points that it refuses or is not asked for; retained, on change."""
    now_s, answered_s = head.at.boot_s, presence.answered_s
    answering = "partial" if presence.unsupported or presence.unasked else "good"
    fields = head.fields(answering if presence.online else "stale") | {
        "reason": presence.reason,
        "for_s": round(now_s - presence.since_s, 1),
        "last_ok_s": None if answered_s is None else round(now_s - answered_s, 1),
        "unsupported": list(presence.unsupported) or None,
        "unasked": list(presence.unasked) or None,
    }
    return Message(f"dev/{device}/state", compact({**fields, "online": bool(presence.online)}), retain=True)


def acknowledgement(head: Head, answer: Json) -> Message:
    """What became of a command."""
    return Message("cmd/ack", compact({**head.fields(), **answer}))


def meta(head: Head, settings: Settings, version: str, previous: tuple[str, int] | None) -> Message:
    """What the numbers are about; retained, at each start. `previous` is the epoch before this one and its last seq."""
    site = settings.site
    fields = head.fields() | {
        "site": {"id": site.id, "name_zh": site.name_zh, "name_en": site.name_en, "level": site.level},
        "report_s": settings.bureau.report_s,
        "lines": [_line(line) for line in settings.lines],
        "counters": list(_counters(settings)),
        "units": units(settings),
        "ver": version,
        "cfg": settings.digest,
        "prev": None if previous is None else {"epoch": previous[0], "seq": previous[1]},
    }
    return Message("meta", compact(fields), retain=True)


def _line(line: Line) -> Json:
    return {
        "id": line.id,
        "name_zh": line.name_zh,
        "name_en": line.name_en,
        "capacity_pph": line.capacity_pph,
        "buffer_parcels": line.buffer_parcels,
    }


def _counters(settings: Settings) -> Iterator[Json]:
    moduli = {
        CounterRef(device.id, point.name): point.modulus for device in settings.devices for point in device.points
    }
    for line in settings.lines:
        for role, ref in line.counters():
            yield {"name": str(ref), "line": line.id, "role": role, "modulus": moduli[ref]}
        for ref in settings.eyes(line.id):
            yield {"name": str(ref), "line": line.id, "role": "eye", "modulus": moduli[ref]}


def health(  # noqa: PLR0913, PLR0917 - a report is these figures
    head: Head,
    up_s: float,
    books: Books,
    condition: Condition,
    uplink: UplinkStatus,
    buses: Mapping[str, Json],
    scanners: Json | None = None,
) -> Message:
    """The agent itself: its spool's books, its uplink, and what went over each bus; retained, each minute."""
    fields = head.fields() | {
        "up_s": round(up_s),
        "spool": {**asdict(books), **asdict(condition)},
        "uplink": asdict(uplink),
        "buses": dict(buses),
        "scanners": scanners,
    }
    return Message("health", compact(fields), retain=True)
