"""The control socket: JSON lines over a Unix stream, bounded in length, number and time; it holds up nobody else."""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import threading
from contextlib import suppress
from pathlib import Path

from agent import log
from agent.bus.ear import Ear
from agent.clock import boot_seconds
from agent.control import LONGEST_LINE, ControlError
from agent.control.desk import Desk, Json
from agent.control.requests import Listen, understood

MOST_TALKS = 8
PATIENCE_S = 30.0
"""How long somebody may be connected without a whole request, or take to receive a reply."""

_MODE = 0o660
_BACKLOG = 8
_EXHAUSTED_S = 0.2


class ControlServer:
    """Listens on `path`, which only its user and group may open; each talk has a thread of its own."""

    def __init__(self, path: Path, desk: Desk) -> None:
        self._path = path
        self._desk = desk
        self._talks: dict[int, socket.socket] = {}
        self._stopping = os.eventfd(0, os.EFD_CLOEXEC)
        self._socket = _listening(path)
        self._thread = threading.Thread(target=self._welcome, name="control", daemon=True)

    def start(self) -> None:
        """Take requests from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Take the socket away and end every talk."""
        os.eventfd_write(self._stopping, 1)
        self._thread.join(1.0)
        self._path.unlink(missing_ok=True)
        self._socket.close()
        for talk in tuple(self._talks.values()):
            with suppress(OSError):
                talk.shutdown(socket.SHUT_RDWR)

    def _welcome(self) -> None:
        while True:
            readable, _, _ = select.select((self._socket.fileno(), self._stopping), (), ())
            if self._stopping in readable:
                return
            try:
                self._admit(self._socket.accept()[0])
            except (OSError, RuntimeError):  # it hung up before it was let in, or this machine is out of everything
                select.select((self._stopping,), (), (), _EXHAUSTED_S)

    def _admit(self, talk: socket.socket) -> None:
        if len(self._talks) >= MOST_TALKS:
            with talk, suppress(OSError):
                talk.setblocking(False)
                talk.send(_line({"error": "too_many", "detail": f"{MOST_TALKS} talks at a time"}))
            return
        self._talks[id(talk)] = talk
        try:
            threading.Thread(target=self._talk, args=(talk,), name="control talk", daemon=True).start()
        except RuntimeError:  # no thread is to be had
            self._end(talk)
            raise

    def _talk(self, talk: socket.socket) -> None:
        try:
            talk.settimeout(PATIENCE_S)
            lines = _Lines(talk)
            while line := lines.next():
                self._reply(talk, line)
        except (OSError, EOFError):
            pass
        except Exception as bug:  # noqa: BLE001  a bug of this room is no reason to stop counting
            log.warn("control_failed", reason=repr(bug))
        finally:
            self._end(talk)

    def _end(self, talk: socket.socket) -> None:
        del self._talks[id(talk)]
        talk.close()

    def _reply(self, talk: socket.socket, line: bytes) -> None:
        try:
            request = understood(line)
            if isinstance(request, Listen):
                self._tell(talk, request.bus)
                raise EOFError
            said: Json = {"ok": True} | self._desk.answer(request)
        except ControlError as refusal:
            said = {"error": refusal.reason, "detail": refusal.detail}
        talk.sendall(_line(said))

    def _tell(self, talk: socket.socket, bus: str) -> None:
        """Say what is heard on `bus`, a line for each piece, until the asker hangs up or says anything."""
        ears = self._desk.ears(bus)
        ear = Ear()
        ears.add(ear)
        try:
            talk.sendall(_line({"ok": True, "bus": self._desk.line(bus)}))
            while talk.fileno() not in select.select((talk.fileno(), ear.fd), (), ())[0]:
                heard, lost = ear.take()
                lines = [_line({"lost": lost})] if lost else []
                lines += [_line({"at_s": one.at_s, "sent": one.sent, "hex": one.octets.hex()}) for one in heard]
                talk.sendall(b"".join(lines))
        finally:
            ears.remove(ear)
            ear.close()


class _Lines:
    """The lines of a talk, each whole within `PATIENCE_S`."""

    def __init__(self, talk: socket.socket) -> None:
        self._talk = talk
        self._buffer = bytearray()

    def next(self) -> bytes:
        """The next line with its end; empty when the other end hung up. OSError when it is too long or too slow."""
        until_s = boot_seconds() + PATIENCE_S
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) >= LONGEST_LINE:
                self._talk.sendall(_line({"error": "bad_request", "detail": f"at most {LONGEST_LINE} bytes a line"}))
                raise EOFError
            self._talk.settimeout(max(until_s - boot_seconds(), 0.001))
            octets = self._talk.recv(LONGEST_LINE - len(self._buffer))
            if not octets:
                return b""
            self._buffer += octets
        self._talk.settimeout(PATIENCE_S)
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line


def _listening(path: Path) -> socket.socket:
    """A socket at `path`. Raises OSError where that cannot be, or where another agent listens."""
    _clear(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        made.bind(str(path))
        path.chmod(_MODE)  # before anybody can connect
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _clear(path: Path) -> None:
    """Take away a socket that nobody listens on: of an agent that was killed.

    Raises OSError when somebody does, or when it is no socket: whose file that is, nobody knows.
    """
    if path.exists() and not path.is_socket():
        raise FileExistsError(errno.EEXIST, "it is no socket")
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(1.0)
        try:
            knock.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except FileNotFoundError:
            return
    raise FileExistsError(errno.EADDRINUSE, "another agent listens there")


def _line(said: Json) -> bytes:
    return json.dumps(said, ensure_ascii=False, default=str).encode() + b"\n"  # a path is told as text
