"""One message as a bureau stores it: identity, place, what it counts, and the mark by which a forgery is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agent.bureau.totals import Report, ended, join
from agent.bureau.view import RECEIPT, Heard, read_messages
from agent.load.reckoning import NOTHING, Reckoning
from agent.uplink import thin
from agent.uplink.contract import demand_schema

DEEPEST = 32
"""No message of an agent is nested so deeply, and what is can be read by nobody whose stack is nearly used up."""
_CHANGES_ON_THE_WAY = ("hist", "ts", "tsq")
"""What an agent may change of a message that it sends again: that it is late, and the hour once its clock is right."""

Counted: TypeAlias = dict[tuple[str, str, int], Reckoning]
"""By (site, counter, base) what was counted since that base began."""

Events: TypeAlias = dict[tuple[str, str, str], int]
"""By (site, stream, epoch) what the agent itself counted in that epoch."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message of `site` (`prov/city/site`), received. `mark` is the same however often it is sent."""

    site: str
    topic: str
    report: Report
    ts_ms: int | None
    clock: str | None
    boot: str | None
    mono_ms: int | None
    quality: str | None
    hist: bool
    mark: str
    payload: str
    before: tuple[tuple[str, int], ...] = ()
    """Of a `meta`: epochs before this one and their last numbers."""
    gone: tuple[Gone, ...] = ()
    """Of a `cmd/ack` or a loss record: messages that the agent no longer has."""
    untold_from: str | None = None
    """Of a `cmd/ack`: the epoch of the agent's oldest message, of which no receipt has told it."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Messages `first` to `last` of an epoch that will never come, and the agent's reason."""

    epoch: str
    first: int
    last: int
    reason: str


@dataclass(frozen=True, slots=True)
class Presence:
    """A `status`: birth, goodbye or will of the connection `sid` of a site's agent. It has no identity of its own.

    A birth names the agent's `epoch`; "" where none is named.
    """

    site: str
    online: bool
    sid: int
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a broker has kept of what `site` was told: by epoch the number up to which a bureau once had everything.

    A store that was restored from a backup knows from it what it has not any more.
    """

    site: str
    upto: tuple[tuple[str, int], ...]


Said: TypeAlias = Arrival | Presence | Receipt


def read(topic: str, payload: bytes, *, retained: bool = False) -> Iterator[Said]:
    """What an MQTT message, `retained` when the broker had kept it, holds: one message, or a frame of late ones;
    ValueError with the reason for other bytes, once all that is sound in the frame was given."""
    refused = None
    for heard in read_messages(topic, payload, retained=retained):
        try:
            arrival = _arrival(heard)
        except ValueError as fault:
            refused = fault
        else:
            yield arrival
    if refused is not None:
        raise refused


def _arrival(heard: Heard) -> Said:
    fields = heard.fields
    if heard.tail == "status":
        return _presence(heard.site, fields)
    if heard.tail == RECEIPT:
        return _receipt(heard.site, fields)
    payload = _kept(fields)
    return Arrival(
        site=heard.site,
        topic=heard.tail,
        report=Report.from_fields(fields),
        ts_ms=_whole(fields.get("ts")),
        clock=_word(fields.get("tsq"), 8),
        boot=_word(fields.get("boot"), 36),
        mono_ms=_whole(fields.get("mono_ms")),
        quality=_word(fields.get("q"), 16),
        hist=fields.get("hist") is True,
        mark=_mark(fields),
        payload=payload,
        before=tuple(_before(fields)) if heard.tail == "meta" else (),
        gone=tuple(_lost(fields) if heard.tail == thin.TAIL else _gone(fields) if heard.tail == "cmd/ack" else ()),
        untold_from=_untold_from(fields) if heard.tail == "cmd/ack" else None,
    )


def merged(arrivals: Iterable[Arrival]) -> tuple[Counted, Events]:
    """What the arrivals say together, by key in order: two writers then never wait for each other in a ring."""
    counted: Counted = {}
    events: Events = {}
    for one in arrivals:
        for counter, (base, reckoning) in one.report.counts.items():
            place = (one.site, counter, base)
            counted[place] = join(counted.get(place, NOTHING), reckoning)
        for epoch, counts in one.report.events.items():
            for stream, total in counts.items():
                where = (one.site, stream, epoch)
                events[where] = max(events.get(where, 0), total)
    return dict(sorted(counted.items())), dict(sorted(events.items()))


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**53 else None


def _presence(site: str, fields: Mapping[str, object]) -> Presence:
    sid, online = fields.get("sid"), fields.get("online")
    if type(sid) is not int or type(online) is not bool or not 0 <= sid < 2**53:
        raise ValueError("a status has `sid` and `online`")
    epoch = fields.get("epoch", "")
    return Presence(site, online, sid, Report.from_fields({**fields, "seq": 1}).epoch if epoch else "")


def _receipt(site: str, fields: Mapping[str, object]) -> Receipt:
    demand_schema(fields)
    epochs = fields.get("epochs")
    if not isinstance(epochs, dict):
        raise ValueError("a receipt has `epochs`")
    told = (Report.from_fields({"epoch": epoch, "seq": upto}) for epoch, upto in epochs.items())
    return Receipt(site, tuple((one.epoch, one.seq) for one in told))


def _kept(fields: Mapping[str, object]) -> str:
    """The message as JSON that any reader can read again, however it is stored."""
    if _is_deeper(fields, DEEPEST):
        raise ValueError("a message nested without end")
    return json.dumps(fields, separators=(",", ":"), allow_nan=False)


def _is_deeper(value: object, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(levels == 1 or _is_deeper(one, levels - 1) for one in inside if isinstance(one, dict | list))


def _mark(fields: Mapping[str, object]) -> str:
    said = {name: value for name, value in fields.items() if name not in _CHANGES_ON_THE_WAY}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def _before(fields: Mapping[str, object]) -> Iterator[tuple[str, int]]:
    for run in ended(fields):
        if isinstance(run, dict) and run.get("seq"):
            report = Report.from_fields({"epoch": run.get("epoch"), "seq": run["seq"]})
            yield report.epoch, report.seq


def _gone(fields: Mapping[str, object]) -> Iterable[Gone]:
    gone = fields.get("gone", [])
    for one in gone if isinstance(gone, list) else []:
        if not (isinstance(one, list) and len(one) == 3):
            raise ValueError("`gone` holds [first, last, reason]")
        first = Report.from_fields({"epoch": fields.get("of"), "seq": one[0]})
        last = Report.from_fields({"epoch": fields.get("of"), "seq": one[1]})
        if first.seq > last.seq:
            raise ValueError("`gone` holds a range that is none")
        yield Gone(first.epoch, first.seq, last.seq, _word(one[2], 40) or "unknown")


def _untold_from(fields: Mapping[str, object]) -> str | None:
    if fields.get("cmd") != "receipt":
        return None
    return Report.from_fields({"epoch": fields.get("untold_from"), "seq": 1}).epoch


def _lost(fields: Mapping[str, object]) -> Iterable[Gone]:
    why = _word(fields.get("reason"), 40) or "unknown"
    for epoch, first, last in thin.ranges(fields.get("lost")):
        yield Gone(Report.from_fields({"epoch": epoch, "seq": first}).epoch, first, last, why)


def _word(value: object, longest: int) -> str | None:
    return value[:longest] if isinstance(value, str) and value.isascii() and value.isprintable() else None
