"""How much of the backlog may be under way: as much as the line takes without making live messages wait.

The delay-based rule of LEDBAT (RFC 6817): an acknowledgement that comes later than on an idle line tells how much
stands in the queues before us. Below the target the backlog may have more under way, above it less.
"""

from __future__ import annotations

TARGET_S = 0.1
"""RFC 6817, 2.3: at most 100 ms of queue."""
LEAST_BYTES = 4 << 10
FIRST_BYTES = 16 << 10
MOST_BYTES = 512 << 10
_BASE_KEPT_S = 60.0


class Room:
    """The room of one connection. Times are seconds on the boot-time clock."""

    __slots__ = ("_base_s", "_base_since_s", "_older_base_s", "bytes")

    def __init__(self) -> None:
        self.bytes = FIRST_BYTES
        self._base_s = self._older_base_s = float("inf")
        self._base_since_s = 0.0

    def acknowledged(self, size_bytes: int, round_trip_s: float, now_s: float) -> None:
        """A message of `size_bytes` of the backlog was acknowledged `round_trip_s` after it was sent."""
        self.observe(round_trip_s, now_s)
        queued_s = round_trip_s - min(self._base_s, self._older_base_s)
        share = max(-1.0, (TARGET_S - queued_s) / TARGET_S)
        grown = self.bytes + share * size_bytes
        self.bytes = int(min(max(grown, LEAST_BYTES), MOST_BYTES))

    def observe(self, round_trip_s: float, now_s: float) -> None:
        """Any acknowledgement tells how fast the line can be; what it could a while ago is forgotten."""
        if now_s - self._base_since_s > _BASE_KEPT_S:
            self._older_base_s, self._base_s, self._base_since_s = self._base_s, float("inf"), now_s
        self._base_s = min(self._base_s, round_trip_s)
