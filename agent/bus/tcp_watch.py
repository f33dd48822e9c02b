"""Which wires of a thread have something to say: an epoll that knows whose each descriptor is."""

from __future__ import annotations

import select
from typing import Generic, Protocol, TypeVar

Watched = TypeVar("Watched")


class Descriptor(Protocol):
    """A socket, or anything else that an epoll can watch."""

    def fileno(self) -> int: ...


class Watch(Generic[Watched]):
    """Open wires and what each belongs to."""

    def __init__(self, wake_fd: int) -> None:
        self._epoll = select.epoll()
        self._epoll.register(wake_fd, select.EPOLLIN)
        self._wake_fd = wake_fd
        self._watched: dict[int, Watched] = {}

    def connecting(self, sock: Descriptor, whose: Watched) -> None:
        """Watch until the socket is connected or has failed to."""
        self._watched[sock.fileno()] = whose
        self._epoll.register(sock, select.EPOLLOUT)

    def reading(self, sock: Descriptor) -> None:
        """Watch for bytes from now on."""
        self._epoll.modify(sock, select.EPOLLIN)

    def writing(self, sock: Descriptor) -> None:
        """Watch for room to send from now on."""
        self._epoll.modify(sock, select.EPOLLOUT)

    def opened(self, wire: Descriptor, whose: Watched) -> None:
        """Watch what is open already for bytes, or for a connection."""
        self._watched[wire.fileno()] = whose
        self._epoll.register(wire, select.EPOLLIN)

    def forget(self, sock: Descriptor) -> None:
        """Watch no longer; before it is closed."""
        del self._watched[sock.fileno()]
        self._epoll.unregister(sock)

    def ready(self, timeout_s: float) -> tuple[bool, list[Watched]]:
        """Wait for events: whether the thread was woken, and what is ready."""
        fds = [fd for fd, _ in self._epoll.poll(max(timeout_s, 0.0))]
        return self._wake_fd in fds, [self._watched[fd] for fd in fds if fd != self._wake_fd]

    def close(self) -> None:
        """Give the descriptor back."""
        self._epoll.close()
