"""The asking end of a Unix socket that takes one JSON object a line and answers each with one."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

Json = dict[str, Any]


class UntoldError(KeyError):
    """An answer lacks what was looked up in it: who answers is of another release."""


class Answer(Json):
    """An object of an answer. What it lacks raises UntoldError, so that no missing key of our own is taken for that."""

    __slots__ = ()

    def __missing__(self, name: str) -> Any:
        raise UntoldError(name)


class JsonTalk:
    """One talk with who listens on `path`. Every method raises OSError where nobody does, or takes `patience_s`."""

    def __init__(self, path: Path, patience_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(patience_s)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._replies = self._socket.makefile("rb")

    def exchange(self, said: Mapping[str, object]) -> Json:
        """Say this, and hear what is answered."""
        with suppress(BrokenPipeError):  # why we were not let in can be read all the same
            self._socket.sendall(json.dumps(said).encode() + b"\n")
        line = self._replies.readline()
        if not line:
            raise ConnectionError("the other end hung up")
        reply: Json = json.loads(line, object_hook=Answer)
        return reply

    def rest(self) -> Iterator[Json]:
        """What else is said, for however long, until the other end hangs up."""
        self._socket.settimeout(None)
        return map(json.loads, self._replies)

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError), self._socket:
            self._replies.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
