"""A serial line behind a serial-to-Ethernet converter: a TCP connection that carries its bytes as they are."""

from __future__ import annotations

import os
import socket

from agent.bus.guard import check_outgoing, nothing
from agent.bus.link import LinkError
from agent.bus.tcp_dial import Address, Resolver, check_connected, dial
from agent.bus.turn import Turn, plain_turn
from agent.bus.waiter import Waiter
from agent.clock import boot_seconds
from config.bus_settings import TcpBus
from drivers import Guard

_CONNECT_S = 3.0
_CHUNK_BYTES = 4096


class Converter:
    """Where the converter of `bus` is, and how to connect to it, time after time."""

    def __init__(self, bus: TcpBus, guard: Guard = nothing) -> None:
        self._bus = bus
        self._guard = guard
        self._resolver = Resolver(bus.host, self._found)
        self._waiter: Waiter | None = None

    def open(self, waiter: Waiter) -> TcpPort:
        """Look the name up and connect, within three seconds; LinkError says why that is not possible."""
        self._waiter = waiter
        give_up_s = boot_seconds() + _CONNECT_S
        sock = dial(self._address(waiter, give_up_s), self._bus.port)
        try:
            if not waiter.writable(sock.fileno(), give_up_s):
                raise LinkError("no answer to the connection request")
            check_connected(sock)
        except BaseException:
            sock.close()
            raise
        return TcpPort(sock, waiter, self._guard)

    def _address(self, waiter: Waiter, give_up_s: float) -> Address:
        while (address := self._resolver.address()) is None:
            if boot_seconds() >= give_up_s:
                raise LinkError(f"no address for the name {self._bus.host} yet")
            waiter.wait(None, give_up_s)
        return address

    def _found(self) -> None:
        if self._waiter is not None:
            self._waiter.wake()


class TcpPort:
    """An open connection, used as a line. Every method raises LinkError when it is gone."""

    __slots__ = ("_guard", "_sock", "_waiter")

    def __init__(self, sock: socket.socket, waiter: Waiter, guard: Guard) -> None:
        self._sock = sock
        self._waiter = waiter
        self._guard = guard

    def now(self) -> float:
        """Seconds on the boot-time clock."""
        return boot_seconds()

    def wait(self, until_s: float) -> bool:
        """True when there are bytes, False at `until_s` or when woken."""
        return self._waiter.wait(self._sock.fileno(), until_s)

    def pause(self, until_s: float) -> None:
        """Sleep until then, whatever arrives."""
        self._waiter.pause(until_s)

    def read(self) -> bytes:
        """What has arrived, at most a few thousand bytes; empty when nothing has."""
        try:
            octets = self._sock.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except OSError as fault:
            raise LinkError(_reason(fault)) from fault
        if not octets:
            raise LinkError("the converter closed the connection")
        self._acknowledge_at_once()
        return octets

    def send(self, request: bytes) -> None:
        """Put a query on the wire; ForbiddenFrameError, and not a byte sent, when it is anything else."""
        check_outgoing(request, self._guard)
        try:
            sent = self._sock.send(request)
        except OSError as fault:
            raise LinkError(_reason(fault)) from fault
        if sent != len(request):
            raise LinkError("the converter takes no requests")

    def _acknowledge_at_once(self) -> None:
        """A converter that gathers what it sends (RFC 1122, 4.2.3.4) holds a late reply back until what it sent before
        is acknowledged: on our next request it would come as the answer to that. The kernel forgets this (tcp(7))."""
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def turn(self, request: bytes, begin_s: float, reply_s: float) -> Turn | None:
        """As `serial_port.SerialPort.turn`."""
        return plain_turn(self, request, begin_s, reply_s)

    def close(self) -> None:
        """Let the connection go."""
        self._sock.close()


def _reason(fault: OSError) -> str:
    return os.strerror(fault.errno).lower() if fault.errno else "connection lost"
