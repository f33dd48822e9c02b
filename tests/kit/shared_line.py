"""A two-wire line of pseudo-terminals: what one port says every other port hears, and what each said is kept."""

from __future__ import annotations

import os
import select
import threading
from types import TracebackType

from ptys import raw_pty


class SharedLine:
    """Ports by name, each with its `path[name]`; `said[name]` is every byte that was written to it."""

    def __init__(self, *names: str) -> None:
        ends = {name: raw_pty() for name in names}
        self._ours = {ours: name for name, (ours, _) in ends.items()}
        self._theirs = [theirs for _, theirs in ends.values()]
        self.path = {name: os.ttyname(theirs) for name, (_, theirs) in ends.items()}
        self.said = {name: bytearray() for name in names}
        self._wake = os.eventfd(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            readable = select.select([self._wake, *self._ours], [], [])[0]
            if self._wake in readable:
                return
            for fd in readable:
                self._carry(fd)

    def _carry(self, speaker: int) -> None:
        octets = os.read(speaker, 4096)
        self.said[self._ours[speaker]] += octets
        for fd in self._ours:
            if fd != speaker:
                try:
                    os.write(fd, octets)
                except BlockingIOError:  # nobody reads there
                    continue

    def __enter__(self) -> SharedLine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.eventfd_write(self._wake, 1)
        self._thread.join(60)
        for fd in (self._wake, *self._ours, *self._theirs):
            os.close(fd)
