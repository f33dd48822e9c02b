"""The wire that a technician names, opened for reading only and for us alone, or refused with the reason."""

from __future__ import annotations

import errno
import ipaddress
import os
import select
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from agent.clock import boot_seconds
from config.bus_settings import SerialBus
from config.scanner_settings import ScannerDial, ScannerListen, ScannerSerial, ScannerWire

_CONNECT_S = 5.0
_CHUNK_BYTES = 1 << 16
_ESTABLISHED = "01"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


class TakenError(Exception):
    """Another program, most likely the daemon, has this wire."""


class UnreachableError(Exception):
    """The wire cannot be opened; the text says why."""


class Connection(Protocol):
    """An open wire. `read` gives what came within `wait_s`, b"" for nothing, None when the other end is gone; where it
    `comes_again`, the next `read` waits for that."""

    @property
    def comes_again(self) -> bool: ...

    def read(self, wait_s: float) -> bytes | None: ...

    def close(self) -> None: ...


def opened(wire: ScannerWire) -> Connection:
    """Open `wire`. Raises TakenError and UnreachableError."""
    if isinstance(wire, ScannerSerial):
        return _Line(wire)
    return _Dialled(wire) if isinstance(wire, ScannerDial) else _Awaited(wire)


class _Dialled:
    """We connect to the scanner."""

    comes_again = False

    def __init__(self, wire: ScannerDial) -> None:
        if _somebody_talks_to(wire):
            raise TakenError
        try:
            self._socket = socket.create_connection((wire.host, wire.port), _CONNECT_S)
        except OSError as fault:
            raise UnreachableError(_reason(fault)) from None

    def read(self, wait_s: float) -> bytes | None:
        return _received(self._socket, wait_s)

    def close(self) -> None:
        self._socket.close()


class _Awaited:
    """The scanner connects to us; it may come and go, and comes anew where we have not noticed that it went."""

    comes_again = True

    def __init__(self, wire: ScannerListen) -> None:
        from agent.scans.approach import door

        self._talk: socket.socket | None = None
        try:
            self._door = door(wire)
        except OSError as fault:
            if fault.errno == errno.EADDRINUSE:
                raise TakenError from None
            raise UnreachableError(_reason(fault)) from None

    def read(self, wait_s: float) -> bytes | None:
        if self._talk is None:
            if select.select([self._door], [], [], wait_s)[0]:
                self._talk = self._door.accept()[0]
            return b""
        ready = select.select([self._talk, self._door], [], [], wait_s)[0]
        octets = _received(self._talk, 0.0) if self._talk in ready else None if ready else b""
        if octets is None:
            self._talk.close()
            self._talk = None
        return octets

    def close(self) -> None:
        self._door.close()
        if self._talk is not None:
            self._talk.close()


class _Line:
    """A serial port, locked so that nobody else can open it meanwhile."""

    comes_again = False

    def __init__(self, wire: ScannerSerial) -> None:
        from agent.bus.link import LinkError
        from agent.bus.serial_port import SerialPort
        from agent.bus.waiter import Waiter

        bus = SerialBus("scan-test", wire.port, wire.baud, wire.parity, wire.stop_bits, 1.0)
        try:
            self._port = SerialPort.open(bus, Waiter())
        except LinkError as fault:
            if "in use" in str(fault):
                raise TakenError from None
            raise UnreachableError(str(fault)) from None
        self._gone = LinkError

    def read(self, wait_s: float) -> bytes | None:
        try:
            return self._port.read() if self._port.wait(boot_seconds() + wait_s) else b""
        except self._gone:
            return None

    def close(self) -> None:
        self._port.close()


def _received(talk: socket.socket, wait_s: float) -> bytes | None:
    if not select.select([talk], [], [], wait_s)[0]:
        return b""
    try:
        return talk.recv(_CHUNK_BYTES) or None
    except OSError:
        return None


def _reason(fault: OSError) -> str:
    return (os.strerror(fault.errno) if fault.errno and fault.errno > 0 else fault.strerror or str(fault)).lower()


# --- whether this machine talks to the scanner already ---


def _somebody_talks_to(wire: ScannerDial) -> bool:
    """Many scanners serve one client only, and a second one would take the parcels' reads from the first."""
    try:
        found = socket.getaddrinfo(wire.host, wire.port, type=socket.SOCK_STREAM)
    except OSError:
        return False
    wanted = {(ipaddress.ip_address(address[4][0]), wire.port) for address in found}
    return any(peer in wanted for peer in _peers())


def _peers() -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    """The other ends of all connections of this machine, from /proc/net/tcp (proc(5)): words in host byte order."""
    for table in _TABLES:
        for row in table.read_text().splitlines()[1:] if table.exists() else ():
            _, _, peer, state, *_ = row.split()
            if state == _ESTABLISHED:
                address, _, port = peer.partition(":")
                yield _address(bytes.fromhex(address)), int(port, 16)


def _address(words: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    octets = b"".join(words[at : at + 4][:: -1 if sys.byteorder == "little" else 1] for at in range(0, len(words), 4))
    address = ipaddress.ip_address(octets)
    return getattr(address, "ipv4_mapped", None) or address
