"""The child processes of the demo: a broker, the twin and the agent, none of which outlives it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from agent.clock import boot_seconds
from agent.twin.loopback import free_port

START_S = 20.0
STOP_S = 5.0

_RETRY_S = 0.02
_MOSQUITTO_PATH = "/usr/sbin:/usr/local/sbin"


class ChildError(Exception):
    """A child process did not start, or ended by itself; the text ends with the last of what it said."""


class InterruptedShowError(Exception):
    """Somebody wants it to end before it has begun."""


class Child:
    """One process with its output in a file. It gets no Ctrl-C from the terminal: `end` is how it ends."""

    def __init__(self, name: str, command: list[str], folder: Path) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603, our own programs
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def said(self) -> str:
        """All it has printed so far."""
        return self._log.read_text(errors="replace")

    def check(self) -> None:
        """Raises ChildError when it is no longer there."""
        if self._process is not None and (status := self._process.poll()) is not None:
            raise ChildError(f"{self.name} ended with status {status}: {self.said()[-1000:].strip()}")

    def end(self) -> None:
        """Ask it to end, and wait; after STOP_S it is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Troupe:
    """A folder in /tmp and what runs in it. As a context manager it leaves neither process nor file behind.

    Whatever waits here asks `interrupted` and then raises InterruptedShowError.
    """

    def __init__(self, interrupted: Callable[[], bool]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hubpulse-demo-"))
        self._interrupted = interrupted
        self.broker_port = 0
        self._children: list[Child] = []

    def start_broker(self) -> str:
        """A broker on a free port of the loopback: mosquitto if it is installed, else amqtt. Its name."""
        self.broker_port = free_port()
        mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:{_MOSQUITTO_PATH}")
        if mosquitto:
            settings = self.folder / "mosquitto.conf"
            settings.write_text(_mosquitto_settings(self.broker_port))
            command = [mosquitto, "-c", str(settings)]
        elif find_spec("amqtt"):
            command = [sys.executable, "-m", "agent.twin.broker", str(self.broker_port)]
        else:
            raise ChildError("no broker here; type: sudo apt-get install mosquitto")
        broker = self._start("broker", command)
        self._wait(lambda: _answers(self.broker_port), broker)
        return "mosquitto" if mosquitto else "amqtt"

    def start_twin(self, site: Path, options: list[str]) -> None:
        """The twin of `site`, frozen; it is ready on return, its settings are `self.settings`."""
        where = [
            "--lang",
            "en",
            "--at",
            str(self.folder),
            "--spool",
            str(self.spool),
            "--broker",
            f"127.0.0.1:{self.broker_port}",
        ]
        twin = self._start("twin", [*_hubpulse("simulate"), str(site), "--frozen", *where, *options])
        self._wait(lambda: "\nready: " in twin.said(), twin)

    def start_agent(self) -> None:
        """The agent of the twin's settings; whether it works, the bureau will see."""
        self._start("agent", [*_hubpulse("run"), str(self.settings)])

    def end_agent(self) -> None:
        """Stop the agent, so that its spool can be looked at."""
        for child in self._children:
            if child.name == "agent":
                child.end()

    def check(self) -> None:
        """Raises ChildError when one of them has ended by itself."""
        for child in self._children:
            child.check()

    @property
    def settings(self) -> Path:
        return self.folder / "hubpulse.toml"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    def _start(self, name: str, command: list[str]) -> Child:
        child = Child(name, command, self.folder)
        self._children.append(child)
        return child

    def _wait(self, condition: Callable[[], bool], child: Child) -> None:
        until_s = boot_seconds() + START_S
        while not condition():
            child.check()
            if self._interrupted():
                raise InterruptedShowError
            if boot_seconds() > until_s:
                raise ChildError(f"{child.name} was not ready in {START_S:.0f} s: {child.said()[-1000:].strip()}")
            time.sleep(_RETRY_S)

    def __enter__(self) -> Troupe:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for child in reversed(self._children):
            child.end()
        shutil.rmtree(self.folder, ignore_errors=True)


def _hubpulse(verb: str) -> list[str]:
    return [sys.executable, "-m", "agent", verb]


def _mosquitto_settings(port: int) -> str:
    """Not persistent, one listener; as root mosquitto would otherwise drop to a user who may not exist."""
    return f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n"


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
