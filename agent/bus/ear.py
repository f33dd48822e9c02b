"""Who listens in on a bus: every byte sent and received, with its moment, to whoever asked for it."""

from __future__ import annotations

import os
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.clock import boot_seconds

if TYPE_CHECKING:
    from agent.bus.line_port import Port
    from agent.bus.turn import Turn

_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Heard:
    """Bytes that went over the wire together: `sent` by us, else received; `at_s` is on the boot-time clock.

    Bytes sent are stamped when they were handed to the port, bytes received when they were read from it.
    """

    at_s: float
    sent: bool
    octets: bytes


class Ear:
    """One listener. What it does not take in time is lost, oldest first, and counted: the wire never waits for it."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        self._heard: deque[Heard] = deque()
        self._lost = 0

    def hear(self, heard: Heard) -> None:
        """Take note; `fd` becomes readable. After `close` it means nothing."""
        with self._lock:
            if self.fd < 0:
                return
            if len(self._heard) >= _KEPT:
                self._heard.popleft()
                self._lost += 1
            self._heard.append(heard)
            os.eventfd_write(self.fd, 1)

    def take(self) -> tuple[list[Heard], int]:
        """What was heard since the last call, oldest first, and how many before it were lost."""
        with self._lock:
            if self._heard:
                os.eventfd_read(self.fd)
            heard, lost = list(self._heard), self._lost
            self._heard.clear()
            self._lost = 0
        return heard, lost

    def close(self) -> None:
        """Give the descriptor back."""
        with self._lock:  # the number may be a stranger's at once
            fd, self.fd = self.fd, -1
            os.close(fd)


class Ears:
    """All that listen in on one bus; false while nobody does. `add` and `remove` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ears: tuple[Ear, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._ears)

    def add(self, ear: Ear) -> None:
        """From now on `ear` hears."""
        with self._lock:
            self._ears = (*self._ears, ear)

    def remove(self, ear: Ear) -> None:
        """`ear` hears no more, but for what is being said at this moment."""
        with self._lock:
            self._ears = tuple(one for one in self._ears if one is not ear)

    def hear(self, octets: bytes, *, sent: bool, at_s: float | None = None) -> None:
        """Tell all of them; it happened now, or at `at_s`."""
        heard = Heard(boot_seconds() if at_s is None else at_s, sent, octets)
        for ear in self._ears:
            ear.hear(heard)


class OverheardPort:
    """A port that `ears` hear; itself a `Port`."""

    __slots__ = ("_ears", "_port", "now", "pause", "wait")

    def __init__(self, port: Port, ears: Ears) -> None:
        self._port = port
        self._ears = ears
        self.now, self.wait, self.pause = port.now, port.wait, port.pause

    def read(self) -> bytes:
        """As the port's own."""
        octets = self._port.read()
        if octets and self._ears:
            self._ears.hear(octets, sent=False)
        return octets

    def turn(self, request: bytes, begin_s: float, reply_s: float) -> Turn | None:
        """As the port's own; what it refused is not heard."""
        taken = self._port.turn(request, begin_s, reply_s)
        if taken is not None and self._ears:
            sent_s, read_s, heard = taken
            self._ears.hear(request, sent=True, at_s=sent_s)
            if heard:
                self._ears.hear(bytes(heard), sent=False, at_s=read_s)
        return taken
