"""How late messages travel: marked, their hour mended once the clock is right, many of them as one compressed frame."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence

from agent.load.instant import Instant
from agent.uplink.contract import Message, demand_schema
from agent.uplink.listed import listed

TAIL = "backlog"
FRAME_BYTES = 16 << 10
"""A frame holds so much at most before it is compressed, some forty messages: at 64 kB/s it takes 0.1 s on the line."""
FRAME_MESSAGES = 64
MAX_UNPACKED_BYTES = 1 << 20
_LEVEL = 1  # 2.4 times smaller for a tenth of the time that level 6 takes
_TRUST = {"none": 0, "rtc": 1, "ntp": 2}
_STAMP = re.compile(rb'\{"v":[0-9]+,"ts":([0-9]+),"tsq":"(none|rtc|ntp)","boot":"([0-9a-f-]+)","mono_ms":([0-9]+)')


def as_history(message: Message, now: Instant | None = None) -> Message:
    """The same message marked as late: `hist` appended, never retained, its hour mended where `now` knows better."""
    payload = restamped(message.payload, now)
    if payload.endswith(b"}") and len(payload) > 2:
        payload = payload[:-1] + b',"hist":true}'
    return Message(message.tail, payload, retain=False)


def restamped(payload: bytes, now: Instant | None) -> bytes:
    """The payload with `ts` as a better clock of the same boot tells it; the monotonic one knows how long ago."""
    found = _STAMP.match(payload) if now is not None else None
    if found is None or now is None:
        return payload
    _, trust, boot, mono_ms = found.groups()
    if _TRUST[now.quality] <= _TRUST[trust.decode()] or now.boot_id[:8].encode() != boot:
        return payload
    ts_ms = round(now.wall_s * 1000 - (now.boot_s * 1000 - int(mono_ms)))
    stamp = found[0].replace(b'"ts":' + found[1], b'"ts":%d' % ts_ms, 1)
    stamp = stamp.replace(b'"tsq":"' + trust, b'"tsq":"' + now.quality.encode(), 1)
    return stamp + payload[found.end() :]


def packed(messages: Sequence[Message]) -> Message:
    """Many messages as one: zlib over `{"v":1,"messages":[[topic below the site, payload], …]}`; no payload is null."""
    inside = b",".join(b'["%s",%s]' % (one.tail.encode(), one.payload or b"null") for one in messages)
    return Message(TAIL, zlib.compress(b'{"v":1,"messages":[' + inside + b"]}", _LEVEL))


def unpacked(payload: bytes) -> Iterator[tuple[str, dict[str, object]]]:
    """The topic and payload of each message in a frame, `hist` among the fields; ValueError for bytes that are none.

    Of one in which some are no messages all others are given before. One message is read after the other: a frame in
    memory as objects is ten times as large as its bytes.
    """
    opener = zlib.decompressobj()
    try:
        octets = opener.decompress(payload, MAX_UNPACKED_BYTES)
        if opener.unconsumed_tail or not opener.eof:
            raise ValueError(f"a frame of more than {MAX_UNPACKED_BYTES} bytes, or half of one")
        yield from each(listed(octets.decode(), "messages", _judge))
    except zlib.error as error:
        raise ValueError(f"no frame: {error}") from None
    except RecursionError:
        raise ValueError("a frame nested without end") from None


def _judge(name: object, value: object) -> None:
    """What a frame says of itself beside its messages."""
    if name == "v":
        demand_schema({"v": value})


def each(messages: object) -> Iterator[tuple[str, dict[str, object]]]:
    """The topic and payload of each `[topic, payload]`, `hist` among the fields; ValueError for anything else, once all
    that is sound was given."""
    if not isinstance(messages, list | tuple | Iterator):
        raise ValueError("no messages where some should be")
    strange = False
    for one in messages:
        if not (isinstance(one, list) and len(one) == 2 and isinstance(one[0], str)):
            strange = True
        elif isinstance(one[1], dict):
            yield one[0], {**one[1], "hist": True}
        else:
            strange = strange or one[1] is not None
    if strange:
        raise ValueError("a frame holds [topic, payload], the payload an object")
