"""A broker that is none: it lets a client in and says to it what it is told to say."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType

from agent.clock import boot_seconds
from agent.uplink.connection import Address, Connection
from agent.uplink.dialect import Version
from agent.uplink.hearing import Ended, Event

CONNACK = {"5": b"\x20\x03\x00\x00\x00", "3.1.1": b"\x20\x02\x00\x00"}
PATIENCE_S = 60.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # socket(7), SO_LINGER: no port is kept waiting


class Meeting:
    """A connection of the product to the impostor, in one thread: what is said is heard before the call returns."""

    def __init__(self, connection: Connection, peer: socket.socket) -> None:
        self.connection = connection
        self._peer = peer
        self._readable = select.poll()
        self._readable.register(peer, select.POLLIN)

    @property
    def is_over(self) -> bool:
        events = self.connection.events
        return bool(events) and isinstance(events[-1], Ended)

    def say(self, speech: bytes) -> None:
        """Let the connection take all of it, unless it ends before. Its own words are read and forgotten."""
        with suppress(OSError):  # the client may have hung up; it knows why
            self._peer.sendall(speech)
        while not self.is_over and self._unread_bytes():
            self.connection.turn(0.0)
        while self._readable.poll(0) and self._heard():
            pass

    def hang_up(self) -> None:
        """Say nothing more: the connection must end. Raises AssertionError when it does not."""
        with suppress(OSError):  # it may be over on that side too
            self._peer.shutdown(socket.SHUT_WR)
        until_s = boot_seconds() + PATIENCE_S
        while not self.is_over:
            assert boot_seconds() < until_s, "it neither ends nor goes on"
            self.connection.turn(1.0)

    def _unread_bytes(self) -> int:
        if not isinstance(sock := self.connection._client.socket(), socket.socket):
            self.connection.turn(0.0)  # paho has closed it: this is told by the next turn
            return 0
        return int.from_bytes(fcntl.ioctl(sock, termios.FIONREAD, bytes(4)), "little")

    def _heard(self) -> bytes:
        try:
            return self._peer.recv(65536)
        except OSError:
            return b""


class Impostor:
    """Listens; every client is accepted, and greeted only if told so."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._wake = os.eventfd(0, os.EFD_NONBLOCK)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        self._listener.close()
        os.close(self._wake)

    @contextmanager
    def meeting(self, version: Version, topics: Sequence[str] = ()) -> Iterator[Meeting]:
        """A connection that subscribes to `topics` and has had no answer yet."""
        connection = Connection(Address("127.0.0.1", self.port, "site", "status", b"gone"), version, None, None)
        connection.open(self._wake)
        peer, _ = self._listener.accept()
        with peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            if topics:
                connection.subscribe(topics)
            yield Meeting(connection, peer)
        connection.cut("the meeting is over")

    def hear(self, version: Version, speech: bytes, *, hang_up: bool = True, topics: Sequence[str] = ()) -> list[Event]:
        """Everything that a connection which subscribes to `topics` makes of `speech`."""
        with self.meeting(version, topics) as meeting:
            meeting.say(speech)
            if hang_up:
                meeting.hang_up()
            return list(meeting.connection.events)

    def __enter__(self) -> Impostor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
