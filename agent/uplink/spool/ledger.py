"""The books of the spool: which positions are acknowledged, held, dropped or lost, and that none is forgotten."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from agent.uplink.spool.frame import Marks


@dataclass(frozen=True, slots=True)
class Books:
    """Numbers of messages since the spool was made: written = acked + held + dropped + corrupt, at any time."""

    written: int
    acked: int
    held: int
    dropped: int
    corrupt: int

    @property
    def residual(self) -> int:
        """0, or messages have gone missing without being noticed."""
        return self.written - self.acked - self.held - self.dropped - self.corrupt


class Ledger:
    """Watermarks over the positions [origin, end), and the gaps that damage has left above the acknowledged ones.

    Safe from any thread; no call waits for anything but another one.
    """

    def __init__(self, origin: int) -> None:
        self._lock = threading.RLock()
        self.begin(origin, origin, Marks(origin, 0, 0))

    def begin(self, origin: int, end: int, marks: Marks) -> None:
        """Start over from what a frame says."""
        with self._lock:
            self._origin = origin
            self._end = end
            self._acked, self._dropped, self._corrupt = marks
            self._gaps: list[tuple[int, int]] = []

    @property
    def end(self) -> int:
        """The position the next message will get."""
        return self._end

    @property
    def acked(self) -> int:
        """Every position below is done with."""
        return self._acked

    def marks(self, dropped_below: int = 0) -> Marks:
        """What a frame written now has to say; or would have to, were the positions below given up."""
        with self._lock:
            if not self._acked < dropped_below <= self._end:
                return Marks(self._acked, self._dropped, self._corrupt)
            corrupt = self._lost_below(dropped_below)
            held = dropped_below - self._acked
            return Marks(dropped_below, self._dropped + held - corrupt, self._corrupt + corrupt)

    def write(self, count: int) -> int:
        """So many messages more; the position of the first."""
        with self._lock:
            first = self._end
            self._end += count
            return first

    def acknowledge(self, upto: int) -> None:
        """Everything below `upto` has arrived; a watermark that is passed already, or never was given out, is void."""
        with self._lock:
            if self._acked < upto <= self._end:
                self._corrupt += self._settle(upto)

    def drop(self, below: int) -> None:
        """Give up what is held below the position."""
        with self._lock:
            if self._acked < below <= self._end:
                held = below - self._acked
                corrupt = self._settle(below)
                self._corrupt += corrupt
                self._dropped += held - corrupt

    def _settle(self, upto: int) -> int:
        passed = self._lost_below(upto)
        self._gaps = [(max(start, upto), end) for start, end in self._gaps if end > upto]
        self._acked = upto
        return passed

    def _lost_below(self, upto: int) -> int:
        return sum(min(end, upto) - start for start, end in self._gaps if start < upto)

    def lose(self, start: int, end: int) -> None:
        """The positions cannot be read; for the acknowledged ones that is of no matter."""
        with self._lock:
            start, end = max(start, self._acked), min(end, self._end)
            if start < end:
                apart = [gap for gap in self._gaps if gap[1] < start or end < gap[0]]
                joined = [(start, end), *(gap for gap in self._gaps if gap not in apart)]
                self._gaps = sorted([*apart, (min(gap[0] for gap in joined), max(gap[1] for gap in joined))])

    def next_held(self, position: int) -> int:
        """The first position from `position` on that is neither done with nor lost."""
        with self._lock:
            position = max(position, self._acked)
            for start, end in self._gaps:
                if start <= position < end:
                    position = end
            return position

    def books(self) -> Books:
        with self._lock:
            lost = sum(end - start for start, end in self._gaps)
            return Books(
                written=self._end - self._origin,
                acked=self._acked - self._origin - self._dropped - self._corrupt,
                held=self._end - self._acked - lost,
                dropped=self._dropped,
                corrupt=self._corrupt + lost,
            )
