"""Which MQTT to speak: 5 first, 3.1.1 for a while with a broker that will not have 5."""

from __future__ import annotations

from typing import Literal

Version = Literal["5", "3.1.1"]

REFUSED_S = 3600.0
"""How long a broker's plain "unsupported protocol version" is remembered."""
HUNG_UP_S = 600.0
"""How long 3.1.1 is kept when 5 was merely hung up on: that may have been the line."""


class Dialect:
    """The version of the next attempt, learnt from how the last ones ended."""

    __slots__ = ("_until_s",)

    def __init__(self) -> None:
        self._until_s = 0.0

    def choose(self, now_s: float) -> Version:
        return "3.1.1" if now_s < self._until_s else "5"

    def refused(self, spoken: Version, now_s: float, *, plainly: bool) -> bool:
        """The broker did not accept `spoken` (`plainly`: it said so). True when the other is worth trying now."""
        if spoken == "5":
            self._until_s = now_s + (REFUSED_S if plainly else HUNG_UP_S)
            return True
        self._until_s = 0.0
        return False
