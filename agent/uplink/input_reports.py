"""What is told of inputs and alarms: how each input stands, the alarms that do, and what began and ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.inputs.alarms import Alarm
from agent.inputs.signal import Signal
from agent.inputs.site import LineInputs, News
from agent.load.metric_rows import INPUTS
from agent.uplink.contract import Head, Json, Message, compact
from agent.uplink.reports import Counted, record
from config.device_settings import CounterRef
from config.input_settings import Input
from config.line_settings import Line


def line_fields(inputs: LineInputs | None) -> Json:
    """What the inputs of a line say, as fields of its telemetry."""
    return {} if inputs is None else INPUTS.fields(inputs)


def input_state(head: Head, signal: Signal) -> Message:
    """How one input stands; retained, on change, and with `state` where it measures."""
    for_s = round(head.at.boot_s - signal.since_s, 1)
    fields = head.fields("stale" if signal.state == "unknown" else "good") | _about(signal.input)
    told = {**fields, "state": signal.state, "for_s": for_s, "value": _rounded(signal.value)}
    return Message(f"input/{signal.input.id}/state", compact(told), retain=True)


def alarm(head: Head, of: Input, one: Alarm) -> Message:
    """An alarm that stands; retained until it does no more."""
    fields = head.fields("good" if one.known else "stale") | _about(of) | _told(one)
    return Message(f"alarm/{one.id}", compact({**fields, **_names(of)}), retain=True)


def cleared(name: str) -> Message:
    """The broker need not keep that alarm any more. An empty payload has no identity: the event has."""
    return Message(f"alarm/{name}", b"", retain=True)


def happened(head: Head, news: News) -> Message:
    """The event of it, on the line's topic or the site's."""
    of, change = news.input, news.change
    fields: dict[str, object] = head.fields() | {"event": "input" if news.alarm is None else "alarm", "input": of.id}
    fields |= _about(of) | ({} if news.alarm is None else _told(news.alarm)) | {"what": news.stage}
    if change is not None:
        fields |= {"before": change.before, "after": change.after, "value": _rounded(change.value)}
    return Message(f"line/{of.line}/event" if of.line else "event", compact(fields))


def last_gasp(head: Head, counts: Mapping[CounterRef, Counted]) -> Message:
    """The mains are gone: whatever may follow, the bureau has every total until now."""
    return Message("gasp", compact({**head.fields(), "reason": "mains", **record(counts)}))


def messages(head: Iterator[Head], news: News, signal: Signal) -> Iterator[Message]:
    """Everything that is told of one piece of news, each with a head of its own."""
    yield happened(next(head), news)
    if news.change is not None:
        yield input_state(next(head), signal)
    if news.alarm is None or (news.alarm.over_ms is not None and news.stage == "acknowledged"):
        return
    yield cleared(news.input.id) if news.stage == "ended" else alarm(next(head), news.input, news.alarm)


def _about(of: Input) -> dict[str, object]:
    return {"as": of.kind, "line": of.line or None, "class": of.alarm_class, "severity": of.severity}


def _told(one: Alarm) -> dict[str, object]:
    return {
        "onset": one.onset_ms,
        "first": one.first,
        "value": _rounded(one.value),
        "acked_by": one.acked_by or None,
        "over": one.over_ms,
        **({"exercise": True} if one.exercise else {}),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def listed(one: Alarm, of: Input | None, lines: Mapping[str, Line]) -> Json:
    """An alarm as it is listed for people; one that is over may be of an input that the settings have no more."""
    about = {} if of is None else _about(of) | _names(of) | _names(lines.get(of.line), "line_")
    return {"alarm": one.id, "known": one.known, **about, **_told(one)}


def _names(of: Input | Line | None, prefix: str = "") -> dict[str, object]:
    return {} if of is None else {f"{prefix}name_zh": of.name_zh, f"{prefix}name_en": of.name_en}
