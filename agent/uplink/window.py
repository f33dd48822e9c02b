"""What has been sent and waits for its PUBACK: how much more may be sent, and how long the oldest has waited."""

from __future__ import annotations

from dataclasses import dataclass

FIRST = 32
"""Each in flight takes two kilobytes in paho (a condition of its own with a lock and a queue), until a broker that fell
silent is given up: what comes meanwhile piles up to this."""
LARGEST = 100
"""So far the window of a connection grows where a long way needs it."""
LONG_WAY_S = (0.05, 2.0)
"""Round trips of a long way: over a shorter one FIRST are 640 messages a second, one by one, and what takes longer
tells of a line that stood still. A narrow line looks the same until its queue is two seconds long."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One PUBLISH in flight: the spool's positions in it; none for birth and retained documents."""

    tail: str
    positions: tuple[int, ...]
    backlog: bool
    size_bytes: int
    sent_s: float

    @property
    def key(self) -> int | str:
        """What tells this message from others over connections."""
        return self.positions[0] if self.positions else self.tail


class Window:
    """Messages in flight by packet id, oldest first. Backlog takes half of it: live never queues behind."""

    __slots__ = ("_allowed", "_backlog", "_capacity", "_positions", "_sent", "backlog_bytes")

    def __init__(self, receive_maximum: int) -> None:
        self._allowed = max(1, receive_maximum)
        self._capacity = min(self._allowed, FIRST)
        self._sent: dict[int, Sent] = {}
        self._positions: set[int] = set()
        self._backlog = 0
        self.backlog_bytes = 0

    def __len__(self) -> int:
        return len(self._sent)

    def __contains__(self, position: object) -> bool:
        return position in self._positions

    @property
    def open(self) -> bool:
        return len(self._sent) < self._capacity

    @property
    def open_for_farewell(self) -> bool:
        """Whether the broker takes one more, whatever we hold ourselves to."""
        return len(self._sent) < self._allowed

    @property
    def open_for_backlog(self) -> bool:
        return self.open and self._backlog < self._capacity - self._capacity // 2

    @property
    def records(self) -> int:
        """How many of them come from the spool."""
        return len(self._positions)

    def put(self, packet: int, sent: Sent) -> None:
        self._sent[packet] = sent
        self._positions.update(sent.positions)
        if sent.backlog:
            self._backlog += 1
            self.backlog_bytes += sent.size_bytes

    def take(self, packet: int, now_s: float) -> Sent | None:
        """The message that packet id was, no longer in flight; None for an id nobody sent."""
        sent = self._sent.get(packet)
        if sent is not None:
            self._widen(sent, now_s - sent.sent_s)
            del self._sent[packet]
            self._positions.difference_update(sent.positions)
            if sent.backlog:
                self._backlog -= 1
                self.backlog_bytes -= sent.size_bytes
        return sent

    def _widen(self, sent: Sent, round_trip_s: float) -> None:
        """By one where the window, and not the pace, held back what is of this kind."""
        held_back = not (self.open_for_backlog if sent.backlog else self.open)
        if held_back and LONG_WAY_S[0] <= round_trip_s <= LONG_WAY_S[1]:
            self._capacity = min(self._capacity + 1, self._allowed, LARGEST)

    def oldest(self) -> Sent | None:
        """The first in flight: a broker that closes on a message most likely closes on this one."""
        return next(iter(self._sent.values()), None)
