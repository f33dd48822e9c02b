"""The asking end of a Unix socket that takes one JSON object a line and answers each with one."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

Json = dict[str, Any]


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
        reply: Json = json.loads(line)
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
