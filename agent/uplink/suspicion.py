"""Which message may be the one that makes a broker hang up, and when it is set aside so that the others can pass."""

from __future__ import annotations

from agent.uplink.window import Sent

NAMED = frozenset({0x81, 0x82, 0x90, 0x95, 0x99, 0x9A, 0x9B})
"""MQTT 5 reasons of a DISCONNECT that lie in a message: malformed, protocol error, topic, size, format, retain, QoS."""

_LIMIT = 10
_NAMED_WEIGHT = 4
"""Three disconnects with such a reason are proof. A mere hang-up looks like a bad line: of those it takes ten."""


class Suspicion:
    """The one suspect. While there is one it travels alone, so that a hang-up can only mean it."""

    __slots__ = ("_weight", "suspect")

    def __init__(self) -> None:
        self.suspect: int | str | None = None
        self._weight = 0

    def ended(self, oldest: Sent | None, code: int | None) -> int | str | None:
        """A proven connection ended with `oldest` in flight; the key of a message that is now to be set aside."""
        if oldest is None or (code is not None and code not in NAMED):
            return None
        if oldest.key != self.suspect:
            self.suspect, self._weight = oldest.key, 0
        self._weight += 1 if code is None else _NAMED_WEIGHT
        if self._weight < _LIMIT:
            return None
        self.suspect = None
        return oldest.key

    def passed(self, key: int | str) -> None:
        """The broker took that message."""
        if key == self.suspect:
            self.suspect = None
