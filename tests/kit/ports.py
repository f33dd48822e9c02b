"""Ports of the loopback for servers that start later: given to no other test run, and taken by nobody by chance."""

from __future__ import annotations

import socket
from collections.abc import Iterator

_FIRST, _BLOCK, _BLOCKS = 20_000, 100, 120
"""All below 32768, where Linux begins to take ports for connections and for servers that name none."""


def free_port() -> int:
    """A port that nobody has now. This process gets it again a hundred ports later, another never while this lives."""
    return next(port for port in _OURS if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _block() -> Iterator[int]:
    """The ports of one block, again and again. It is ours by a name that ends with the process (unix(7), abstract)."""
    for number in range(_BLOCKS):
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0hubpulse-test-ports-{number}")
        except OSError:
            name.close()
            continue
        while True:
            yield from range(_FIRST + number * _BLOCK, _FIRST + (number + 1) * _BLOCK)
    raise OSError("every block of ports is taken")


_OURS = _block()
