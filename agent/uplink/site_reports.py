"""What is told of the site as a whole: its docks and floor, its state, and what happens to it and its lines."""

from __future__ import annotations

from collections.abc import Mapping

from agent.load.backlog import Drifted, Rebased
from agent.load.early import EarlyWarning
from agent.load.machine import Transition
from agent.load.metric_rows import SITE, SITE_STATE
from agent.load.site import SiteLoad
from agent.load.steering import Event
from agent.load.tally import Record
from agent.uplink.contract import Head, Json, Message, compact
from agent.uplink.reports import Counted, flow_fields, record
from config.device_settings import CounterRef

NONE: Json = {}
"""Of a site without inputs."""


def site_state(head: Head, load: SiteLoad, alarms: Json = NONE) -> Message:
    """The site in one document: how loaded it is, how it stands; retained, each minute and on change."""
    fields = head.fields(load.quality) | SITE_STATE.fields(load)
    return Message("state", compact({**fields, **alarms}), retain=True)


def site_telemetry(
    head: Head, load: SiteLoad, counts: Mapping[CounterRef, Counted], previous: SiteLoad | None, win_s: float
) -> Message:
    """The same with the docks' own flows and their counters' authoritative totals."""
    fields = head.fields(load.quality) | {"win": round(win_s, 1)} | SITE.fields(load)
    for prefix, role in (("unload_", "unload"), ("load_", "load")):
        flow = getattr(load, role)
        if flow is not None:
            fields |= flow_fields(prefix, flow, getattr(previous, role, None))
    return Message("telemetry", compact({**fields, **record(counts)}))


def event(head: Head, line: str | None, happened: Event) -> Message:
    """What happened to a line, or to the site (None), once."""
    if isinstance(happened, Record):
        return _record(head, line, happened)
    tail = "event" if line is None else f"line/{line}/event"
    return Message(tail, compact({**head.fields(), **event_fields(happened)}))


def _record(head: Head, line: str | None, closed: Record) -> Message:
    """An hour, shift, wave, day or season that is over: what was counted in it, and the totals at its end."""
    quality = "good" if closed.complete and closed.sure else "estimated" if closed.complete else "partial"
    period = closed.period
    times = {"from": period.begin_s, "to": period.end_s, "counted_from": closed.from_s, "counted_to": closed.to_s}
    fields = head.fields(quality) | {"id": period.name or None, "left": closed.left}
    fields |= {name: 1000 * second for name, second in times.items()} | dict(closed.counted)
    fields |= {f"{role}_total": total for role, total in closed.totals.items()}
    return Message(closed.kind if line is None else f"line/{line}/{closed.kind}", compact(fields))


def event_fields(happened: Transition | EarlyWarning | Rebased | Drifted) -> Json:
    """The event's own fields; `event` says of which kind it is."""
    match happened:
        case Transition():
            return {
                "event": "state",
                "before": happened.before,
                "after": happened.after,
                "cause": happened.cause,
                "value": None if happened.value is None else round(happened.value, 4),
                "threshold": happened.threshold,
                "held_s": round(happened.held_s),
                "mode": happened.mode,
            }
        case EarlyWarning(level_min, raised, tts):
            told = {} if tts is None else {"tts_min": round(tts.min), "tts_lo_min": round(tts.lo)}
            hi = None if tts is None or tts.hi is None else round(tts.hi)
            return {"event": "warning", "warn_min": level_min, "raised": raised, **told, "tts_hi_min": hi}
        case Rebased(request, by, parcels, before):
            return {"event": "baseline", "request": request, "by": by, "parcels": parcels, "before": before}
        case Drifted(parcels):
            return {"event": "drift", "parcels": parcels}
