"""What the agent reports, as messages of the contract: line by line, device by device, the site, and itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields as fields_of
from types import MappingProxyType
from typing import Any, Protocol

from agent.load.attendance import Attendance
from agent.load.flow import Flow
from agent.load.line_load import LineLoad
from agent.load.metric_rows import CERTAIN_FLOW, EQUIPMENT, FLOW, LINE, LINE_STATE
from agent.uplink import thin
from agent.uplink.contract import Head, Json, Message, compact
from agent.uplink.spool import Books, Condition, Room
from agent.uplink.status import UplinkStatus
from config.device_settings import CounterRef

ROLES = (
    ("in", "induct"),
    ("out", "discharge"),
    ("recirc", "recirculation"),
    ("reject", "reject"),
    ("manual", "manual"),
)
"""What each role of a line is called in payloads."""


NO_STATIONS: Mapping[str, float] = MappingProxyType({})
"""Of a line that has one induct station, or none."""

WHOLE_PCT = 99.0
"""A period of which so much is known is known."""


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
    fields = head.fields(load.quality)
    fields["win"] = round(win_s, 1)
    for name, flow, before in _flows(load, previous):
        fields.update(flow_fields(name, flow, before))
    fields.update(LINE.fields(load))
    fields.update(scans or {})
    fields.update(record(counts))
    return Message(f"line/{line}/telemetry", compact(fields))


def record(counts: Mapping[CounterRef, Counted]) -> Json:
    """The authoritative totals of counters, and the base that most of them share."""
    known = {str(ref): one for ref, one in counts.items() if one.base}
    bases = {one.base for one in known.values()}
    base = bases.pop() if len(bases) == 1 else most_common(one.base for one in known.values())
    return {"base": base, "counts": {name: _record(one, base) for name, one in known.items()}}


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


def flow_fields(prefix: str, flow: Flow, before: Flow | None) -> dict[str, object]:
    """What passed one role's counters, in all and since the report before; a total that is certain has no interval."""
    fields = (CERTAIN_FLOW if flow.lo == flow.hi == flow.total else FLOW).fields(flow, prefix)
    if before is not None:
        fields[f"{prefix}d"] = flow.total - before.total
    return fields


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def figures(load: LineLoad) -> Json:
    """What of a line can have a deadband, by its field."""
    rates = {"in_pph": load.induct, "out_pph": load.discharge}
    return {**LINE.fields(load), **{name: flow.pph_60 for name, flow in rates.items() if flow}}


def line_state(head: Head, line: str, load: LineLoad, stations: Mapping[str, float] = NO_STATIONS) -> Message:
    """How the line stands, at what rate each of its induct stations goes, and how far that can be trusted; retained, on
    change."""
    figures = {"load_index": _rounded(load.load_index, 1), "wip": load.wip}
    fields = head.fields(load.quality) | figures | LINE_STATE.fields(load)
    if stations:
        fields["station_pph"] = {name: round(rate) for name, rate in stations.items()}
    return Message(f"line/{line}/state", compact(fields), retain=True)


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


def attendance(head: Head, over: Attendance) -> Message:
    """How far a device, or all of them, was available in an hour or a day that is over."""
    known = over.attended.known_pct or 0.0
    fields = head.fields("good" if known >= WHOLE_PCT else "partial" if known else "stale")
    fields |= {"from": 1000 * over.period.begin_s, "to": 1000 * over.period.end_s} | EQUIPMENT.fields(over.attended)
    place = "dev" if over.device is None else f"dev/{over.device}"
    return Message(f"{place}/{over.kind}", compact(fields))


def loss(head: Head, fields: Json) -> Message:
    """Messages that there was no room for, and what stays of them; their totals are whole."""
    return Message(thin.TAIL, compact({**head.fields("partial"), **fields}))


def acknowledgement(head: Head, answer: Json) -> Message:
    """What became of a command."""
    return Message("cmd/ack", compact({**head.fields(), **answer}))


def health(  # noqa: PLR0913, PLR0917 - a report is these figures
    head: Head,
    up_s: float,
    books: Books,
    condition: Condition,
    uplink: UplinkStatus,
    buses: Mapping[str, Json],
    scanners: Json | None = None,
    room: Room | None = None,
    certificate_days: Json | None = None,
    audit: Json | None = None,
    slowest_commit_s: float = 0.0,
    late_s: float = 0.0,
    machine: Json | None = None,
    polls: Json | None = None,
    clock_step_s: float | None = None,
) -> Message:
    """The agent itself: its spool's books, its uplink, and what went over each bus; retained, each minute.

    `certificate_days` are the days until our certificate and the CA's end, `audit` the newest entry of the trail;
    `late_s` is the most that a beat began after it was due since the report before, `machine` what it runs on, `polls`
    how polling goes, `clock_step_s` how far the wall clock was set since the report before.
    """
    fields = head.fields() | {
        "up_s": round(up_s),
        "beat_late_s_max": round(late_s, 3),
        "clock_step_s": clock_step_s,
        "spool": {
            **_named(books),
            **_named(condition),
            **_room(room, up_s),
            "commit_s_max": round(slowest_commit_s, 3),
        },
        "uplink": _uplink(uplink, head.at.boot_s),
        **(polls or {}),
        "buses": dict(buses),
        "scanners": scanners,
        "certificate_days": certificate_days,
        "audit": audit or None,
        "machine": machine or None,
    }
    return Message("health", compact(fields), retain=True)


def _named(one: Books | Condition | UplinkStatus) -> dict[str, Any]:
    """Its fields by name; `dataclasses.asdict` copies all that is in them, and takes seven times as long."""
    return {field.name: getattr(one, field.name) for field in fields_of(one)}


def _uplink(uplink: UplinkStatus, now_s: float) -> Json:
    """How it stands, and for how long: seconds of this machine's clock mean nothing to others."""
    fields = _named(uplink)
    return {"for_s": round(now_s - fields.pop("since_s"), 1), **fields}


def _room(room: Room | None, up_s: float) -> Json:
    figures = {} if room is None else {"hours_left": room.hours_left(up_s), "card_mb_a_day": room.card_mb_a_day(up_s)}
    return {name: value for name, value in figures.items() if value is not None}
