"""The one place where an owner's thread waits: for bytes, for a moment, and always for being stopped."""

from __future__ import annotations

import os
import select
import threading

from agent.clock import boot_seconds

_LONGEST_S = 0.5  # between two signs of progress


class Stopped(BaseException):
    """The owner was asked to end; no `except Exception` on the way may keep it."""


class Waiter:
    """Waits of one thread, with the moment of its last sign of life in `progress_s`.

    select() rather than poll(): it alone sleeps in microseconds, which the silence between two frames needs.
    Its limit of 1024 descriptors is the soft limit a service starts with.
    """

    __slots__ = ("_closing", "_stopping", "fd", "progress_s")

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._closing = threading.Lock()
        self._stopping = False
        self.progress_s = boot_seconds()

    def wake(self) -> None:
        """End the current or next `wait`; from any thread, also one that outlives the owner: then it means nothing."""
        with self._closing:
            if self.fd >= 0:
                os.eventfd_write(self.fd, 1)

    def stop(self) -> None:
        """Make the current or next wait raise Stopped; from any thread."""
        self._stopping = True
        self.wake()

    def woken(self) -> None:
        """Take note of a wake-up seen on `fd`; raises Stopped."""
        if self._stopping:
            raise Stopped
        os.eventfd_read(self.fd)

    def alive(self) -> float:
        """Leave a sign of life; returns the moment."""
        if self._stopping:
            raise Stopped
        self.progress_s = now_s = boot_seconds()
        return now_s

    def wait(self, fd: int | None, until_s: float) -> bool:
        """True when `fd` can be read; False at `until_s` (boot-time clock), or earlier when woken."""
        watched = (self.fd,) if fd is None else (self.fd, fd)
        while (left_s := until_s - self.alive()) > 0:
            readable = select.select(watched, (), (), min(left_s, _LONGEST_S))[0]
            if self.fd in readable:
                self.woken()
                return False
            if readable:
                return True
        return False

    def writable(self, fd: int, until_s: float) -> bool:
        """True when `fd` can be written, which a socket can that is connected or has failed to; else False then."""
        while (left_s := until_s - self.alive()) > 0:
            woken, writable, _ = select.select((self.fd,), (fd,), (), min(left_s, _LONGEST_S))
            if woken:
                self.woken()
            if writable:
                return True
        return False

    def pause(self, until_s: float) -> None:
        """Sleep until then, deaf to all but being stopped; a wake-up stays for the next wait."""
        woken = False
        while (left_s := until_s - self.alive()) > 0:
            if select.select((self.fd,), (), (), min(left_s, _LONGEST_S))[0]:
                self.woken()
                woken = True
        if woken:
            self.wake()

    def close(self) -> None:
        """Give the descriptor back."""
        with self._closing:  # the number may be a stranger's at once
            fd, self.fd = self.fd, -1
            os.close(fd)
