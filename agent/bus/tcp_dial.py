"""How a TCP connection comes about without ever blocking: the name, the connect, the wait before the next try."""

from __future__ import annotations

import ipaddress
import os
import random
import socket
import threading
from collections.abc import Callable

from agent.bus.link import LinkError

_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 30.0
_KEEPALIVE_S = 10
_KEEPALIVE_COUNT = 3
_UNACKNOWLEDGED_MS = 10_000

Address = tuple[socket.AddressFamily, str]


class Resolver:
    """The address of one host. A name is looked up in a short-lived thread: the system's resolver may take 30 s.

    A name with several addresses gives them in turn, one a look: Debian's localhost is ::1 first, and a gateway that
    has both kinds may listen on one alone.
    """

    def __init__(self, host: str, wake: Callable[[], None]) -> None:
        self._host = host
        self._wake = wake
        self._numeric = _numeric(host)
        self._found: Address | LinkError | None = None
        self._looks = 0
        self._asking = False

    def address(self) -> Address | None:
        """The address, or None while it is looked up (`wake` is called then). LinkError when there is none."""
        if self._numeric is not None:
            return self._numeric
        found, self._found = self._found, None
        if isinstance(found, LinkError):
            raise found
        if found is None and not self._asking:
            self._asking = True
            threading.Thread(target=self._look_up, name=f"resolve {self._host}", daemon=True).start()
        return found

    @property
    def busy(self) -> bool:
        """True while the name is looked up."""
        return self._asking

    def _look_up(self) -> None:
        try:
            known = socket.getaddrinfo(self._host, None, type=socket.SOCK_STREAM)
            family, _, _, _, place = known[self._looks % len(known)]
            self._found = family, str(place[0])
            self._looks += 1
        except Exception:  # noqa: BLE001  whatever it died of, there is no address, and the link must not wait for ever
            self._found = LinkError(f"no address for the name {self._host}")
        self._asking = False
        self._wake()


class Patience:
    """The wait before the next try: doubling, with jitter, so that a site does not knock in step."""

    def __init__(self, first_s: float = _FIRST_WAIT_S, longest_s: float = _LONGEST_WAIT_S) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._wait_s = first_s

    def next_s(self) -> float:
        """How long to wait now."""
        wait_s = self._wait_s * random.uniform(0.5, 1.0)  # noqa: S311  no secret
        self._wait_s = min(2 * self._wait_s, self._longest_s)
        return wait_s

    def reset(self) -> None:
        """The device answered."""
        self._wait_s = self._first_s


def dial(address: Address, port: int) -> socket.socket:
    """A socket on its way to the device; it becomes writable when that succeeded or failed. Raises LinkError."""
    family, host = address
    try:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    except OSError as fault:
        raise LinkError(_text(fault.errno)) from fault
    try:
        set_up(sock)
        sock.connect((host, port))
    except BlockingIOError:
        pass
    except OSError as fault:
        sock.close()
        raise LinkError(_text(fault.errno)) from fault
    return sock


def check_connected(sock: socket.socket) -> None:
    """Return when the socket that `dial` gave is connected, else raise LinkError."""
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise LinkError(_text(number))


def set_up(sock: socket.socket) -> None:
    """Send at once, and notice within a minute that the other end is no more."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_COUNT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)


def _numeric(host: str) -> Address | None:
    try:
        version = ipaddress.ip_address(host.partition("%")[0]).version
    except ValueError:
        return None
    return (socket.AF_INET if version == 4 else socket.AF_INET6), host


def _text(number: int | None) -> str:
    return os.strerror(number or 0).lower()
