"""Loss records that the broker takes only in parts: the uplink finds them, the beat tells them anew."""

from __future__ import annotations

import threading
from typing import NamedTuple

LEAST_BYTES = 256
"""Parts smaller than this are not worth their heads: where a broker takes no more, the record is set aside."""


class Large(NamedTuple):
    """The record at `position`, of which a part may have `most_bytes`."""

    position: int
    most_bytes: int


class Outsized:
    """Between two threads. Once the parts are durable the record at `position` may go like any that is acknowledged."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, Large] = {}
        self._told: set[int] = set()

    # --- the uplink's thread ---

    def find(self, large: Large) -> None:
        """The broker of now does not take that record whole."""
        with self._lock:
            if large.position not in self._told:
                self._waiting[large.position] = large

    def take_told(self) -> list[int]:
        """Positions of which every part is durable."""
        with self._lock:
            told, self._told = sorted(self._told), set()
        return told

    # --- the beat's thread ---

    def next(self) -> Large | None:
        """The oldest that is to be told in parts."""
        with self._lock:
            return min(self._waiting.values(), default=None)

    def told(self, large: Large) -> None:
        """Its parts are durable."""
        with self._lock:
            self._waiting.pop(large.position, None)
            self._told.add(large.position)
