"""What leaves next for the broker: a live message as it is, late ones together in frames, at the pace they may have."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from agent.bucket import TokenBucket
from agent.load.instant import Instant
from agent.uplink.contract import Message
from agent.uplink.lanes import Lanes, Record
from agent.uplink.late import FRAME_BYTES, FRAME_MESSAGES, TAIL, as_history, packed

LEAST_PER_S, MOST_PER_S = 1.0, 100_000.0
"""What a bureau may advise."""
_REREAD_S = 1.0
_EXTRA_BYTES = 32
"""More than brackets, `hist` and a mended hour add to a message in a frame."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """One PUBLISH: the message, and the spool's positions in it (none for birth and retained documents)."""

    message: Message
    positions: tuple[int, ...] = ()
    backlog: bool = False
    again: bool = False


class Shipping:
    """Draws from the lanes. Late messages pass `backlog_per_s` at most, or what the bureau advises instead."""

    def __init__(self, lanes: Lanes, backlog_per_s: float, now: Callable[[], Instant]) -> None:
        self._lanes = lanes
        self._own_per_s = backlog_per_s
        self._bucket = TokenBucket(backlog_per_s)
        self._now = now
        self._singly_below = 0
        self.framed = True
        """False where this account may not write frames."""

    def advise(self, per_s: object) -> None:
        """Take the bureau's advice; what is none is the site's own pace again."""
        advised = isinstance(per_s, int | float) and not isinstance(per_s, bool) and LEAST_PER_S <= per_s <= MOST_PER_S
        self._bucket.pace(float(per_s) if advised and isinstance(per_s, int | float) else self._own_per_s)

    def singly(self, positions: tuple[int, ...]) -> None:
        """A broker hung up on these together: each goes alone, so that the one that it does not take is found."""
        self._singly_below = max(self._singly_below, *positions) + 1

    def live(self, held: Container[str]) -> Shipment | None:
        """The next live message."""
        record = self._lanes.next_live(held)
        return None if record is None else Shipment(record.message, (record.position,))

    def late(self, held: Container[str], in_flight: Container[int], most_bytes: int | None) -> Shipment | None:
        """As many late messages as pace, frame and the broker's packet hold, one where frames are held back.

        The caller asks `late_in_s` first.
        """
        records = self._gather(held, in_flight, min(FRAME_BYTES, most_bytes or FRAME_BYTES))
        if not records:
            if self._lanes.rest():
                self._bucket.rest(_REREAD_S)
            return None
        self._bucket.take(len(records))
        return self._shipment(records)

    def alone(self, position: int) -> Shipment | None:
        """The message at `position`; None when it is done with or gone."""
        record = self._lanes.fetch(position)
        return None if record is None else self._shipment([record])

    def late_in_s(self, now_s: float) -> float | None:
        """Seconds until the pace lets late messages pass, a frame full where so many wait; None when none waits."""
        waiting = self._lanes.late
        return None if not waiting else self._bucket.ready_in_s(now_s, min(waiting, FRAME_MESSAGES))

    def _gather(self, held: Container[str], in_flight: Container[int], most_bytes: int) -> list[Record]:
        records: list[Record] = []
        size_bytes = 0
        while len(records) < min(FRAME_MESSAGES, self._bucket.whole):
            if (record := self._lanes.next_late(held, in_flight)) is None:
                break
            size_bytes += len(record.message.payload) + len(record.message.tail) + _EXTRA_BYTES
            alone = not self.framed or TAIL in held or record.position < self._singly_below
            if records and (alone or size_bytes > most_bytes):
                self._lanes.put_back(record)
                break
            records.append(record)
            if alone:
                break
        return records

    def _shipment(self, records: list[Record]) -> Shipment:
        now = self._now()
        late = [as_history(one.message, now) for one in records]
        positions = tuple(one.position for one in records)
        return Shipment(late[0] if len(late) == 1 else packed(late), positions, backlog=True, again=records[0].again)
