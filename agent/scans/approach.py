"""How a scanner's connection comes about, and comes about again: we connect, it connects, or a line is opened."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Protocol

from agent.bus.link import LinkError
from agent.bus.serial_port import SerialPort
from agent.bus.tcp_dial import Patience, Resolver, check_connected, dial, set_up
from agent.bus.tcp_watch import Watch
from agent.bus.waiter import Waiter
from agent.scans.inlet import NEVER, Attended, Inlet, Ready, SocketStream
from config.scanner_settings import ScannerDial, ScannerListen, ScannerSerial, ScannerWire

_CONNECT_S = 5.0
_FIRST_RETRY_S = 0.1
_LONGEST_RETRY_S = 1.0  # a stick plugged in again, or an address given back, is used within two seconds
_WAITING = "no scanner has connected yet"


class Approach(Attended, Protocol):
    """What makes an inlet's connections; `close` ends all of it."""

    def close(self) -> None: ...


def approach(wire: ScannerWire, inlet: Inlet, watch: Watch[Ready], waiter: Waiter) -> Approach:
    """The way that the site's settings name."""
    match wire:
        case ScannerDial():
            return Dialling(wire, inlet, watch, waiter.wake)
        case ScannerListen():
            return Listening(wire, inlet, watch)
        case ScannerSerial():
            return Opening(wire, inlet, waiter)


class Dialling:
    """We connect, and wait longer after each time in vain."""

    def __init__(self, wire: ScannerDial, inlet: Inlet, watch: Watch[Ready], wake: Callable[[], None]) -> None:
        self._wire, self._inlet, self._watch = wire, inlet, watch
        self._resolver = Resolver(wire.host, wake)
        self._patience = Patience()
        self._heard_octets = 0
        self._until_s = 0.0
        self._sock: socket.socket | None = None
        self._was_up = False

    @property
    def alarm_s(self) -> float:
        """When a try ends or the next begins."""
        if self._inlet.up or (self._sock is None and self._resolver.busy):
            return NEVER
        return 0.0 if self._was_up else self._until_s

    def attend(self, now_s: float) -> None:
        """Begin a try, or end one that takes too long."""
        if self._was_up and not self._inlet.up:
            self._was_up = False
            self._wait(now_s)
        if now_s < self.alarm_s:
            return
        try:
            if self._sock is not None:
                raise LinkError("no answer to the connection request")
            self._try(now_s)
        except LinkError as fault:
            self._fail(fault, now_s)

    def ready(self, now_s: float) -> None:
        """The connection stands, or was refused."""
        assert self._sock is not None
        sock = self._sock
        try:
            check_connected(sock)
        except LinkError as fault:
            self._fail(fault, now_s)
            return
        self._watch.forget(sock)
        self._sock, self._was_up = None, True
        self._inlet.begin(SocketStream(sock), "connected", now_s)

    def close(self) -> None:
        """Give up the try that is under way."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self._watch.forget(sock)
            sock.close()

    def _try(self, now_s: float) -> None:
        address = self._resolver.address()
        if address is not None:
            self._until_s = now_s + _CONNECT_S
            self._sock = dial(address, self._wire.port)
            self._watch.connecting(self._sock, self)

    def _fail(self, fault: LinkError, now_s: float) -> None:
        self.close()
        self._inlet.fail(str(fault), now_s)
        self._wait(now_s)

    def _wait(self, now_s: float) -> None:
        octets = self._inlet.state().octets
        if octets > self._heard_octets:  # else it takes connections and is no use
            self._heard_octets = octets
            self._patience.reset()
        self._until_s = now_s + self._patience.next_s()


class Listening:
    """The scanner connects to us. A new connection takes the place of the old: the scanner was switched off and on."""

    def __init__(self, wire: ScannerListen, inlet: Inlet, watch: Watch[Ready]) -> None:
        self._wire, self._inlet, self._watch = wire, inlet, watch
        self._door: socket.socket | None = None
        self.alarm_s = 0.0

    def attend(self, now_s: float) -> None:
        """Open the port when it is time."""
        if self._door is not None or now_s < self.alarm_s:
            return
        try:
            self._door = door(self._wire)
        except OSError as fault:
            self._inlet.fail((fault.strerror or "the port cannot be opened").lower(), now_s)
            self.alarm_s = now_s + _LONGEST_RETRY_S
            return
        self.alarm_s = NEVER
        self._watch.opened(self._door, self)
        self._inlet.fail(_WAITING, now_s)

    def ready(self, now_s: float) -> None:
        """Somebody connects."""
        assert self._door is not None
        try:
            sock, (host, *_) = self._door.accept()
        except OSError:  # gone again before we looked, or no descriptor is left for it
            return
        sock.setblocking(False)
        set_up(sock)
        self._inlet.begin(SocketStream(sock), f"connected from {host}", now_s)

    def close(self) -> None:
        """Close the port."""
        was, self._door = self._door, None
        if was is not None:
            self._watch.forget(was)
            was.close()


def door(wire: ScannerListen) -> socket.socket:
    """Our open port, that never blocks. Raises OSError."""
    family = socket.AF_INET6 if ":" in wire.host else socket.AF_INET
    opened = socket.create_server((wire.host, wire.port), family=family, backlog=4)
    opened.setblocking(False)
    return opened


class Opening:
    """A serial line, opened again when its adapter was pulled."""

    def __init__(self, wire: ScannerSerial, inlet: Inlet, waiter: Waiter) -> None:
        self._wire, self._inlet, self._waiter = wire, inlet, waiter
        self._until_s = 0.0
        self._wait_s = _FIRST_RETRY_S

    @property
    def alarm_s(self) -> float:
        """When the next try begins."""
        return NEVER if self._inlet.up else self._until_s

    def attend(self, now_s: float) -> None:
        """Open the line when it is time."""
        if now_s < self.alarm_s:
            return
        self._until_s = now_s + self._wait_s
        self._wait_s = min(2 * self._wait_s, _LONGEST_RETRY_S)
        try:
            port = SerialPort.open(self._wire, self._waiter)
        except LinkError as fault:
            self._inlet.fail(str(fault), now_s)
            return
        self._wait_s = _FIRST_RETRY_S
        self._inlet.begin(port, "port opened", now_s)

    def close(self) -> None:
        """Nothing is under way between two tries."""
