"""Which MQTT to speak: 5 first, 3.1.1 for a while with a broker that will not have 5."""

from __future__ import annotations

from typing import Literal

Version = Literal["5", "3.1.1"]

REFUSED_S = 3600.0
"""How long a broker's plain "unsupported protocol version" is remembered."""
DOUBTED_S = 600.0
"""How long 3.1.1 is kept when 5 met with silence or a hang-up: that may have been the line. Doubles each time."""
LONGEST_S = 24 * 3600.0
QUICK_ANSWER_S = 3.0
"""A 3.1.1 broker may wait for ever for the rest of a CONNECT of MQTT 5 (amqtt does)."""


class Dialect:
    """The version of the next attempt, learnt from how the last ones ended. Who once took 5 is not doubted."""

    __slots__ = ("_doubt_s", "_five_is_proven", "_until_s")

    def __init__(self) -> None:
        self._five_is_proven = False
        self._until_s = 0.0
        self._doubt_s = DOUBTED_S

    def choose(self, now_s: float) -> Version:
        return "3.1.1" if now_s < self._until_s else "5"

    def answer_s(self, spoken: Version, setup_s: float, longest_s: float) -> float:
        """How long to wait for the CONNACK: not long, for what reaching it took, where 5 may be unknown."""
        if spoken == "3.1.1" or self._five_is_proven:
            return longest_s
        return min(longest_s, max(QUICK_ANSWER_S, 10 * setup_s))

    def accepted(self, spoken: Version) -> None:
        self._five_is_proven |= spoken == "5"

    def refused(self, spoken: Version, now_s: float, *, plainly: bool) -> bool:
        """The broker did not accept `spoken` (`plainly`: it said so). True when the other is worth trying now."""
        if spoken == "3.1.1":
            self._until_s = 0.0
            return False
        if self._five_is_proven and not plainly:
            return False
        self._until_s = now_s + (REFUSED_S if plainly else self._doubt_s)
        self._doubt_s = min(2 * self._doubt_s, LONGEST_S)
        return True

    def is_outgrown(self, spoken: Version, now_s: float) -> bool:
        """3.1.1 hides what a broker refuses: when its time is over, 5 is worth a reconnection."""
        return spoken == "3.1.1" and now_s >= self._until_s
