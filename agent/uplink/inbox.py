"""What the bureau says to this site: a few small commands of the contract; all else is counted and goes no further."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.bucket import TokenBucket
from agent.uplink.contract import Json, demand_schema
from agent.uplink.hearing import Heard

COMMANDS = ("mode", "plan", "baseline", "alarm", "resend", "receipt")
OF_DELIVERY = ("resend", "receipt")
"""Commands that have a `v`; an order has none, what else is in it is left alone."""
MAX_BYTES = 4096
RATE_PER_S = 1.0
BURST = 10
FLOOD = 1000
"""A connection that brought so many commands too much is cut: nobody steers a site that fast."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command as it came. `fields` is empty and `fault` says why where the payload is none."""

    name: str
    fields: Json
    retained: bool
    fault: str = ""


class Inbox:
    """Reads commands at no more than RATE_PER_S after BURST. `dropped` were too many, `strange` no command at all.

    `excess` is how many were too many on this connection.
    """

    def __init__(self, topic: Callable[[str], str]) -> None:
        self._names = {topic(f"cmd/{name}"): name for name in COMMANDS}
        self._bucket = TokenBucket(RATE_PER_S, BURST)
        self.dropped = 0
        self.excess = 0
        self.strange = 0

    @property
    def topics(self) -> Sequence[str]:
        """What to subscribe to."""
        return tuple(self._names)

    def begin(self) -> None:
        """A new connection."""
        self.excess = 0

    def read(self, heard: Heard, now_s: float) -> Command | None:
        """The command in that message; None when it is none, or one too many."""
        name = self._names.get(heard.topic)
        if name is None or not heard.payload:  # an empty payload is how a retained command is taken back
            self.strange += name is None
            self.excess += name is None
            return None
        if self._bucket.ready_in_s(now_s) > 0:
            self.dropped += 1
            self.excess += 1
            return None
        self._bucket.take()
        try:
            fields = parsed(heard.payload)
            if name in OF_DELIVERY:
                demand_schema(fields)
            return Command(name, fields, heard.retained)
        except ValueError as fault:
            return Command(name, {}, heard.retained, str(fault))


def parsed(payload: bytes) -> Json:
    """The JSON object in `payload`; ValueError with the reason for what two readers could take two ways."""
    if len(payload) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    try:
        fields = json.loads(payload, parse_constant=_no_constant, object_pairs_hook=_no_repeats)
    except RecursionError:
        raise ValueError("nested without end") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg} at {error.pos}") from None
    except UnicodeDecodeError:
        raise ValueError("no UTF-8") from None
    if not isinstance(fields, dict):
        raise ValueError("no object")
    return fields


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields
