"""The other end of the control socket, for the verbs: asks the running agent, or listens through its ears."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from agent.bus.ear import Heard
from agent.control import ControlError
from agent.control.desk import WITHIN_S

Json = dict[str, Any]


class Remote:
    """One talk with the agent that listens on `path`. Raises OSError where none does, or it may not be asked."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(WITHIN_S + 5.0)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._replies = self._socket.makefile("rb")

    def ask(self, do: str, **words: object) -> Json:
        """One request and its reply. Raises ControlError with the agent's reason, OSError when it is gone."""
        with suppress(BrokenPipeError):  # why we were not let in can be read all the same
            self._socket.sendall(json.dumps({"do": do} | words).encode() + b"\n")
        return self._reply()

    def listen(self, bus: str) -> tuple[Json, Iterator[Heard | int]]:
        """How the wire of `bus` is set up, and what goes over it from now on, a number where so many were lost.

        Ends when the agent does. Raises ControlError and OSError as `ask`.
        """
        line = self.ask("ear", bus=bus)["bus"]
        self._socket.settimeout(None)
        return line, self._heard()

    def close(self) -> None:
        """Hang up."""
        self._replies.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _reply(self) -> Json:
        line = self._replies.readline()
        if not line:
            raise ConnectionError("the agent hung up")
        reply: Json = json.loads(line)
        if "error" in reply:
            raise ControlError(str(reply["error"]), str(reply.get("detail", "")))
        return reply

    def _heard(self) -> Iterator[Heard | int]:
        for line in self._replies:
            said = json.loads(line)
            if "lost" in said:
                yield int(said["lost"])
            else:
                yield Heard(float(said["at_s"]), bool(said["sent"]), bytes.fromhex(said["hex"]))
