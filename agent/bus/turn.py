"""One turn on a line: keep the silence, send, sleep until the reply can be there, and hear what has come."""

from __future__ import annotations

from typing import Protocol

Turn = tuple[float, float, bytearray]
"""When the request was sent, when was listened, and what had come by then (it may be nothing, or the beginning)."""

_LOOK_S = 1e-6


class Line(Protocol):
    """What the plain turn needs of a port."""

    def now(self) -> float: ...
    def wait(self, until_s: float) -> bool: ...
    def pause(self, until_s: float) -> None: ...
    def read(self) -> bytes: ...
    def send(self, request: bytes) -> None: ...


def plain_turn(line: Line, request: bytes, begin_s: float, reply_s: float) -> Turn | None:
    """Send `request` at `begin_s` and listen `reply_s` after that; None, and nothing sent, when bytes come before.

    The way of ports that are no device files; those do it in one step (`fastpath.turn`).
    """
    line.pause(begin_s)
    if line.wait(line.now() + _LOOK_S):
        return None
    line.send(request)
    sent_s = line.now()
    line.pause(sent_s + reply_s)
    heard = bytearray(line.read())
    return sent_s, line.now(), heard  # in this order: what is read is never newer than the moment that is told
