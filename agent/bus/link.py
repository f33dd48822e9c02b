"""What is said about a link: why it cannot be used, and a change of its state once, not each attempt."""

from __future__ import annotations

from agent.bus.outcomes import LinkChanged

_REPEAT_S = 60.0


class LinkError(Exception):
    """The wire is down; the text says why, for people. The owner closes the link and backs off."""


class LinkState:
    """Up or down as last reported. While a link is down another reason is news at most once a minute."""

    __slots__ = ("_bus", "_said_s", "reason", "up")

    def __init__(self, bus: str) -> None:
        self._bus = bus
        self._said_s = 0.0
        self.up = False
        self.reason = ""

    def changed(self, up: bool, reason: str, now_s: float) -> LinkChanged | None:
        """The event of this observation, or None when it is no news."""
        same_side = up == self.up and self.reason != ""
        if same_side and (up or reason == self.reason or now_s - self._said_s < _REPEAT_S):
            return None
        self.up, self.reason, self._said_s = up, reason, now_s
        return LinkChanged(self._bus, up, reason, now_s)
