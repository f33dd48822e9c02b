"""Serial lines without hardware: pseudo-terminals behind a by-id link, pulled and plugged in at will, and cables."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable, Iterable
from pathlib import Path


def raw_pty() -> tuple[int, int]:
    """A pseudo-terminal that changes no byte: (our end, the end that looks like a serial port)."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    return ours, theirs


class Adapter:
    """A USB adapter as the system shows it: a stable name that points to whatever tty it is today."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.fd = -1
        self._spare = -1
        self.plug()

    def plug(self) -> None:
        """Appear as a new pseudo-terminal behind the same name."""
        self.fd, self._spare = raw_pty()
        fresh = self.link.with_suffix(".new")
        fresh.symlink_to(os.ttyname(self._spare))
        fresh.replace(self.link)

    def unplug(self) -> None:
        """Disappear, name and all; whoever has the port open sees it hang up."""
        self.link.unlink()
        os.close(self._spare)
        os.close(self.fd)
        self.fd = self._spare = -1

    def close(self) -> None:
        """Unplug if still plugged in."""
        if self.fd >= 0:
            self.unplug()


class Serving:
    """A thread that reads one end of a line and lets `answer` say what goes back, and when.

    `answer(octets)` gives pairs of a delay in seconds and bytes; it is called with whatever one read gave.
    A delayed reply does not hold up the next request: replies leave at their moment, in order of it.
    """

    def __init__(self, fd: int, answer: Callable[[bytes], Iterable[tuple[float, bytes]]]) -> None:
        self._fd = fd
        self._answer = answer
        self._wake = os.eventfd(0)
        self._timers: set[threading.Timer] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            readable, _, _ = select.select([self._fd, self._wake], [], [])
            if self._wake in readable:
                return
            try:
                octets = os.read(self._fd, 65536)
            except BlockingIOError:
                continue
            except OSError:  # nobody has the port open: EIO until somebody has
                if select.select([self._wake], [], [], 0.005)[0]:
                    return
                continue
            for delay_s, reply in self._answer(octets):
                self._send(delay_s, reply)

    def _send(self, delay_s: float, reply: bytes) -> None:
        if delay_s <= 0:
            self.write(reply)
            return
        timer = threading.Timer(delay_s, self.write, (reply,))
        timer.daemon = True
        self._timers = {waiting for waiting in self._timers if waiting.is_alive()} | {timer}
        timer.start()

    def write(self, octets: bytes) -> None:
        """Put bytes on the line; what the port's queue has no room for is lost, as on a wire."""
        try:
            os.write(self._fd, octets)
        except OSError:
            return

    def close(self) -> None:
        """Stop serving; the line stays."""
        os.eventfd_write(self._wake, 1)
        self._thread.join(60)
        for timer in self._timers:
            timer.cancel()
            timer.join(60)
        os.close(self._wake)


class Cable:
    """Two ports joined by a wire: what is written to one is read from the other, through a filter each way.

    A filter gets bytes and gives what arrives: pairs of a pause in seconds and bytes.
    """

    Filter = Callable[[bytes], Iterable[tuple[float, bytes]]]

    def __init__(self, to_device: Filter | None = None, to_master: Filter | None = None) -> None:
        self._master, self._master_port = raw_pty()
        self._device, self._device_port = raw_pty()
        self.master_path = os.ttyname(self._master_port)
        self.device_path = os.ttyname(self._device_port)
        self.to_device = to_device
        self.to_master = to_master
        self._wake = os.eventfd(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            readable, _, _ = select.select([self._master, self._device, self._wake], [], [])
            if self._wake in readable:
                return
            if self._master in readable:
                self._carry(self._master, self._device, self.to_device)
            if self._device in readable:
                self._carry(self._device, self._master, self.to_master)

    def _carry(self, source: int, target: int, spoil: Filter | None) -> None:
        try:
            octets = os.read(source, 4096)
        except BlockingIOError:
            return
        for pause_s, piece in [(0.0, octets)] if spoil is None else spoil(octets):
            if pause_s and select.select([self._wake], [], [], pause_s)[0]:
                return
            try:
                os.write(target, piece)
            except BlockingIOError:
                continue

    def close(self) -> None:
        """Cut the cable and take both ports away."""
        os.eventfd_write(self._wake, 1)
        self._thread.join(60)
        for fd in (self._wake, self._master, self._master_port, self._device, self._device_port):
            os.close(fd)
