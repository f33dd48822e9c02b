"""A serial-to-Ethernet converter without hardware: whatever comes over its connection goes to the units, and back."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Callable, Iterable, Iterator

from modbus_oracle import framed

from agent.clock import boot_seconds

Answer = Callable[[bytes], Iterable[tuple[float, bytes]]]


def in_ascii(units: Answer) -> Answer:
    """Units that speak RTU, heard and spoken to in ASCII."""
    partial = bytearray()

    def answer(octets: bytes) -> Iterator[tuple[float, bytes]]:
        partial.extend(octets)
        while (end := partial.find(b"\r\n")) >= 0:
            line = bytes.fromhex(partial[partial.rindex(b":", 0, end) + 1 : end].decode())
            del partial[: end + 2]
            for delay_s, reply in units(framed("rtu", line[0], line[1:-1])):
                yield delay_s, framed("ascii", reply[0], reply[1:-2])

    return answer


class Converter:
    """One connection at a time, the newest. A reply goes to whoever is connected when it comes, as real ones do it.

    `mute` passes nothing on, `connections` counts those that were accepted. `reboot` drops the connection.
    """

    def __init__(self, answer: Answer) -> None:
        self.mute = False
        self.connections = 0
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._wire: socket.socket | None = None
        self._later: list[tuple[float, bytes]] = []
        self._wake = os.eventfd(0)
        self._stopping = False
        self._rebooting = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Converter:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping = True
        os.eventfd_write(self._wake, 1)
        self._thread.join(60)
        self._drop()
        self._listener.close()
        os.close(self._wake)

    def reboot(self) -> None:
        """Reset the connection, as a converter does that was started anew."""
        self._rebooting.set()
        os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        while not self._stopping:
            watched = [self._wake, self._listener, *([self._wire] if self._wire else [])]
            wait_s = max(min(at for at, _ in self._later) - boot_seconds(), 0) if self._later else None
            for ready in select.select(watched, [], [], wait_s)[0]:
                self._ready(ready)
            self._send_due()

    def _ready(self, ready: int | socket.socket) -> None:
        if ready is self._listener:
            self._drop()
            self._wire, _ = self._listener.accept()
            self.connections += 1
        elif isinstance(ready, int):
            os.eventfd_read(self._wake)
            if self._rebooting.is_set():
                self._rebooting.clear()
                self._drop()
        elif ready is self._wire:
            self._read(self._wire)

    def _read(self, wire: socket.socket) -> None:
        try:
            octets = wire.recv(4096)
        except OSError:
            octets = b""
        if not octets:
            self._drop()
        elif not self.mute:
            self._later += [(boot_seconds() + delay_s, reply) for delay_s, reply in self._answer(octets)]

    def _send_due(self) -> None:
        now_s = boot_seconds()
        due = [reply for at_s, reply in self._later if at_s <= now_s]
        self._later = [each for each in self._later if each[0] > now_s]
        for reply in due:
            if self._wire is not None:
                self._wire.sendall(reply)

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self._wire.close()
            self._wire = None
