"""What a bureau knows of its sites from their messages: totals, the latest of each topic, who is online."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.bureau.totals import Report, Totals
from agent.uplink import late, thin
from agent.uplink.contract import ROOT, demand_schema
from agent.uplink.inbox import COMMANDS

MAX_PAYLOAD_BYTES = 1 << 20
RECEIPT = "cmd/receipt"
TAKEN_BACK = "alarm/"
"""An empty payload there is an alarm that is over."""
MAX_TOPICS = 1000
"""Topics remembered of one site; a site has a few for each line and device."""
MAX_SITES = 10_000

_TO_THE_SITE = frozenset(f"cmd/{name}" for name in COMMANDS)
_TOPIC = re.compile(re.escape(ROOT) + r"/([0-9]{2}/[0-9]{4}/[a-z0-9-]{1,32})/([a-z0-9_-]+(?:/[a-z0-9_-]+){0,3})")


@dataclass(frozen=True, slots=True)
class Heard:
    """One good message: the site as `prov/city/site`, the topic below it, the payload."""

    site: str
    tail: str
    fields: Mapping[str, object]


@dataclass(slots=True)
class SiteView:
    """One site as its messages tell it. `online` is None until its status was heard; `sid` is its last birth's."""

    path: str
    totals: Totals = field(default_factory=Totals)
    latest: dict[str, Mapping[str, object]] = field(default_factory=dict)
    online: bool | None = None
    sid: int = 0
    live_since: dict[str, int] = field(default_factory=dict)
    """For each epoch the first message that came as it was made; what is older was published before we listened."""

    def hear(self, tail: str, fields: Mapping[str, object], *, retained: bool = False) -> None:
        """Take a message in; ValueError, and nothing changed, when it is none of an agent's."""
        if tail == "status":
            is_news = self._status(fields)
        else:
            report = Report.from_fields(fields)
            self.totals.merge(report)
            if not retained and not fields.get("hist"):
                self.live_since.setdefault(report.epoch, report.seq)
            is_news = not fields.get("hist") and not _is_older(fields, self.latest.get(tail, {}))
        if is_news and (tail in self.latest or len(self.latest) < MAX_TOPICS):
            self.latest[tail] = fields

    @property
    def gaps(self) -> dict[str, list[tuple[int, int]]]:
        """By epoch the ranges that did not come of what was made since we listen."""
        since = self.live_since
        found = {
            epoch: [gap for gap in gaps if gap[0] > since[epoch]]
            for epoch, gaps in self.totals.gaps().items()
            if epoch in since
        }
        return {epoch: gaps for epoch, gaps in found.items() if gaps}

    @property
    def missing(self) -> int:
        """How many messages these are."""
        return sum(last - first + 1 for gaps in self.gaps.values() for first, last in gaps)

    def _status(self, fields: Mapping[str, object]) -> bool:
        """Whether it is news. A death that belongs to an earlier connection than the last birth (a late will) is none.

        A birth always is: on a new card sids begin anew.
        """
        sid, online = fields.get("sid"), fields.get("online")
        if type(sid) is not int or type(online) is not bool:
            raise ValueError("a status has `sid` and `online`")
        if not online and sid < self.sid:
            return False
        self.online = online
        if online:
            self.sid = sid
        return True


