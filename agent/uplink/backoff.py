"""How long to wait before the next attempt: full jitter, lest ten thousand sites return in the same second."""

from __future__ import annotations

from collections.abc import Callable
from random import SystemRandom

FIRST_S = 1.0
CAP_S = 120.0
HEALTHY_S = 60.0
"""Only a connection that lasted this long clears the record: two clones that throw each other out must slow down."""
TAKEN_OVER_S = 60.0

Uniform = Callable[[float, float], float]

_UNIFORM: Uniform = SystemRandom().uniform


class Backoff:
    """Delays drawn from [0, bound], the bound doubling from one second to two minutes."""

    __slots__ = ("_bound_s", "_uniform")

    def __init__(self, uniform: Uniform = _UNIFORM) -> None:
        self._uniform = uniform
        self._bound_s = FIRST_S

    def ended(self, lasted_s: float) -> None:
        """A connection ended after so many seconds of health (0 when it never came up)."""
        if lasted_s >= HEALTHY_S:
            self._bound_s = FIRST_S

    def delay_s(self, *, taken_over: bool = False) -> float:
        """The next delay; at least a minute where somebody else uses our name."""
        delay_s = self._uniform(0.0, self._bound_s)
        self._bound_s = min(2 * self._bound_s, CAP_S)
        return TAKEN_OVER_S + delay_s if taken_over else delay_s
