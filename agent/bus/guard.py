"""The last gate before a wire: nothing leaves but what the wire's drivers vouch for, whatever a bug may have made."""

from __future__ import annotations

from drivers import Guard


class ForbiddenFrameError(Exception):
    """A frame was about to be sent that no driver of the wire vouches for: a bug. Nothing was sent."""


def nothing(frame: bytes) -> bool:
    """The guard of a wire that is only listened to, and of every wire that was given no other."""
    return False


def any_of(*guards: Guard) -> Guard:
    """The guard of a wire on which several device languages are spoken."""
    return lambda frame: any(allows(frame) for allows in guards)


def check_outgoing(frame: bytes, guard: Guard) -> None:
    """Return when `guard` lets `frame` pass, else raise ForbiddenFrameError."""
    if not guard(frame):
        raise ForbiddenFrameError(f"not a query: {frame[:32].hex(' ')}")