class View:
    """All sites heard of. `rejected` counts messages that were no agent's: foreign, malformed, too large."""

    def __init__(self) -> None:
        self.sites: dict[str, SiteView] = {}
        self.rejected = 0

    def hear(self, topic: str, payload: bytes, *, retained: bool = False) -> list[Heard]:
        """Take one MQTT message in, `retained` when the broker had kept it; what it held that is an agent's.

        Never raises, whatever the bytes are.
        """
        good: list[Heard] = []
        if not payload:
            self._take_back(topic)
        try:
            good.extend(heard for heard in read_messages(topic, payload) if self._hear(heard, retained=retained))
        except ValueError:
            self.rejected += 1
        return good

    def _hear(self, heard: Heard, *, retained: bool) -> bool:
        """Whether it is an agent's; one in a frame that is none costs the others nothing."""
        try:
            self._site(heard.site).hear(heard.tail, heard.fields, retained=retained)
        except ValueError:
            self.rejected += 1
            return False
        return True

    def _take_back(self, topic: str) -> None:
        """The broker need not keep that document any more."""
        found = _TOPIC.fullmatch(topic)
        if found is not None and found[1] in self.sites and found[2].startswith(TAKEN_BACK):
            self.sites[found[1]].latest.pop(found[2], None)

    def site(self, name: str) -> SiteView:
        """The site by its id or its `prov/city/site`; an empty one when it was never heard of."""
        found = (view for path, view in self.sites.items() if name in (path, path.rpartition("/")[2]))
        return next(found, SiteView(name))

    def _site(self, path: str) -> SiteView:
        if path not in self.sites:
            if len(self.sites) >= MAX_SITES:
                raise ValueError("more sites than there can be")
            self.sites[path] = SiteView(path)
        return self.sites[path]


def _is_older(fields: Mapping[str, object], known: Mapping[str, object]) -> bool:
    """Whether the agent made these `fields`, which are sound, before those that are known."""
    seq, known_seq = fields.get("seq"), known.get("seq")
    return (
        fields.get("epoch") == known.get("epoch")
        and isinstance(seq, int)
        and isinstance(known_seq, int)
        and seq < known_seq
    )


def read_messages(topic: str, payload: bytes, *, retained: bool = False) -> Iterator[Heard]:
    """The message behind an MQTT topic and payload, or all that a frame of late ones holds; ValueError for others.

    What a bureau says to a site (`cmd/receipt` and its like) is heard by whoever follows that site: it holds none, but
    for a receipt that the broker had kept. Nor does an empty one that takes an alarm back.
    """
    found = _TOPIC.fullmatch(topic)
    if found is None or len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError("not a topic of the contract")
    site, tail = found.groups()
    if retained and tail == RECEIPT and payload:
        yield Heard(site, tail, _object(payload))
    if tail in _TO_THE_SITE or (not payload and tail.startswith(TAKEN_BACK)):
        return
    if tail != late.TAIL:
        yield from _expanded(site, tail, _object(payload))
        return
    yield from _sound(_of_frame(site, inner, fields) for inner, fields in late.unpacked(payload))


def _of_frame(site: str, inner: str, fields: dict[str, object]) -> Iterator[Heard]:
    _demand_topic(site, inner)
    yield from _expanded(site, inner, fields)


def _expanded(site: str, tail: str, fields: dict[str, object]) -> Iterator[Heard]:
    """The message itself; behind a loss record the messages that stay of those it stands for."""
    stay = fields.pop("messages", ()) if tail == thin.TAIL else ()
    if stay:
        demand_schema(fields)
    yield Heard(site, tail, fields)
    yield from _sound(_of_loss(site, inner, one) for inner, one in late.each(stay))


def _of_loss(site: str, inner: str, fields: dict[str, object]) -> Iterator[Heard]:
    _demand_topic(site, inner)
    if inner == thin.TAIL:
        raise ValueError("a loss record within a loss record")
    yield Heard(site, inner, fields)


def _sound(parts: Iterable[Iterator[Heard]]) -> Iterator[Heard]:
    """What all the parts give, whatever one of them is; then ValueError, where one was none."""
    refused = None
    for part in parts:
        try:
            yield from part
        except ValueError as fault:
            refused = fault
    if refused is not None:
        raise refused


def _demand_topic(site: str, inner: str) -> None:
    if not _TOPIC.fullmatch(f"{ROOT}/{site}/{inner}") or inner in {"status", late.TAIL, *_TO_THE_SITE}:
        raise ValueError("a frame holds a topic that is none")


def _object(payload: bytes) -> dict[str, object]:
    try:
        fields = json.loads(payload)
    except RecursionError:
        raise ValueError("a message nested without end") from None
    if not isinstance(fields, dict):
        raise ValueError("a message is an object")
    return fields
