"""What stays of old messages when the spool has no room for all: the last of each short while, exact for every total.

Totals only grow and stand in every message, so what goes is the detail between; the last message of each topic and
epoch always stays, for an epoch's own counts stand nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from agent.uplink.contract import Json, Message, compact
from agent.uplink.late import each

TAIL = "loss"
FULL = "spool full"
TOO_LARGE = "larger than the broker takes"
HEAD_BYTES = 512
"""More than a loss record has beside ranges and messages."""
WINDOW_MS = 600_000
"""Of each line's telemetry one message in ten minutes stays."""
AGAIN_MS = 3_600_000
"""Of what was thinned before one in an hour: otherwise it would only be written anew, for no room gained."""
FULL_BYTES = 32 << 10
FULL_MESSAGES = 2000
_SPAN_BYTES = 32


class Span(NamedTuple):
    """Numbers `first` to `last` of one epoch."""

    epoch: str
    first: int
    last: int


class Thinned:
    """Messages go in, oldest first; what comes out stands for all of them. `is_full`: begin another."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], tuple[str, Json, int]] = {}
        self._spans: list[Span] = []
        self._bytes = 0
        self.messages = 0

    @property
    def is_full(self) -> bool:
        """As much as one message of ours may stand for."""
        return self._bytes >= FULL_BYTES or self.messages >= FULL_MESSAGES

    def has_room(self, record_bytes: int) -> bool:
        """Whether a record of that size goes in and this stays what one commit of the smallest spool can take."""
        return not self.messages or self._bytes + record_bytes <= FULL_BYTES

    def add(self, message: Message) -> None:
        """Take one in; what is no message of the contract is of no use to anybody and counts for nothing."""
        self.messages += 1
        try:
            fields = json.loads(message.payload)
        except ValueError:
            return
        if not isinstance(fields, dict) or not self._spans_over(fields):
            return
        if message.tail == TAIL:
            self._take_over(fields)
        else:
            self._keep(message.tail, fields, len(message.payload))

    def fields(self) -> Json:
        """The payload of the loss record: numbers that will not come one by one, and the messages that stay of them."""
        return {
            "reason": FULL,
            "lost": [list(span) for span in coalesced(self._spans)],
            "messages": [[tail, fields] for tail, fields, _ in self._kept.values()],
        }

    def parts(self, most_bytes: int) -> list[Json]:
        """The same as several loss records, where one of more than `most_bytes` beside its head would be needed."""
        fields = self.fields()
        if _size_bytes(fields) <= most_bytes:
            return [fields]
        kept = [[tail, one] for tail, one, _ in self._kept.values()]
        return _divided(coalesced(self._spans), kept, most_bytes, FULL, too_large=FULL)

    def _take_over(self, fields: Json) -> None:
        """An earlier loss record: this one stands for what that stood for."""
        with suppress(ValueError):
            before = list(ranges(fields.get("lost")))
            self._spans += before
            self._bytes += _SPAN_BYTES * len(before)
            for tail, one in each(fields.get("messages")):
                self._keep(tail, one, len(compact(one)), AGAIN_MS)

    def _spans_over(self, fields: Json) -> bool:
        epoch, seq = fields.get("epoch"), fields.get("seq")
        if not isinstance(epoch, str) or not isinstance(seq, int):
            return False
        last = self._spans[-1] if self._spans else None
        if last is not None and last.epoch == epoch and last.last + 1 == seq:
            self._spans[-1] = last._replace(last=seq)
        else:
            self._spans.append(Span(epoch, seq, seq))
            self._bytes += _SPAN_BYTES
        return True

    def _keep(self, tail: str, fields: Json, size_bytes: int, window_ms: int = WINDOW_MS) -> None:
        key = _key(tail, fields, window_ms)
        self._bytes += size_bytes - self._kept.pop(key, ("", {}, 0))[2]
        self._kept[key] = (tail, fields, size_bytes)


def coalesced(spans: Iterable[Span]) -> list[Span]:
    """The same numbers in the fewest spans, by epoch."""
    found: list[Span] = []
    for span in sorted(spans):
        last = found[-1] if found else None
        if last is not None and last.epoch == span.epoch and span.first <= last.last + 1:
            found[-1] = last._replace(last=max(last.last, span.last))
        else:
            found.append(span)
    return found


def parted(payload: bytes, most_bytes: int) -> list[Json]:
    """The fields of several loss records that together stand for this one, itself among what is lost, each of about
    `most_bytes`. A message that is larger alone does not stay; the first of them says so. Empty for a payload that is
    none."""
    try:
        fields = json.loads(payload)
        lost = [Span(fields["epoch"], fields["seq"], fields["seq"]), *ranges(fields["lost"])]
        return _divided(lost, fields["messages"], most_bytes, fields.get("reason"), too_large=TOO_LARGE)
    except (ValueError, KeyError, TypeError):
        return []


def _divided(
    lost: Sequence[Span], kept: Sequence[Any], most_bytes: int, reason: object, *, too_large: str
) -> list[Json]:
    """Raises ValueError, KeyError and TypeError for what are no messages of ours."""
    sized = [(_size_bytes(one), one) for one in kept]
    large = [Span(one["epoch"], one["seq"], one["seq"]) for size, (_, one) in sized if size > most_bytes]
    away = [("lost", list(span)) for span in large]
    stays = [
        *(("messages", one) for size, one in sized if size <= most_bytes),
        *(("lost", list(span)) for span in lost),
    ]
    return [*_filled(away, most_bytes, too_large), *_filled(stays, most_bytes, reason)]


def _filled(items: Iterable[tuple[str, object]], most_bytes: int, reason: object) -> Iterator[Json]:
    """As few loss records as hold the items, in their order."""
    part: dict[str, list[object]] = {"lost": [], "messages": []}
    left_bytes = most_bytes
    for name, item in items:
        left_bytes -= _size_bytes(item)
        if left_bytes < 0 and any(part.values()):
            yield {"reason": reason, **part}
            part, left_bytes = {"lost": [], "messages": []}, most_bytes - _size_bytes(item)
        part[name].append(item)
    if any(part.values()):
        yield {"reason": reason, **part}


def _size_bytes(item: object) -> int:
    """What it takes in a payload, with its comma."""
    return len(compact({"": item})) - len('{"":}') + 1


def _key(tail: str, fields: Json, window_ms: int) -> tuple[object, ...]:
    """Of messages with the same key the last stays."""
    ts_ms = fields.get("ts")
    kind = tail.rpartition("/")[2]
    if kind == "telemetry":
        return tail, fields.get("epoch"), window_ms, ts_ms // window_ms if isinstance(ts_ms, int) else 0
    if kind in {"state", "health", "meta"}:
        return tail, fields.get("epoch")
    return tail, fields.get("epoch"), fields.get("seq")


def ranges(lost: object) -> Iterable[Span]:
    """The ranges in a loss record; ValueError when they are none."""
    if not isinstance(lost, list):
        raise ValueError("`lost` holds ranges")
    for one in lost:
        if not (isinstance(one, list) and len(one) == 3 and isinstance(one[0], str)):
            raise ValueError("`lost` holds [epoch, first, last]")
        if type(one[1]) is not int or type(one[2]) is not int or not 1 <= one[1] <= one[2] < 2**53:
            raise ValueError("`lost` holds a range that is none")
        yield Span(*one)
