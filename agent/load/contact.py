"""One contact of a compartment made steady: a change is believed once it has lasted, one that never rests is not."""

from __future__ import annotations

from typing import NamedTuple

FLAPS = 10
FLAPS_S = 60.0
"""A contact that changes more often than FLAPS times in FLAPS_S is flapping, until it has rested for FLAPS_S."""

_EACH_S = FLAPS_S / FLAPS


class Change(NamedTuple):
    """It has steadily been otherwise since `at_s` (boot clock). `seen` False: nobody saw when that came about."""

    at_s: float
    seen: bool


class Contact:
    """A door's or an item sensor's contact. Times are boot-clock seconds and never go back.

    `state` is what it last was for sure, None before that is known; `now` is None also while nothing is heard of it,
    while the board cannot tell, and while it flaps. The first state, and the one after flapping, are no changes.
    """

    __slots__ = ("_calm_s", "_gap", "_raw", "_since_s", "_steady_s", "flapping", "live", "state")

    def __init__(self, steady_s: float) -> None:
        self._steady_s = steady_s
        self._raw: bool | None = None
        self._since_s = 0.0
        self._calm_s = 0.0
        self._gap = True
        self.state: bool | None = None
        self.live = False
        self.flapping = False

    @property
    def now(self) -> bool | None:
        """What it is now, as far as that is known."""
        return self.state if self.live and not self.flapping else None

    @property
    def raw(self) -> bool | None:
        """What the board said last; None when it said that it does not know, or nothing is heard."""
        return self._raw

    @property
    def since_s(self) -> float:
        """Since when the board says what it said last."""
        return self._since_s

    @property
    def waiting(self) -> bool:
        """Whether the next reading matters even when it is like the last."""
        return self.flapping or (self._raw is not None and (self._raw != self.state or not self.live))

    def restore(self, state: bool) -> None:
        """It was `state` before the process began; what happened since is not known."""
        self.state = state

    def away(self) -> None:
        """Nothing is heard of it any more: nobody knows what it does meanwhile."""
        self._raw, self.live, self._gap = None, False, True

    def forget(self, at_s: float) -> None:
        """Find out anew what it is, from now on."""
        self.state, self.live, self._since_s = None, False, at_s

    def hear(self, raw: bool | None, at_s: float, *, restless: bool = True) -> Change | None:
        """Take a reading in; what has steadily changed is told with each until it is `accept`ed.

        `restless` False: a change now is in the nature of things and no sign of a bad contact.
        """
        if raw is None:
            self.away()
            return None
        if raw is not self._raw:
            self._turned(raw, at_s, counts=restless and self._raw is not None)
        if self.flapping:
            self._rest(at_s)
        elif raw is self.state:
            self.live, self._gap = True, False
        elif at_s - self._since_s >= self._steady_s:
            if self.state is not None:
                return Change(self._since_s, not self._gap)
            self.accept()
        return None

    def accept(self) -> None:
        """It is what the board says."""
        self.state, self.live, self._gap = self._raw, True, False

    def _turned(self, raw: bool, at_s: float, *, counts: bool) -> None:
        self._raw, self._since_s = raw, at_s
        if not counts:
            return
        self._calm_s = min(max(self._calm_s, at_s) + _EACH_S, at_s + FLAPS_S)
        if self._calm_s > at_s + FLAPS_S - _EACH_S:
            self.flapping = True

    def _rest(self, at_s: float) -> None:
        """Flapping ends when the contact has rested; what it is then is found out anew."""
        if at_s >= self._calm_s and at_s - self._since_s >= self._steady_s:
            self.flapping = False
            self.forget(self._since_s)
