"""Bytes of a line as they were read, piece by piece, and when each of them was on the wire."""

from __future__ import annotations

MOST_AT_ONCE = 512
"""A piece that is longer is to be added in parts, so that little is kept."""


class Pieces:
    """What was received and not yet taken. Times are estimates: a piece was complete when it was read, and its bytes
    came one behind the other; `char_s` is what one takes on the wire.
    """

    __slots__ = ("_char_s", "_end_s", "_marks", "buffer", "heard_s")

    def __init__(self, char_s: float) -> None:
        self.buffer = bytearray()
        self.heard_s = 0.0
        self._char_s = char_s
        self._marks: list[tuple[int, float]] = []  # end of each piece, counted from the buffer's start
        self._end_s = 0.0

    def add(self, octets: bytes, at_s: float, behind: int = 0) -> None:
        """Bytes that were read at `at_s`, with so many more behind them."""
        self.buffer += octets
        self.heard_s = at_s
        self._marks.append((len(self.buffer), at_s - behind * self._char_s))

    def take(self, length: int) -> tuple[bytes, float, float]:
        """The first so many bytes, when the last of them came, and the silence before the first."""
        octets = bytes(self.buffer[:length])
        at_s = max(self._came_s(length), self._end_s)
        gap_s = max(at_s - length * self._char_s - self._end_s, 0.0) if self._end_s else 0.0
        self._end_s = at_s
        del self.buffer[:length]
        return octets, at_s, gap_s

    def _came_s(self, length: int) -> float:
        end, at_s = next(mark for mark in self._marks if mark[0] >= length)
        self._marks = [(end - length, at_s) for end, at_s in self._marks if end > length]
        return at_s - (end - length) * self._char_s
