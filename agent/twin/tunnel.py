"""What one reader says of the parcels that pass it, and exactly what a right counter must make of that."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass
from random import Random

from agent.twin.codes import Codes
from agent.twin.speech import Line, Speech

MARGIN_MS = 1000
"""So far from the edges of its windows a sight must lie to be told for sure; a doubtful one is a no-read."""

LATEST_MS = 500
"""A read that could not be said within this time is not said at all."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Seen again within `duplicate_ms` a code is a duplicate, within `loop_ms` (least, most) it came round."""

    duplicate_ms: int
    loop_ms: tuple[int, int] | None

    def sight(self, apart_ms: int) -> str | None:
        """What a code is that was last seen so long ago; None where that cannot be told for sure."""
        edges = (self.duplicate_ms, *(self.loop_ms or ()))
        if any(abs(apart_ms - edge) < MARGIN_MS for edge in edges):
            return None
        if apart_ms < self.duplicate_ms:
            return "duplicate"
        return "recirculated" if self.loop_ms and self.loop_ms[0] < apart_ms < self.loop_ms[1] else "new"


@dataclass(frozen=True, slots=True)
class Eyes:
    """How a reader sees: the most reads of a parcel, the shares of parcels without a read, with several codes, and of
    parcels that were placed by hand behind the induction; `garbage` is the share of lines that are none.
    """

    reads: int = 6
    no_read: float = 0.02
    multi: float = 0.01
    by_hand: float = 0.01
    garbage: float = 0.01


class Tunnel:
    """One reader's parcels. `truth` is what a right counter has counted once everything that was said has arrived.

    Times are milliseconds of a clock that never goes back.
    """

    def __init__(self, speech: Speech, windows: Windows, codes: Codes, rng: Random) -> None:
        self._speech, self._windows, self._codes, self._rng = speech, windows, codes, rng
        self._longest_ms = max(windows.duplicate_ms, *(windows.loop_ms or (0,))) + MARGIN_MS
        self.eyes = Eyes()
        self.truth: Counter[str] = Counter()
        self._waiting: deque[tuple[float, Line]] = deque()
        self._round: dict[int, str] = {}
        self._seen: dict[str, int] = {}
        self._doubtful: set[str] = set()

    # --- what passes ---

    def pass_by(self, parcel: int, again: bool, now_ms: int) -> None:
        """A parcel of the line passes; `again`: it will come round."""
        code = self._round.pop(parcel, "") or self._draw()
        if again:
            self._round[parcel] = code
        self._look(code, now_ms)
        if self._rng.random() < self.eyes.by_hand:
            self._look(self._draw(), now_ms)

    def beat(self, now_ms: int) -> None:
        """Say that it lives, if it ever does."""
        self._say(self._speech.heartbeat(), now_ms + LATEST_MS)

    def burst(self, parcels: int) -> None:
        """So many parcels at once, each read once, said as fast as they are taken."""
        for _ in range(parcels):
            self._say(self._speech.read(self._draw()))

    def spoil(self) -> None:
        """One line that is none, said whenever it is taken."""
        self._say(self._speech.garbage())

    def _look(self, code: str, now_ms: int) -> None:
        fate, until_ms = self._rng.random(), now_ms + LATEST_MS
        if fate < self.eyes.no_read:
            self._say(self._speech.no_read(), until_ms)
        elif fate < self.eyes.no_read + self.eyes.multi:
            self._say(self._speech.multi(code, self._draw()), until_ms)
        else:
            for _ in range(self._rng.randint(1, self.eyes.reads)):
                self._say(self._speech.read(code), until_ms)
        if self._rng.random() < self.eyes.garbage:
            self._say(self._speech.garbage(), until_ms)

    def _say(self, line: Line | None, until_ms: float = math.inf) -> None:
        if line is not None:
            self._waiting.append((until_ms, line))

    def _draw(self) -> str:
        while len(code := self._codes.draw()) not in self._speech.fits:
            pass
        return code

    # --- what is said ---

    def next_line(self, now_ms: int) -> Line | None:
        """The next line to say now, in the column where it belongs; None: there is nothing to say.

        It must then be `told` or `lost`.
        """
        while self._waiting:
            until_ms, line = self._waiting.popleft()
            if now_ms < until_ms and (said := self._judged(line, now_ms)) is not None:
                return said
        return None

    @property
    def silent(self) -> bool:
        """Whether nothing waits to be said."""
        return not self._waiting

    def told(self, line: Line) -> None:
        """All of a line was said."""
        self.truth[line.column] += 1

    def lost(self, line: Line, said: int) -> None:
        """The connection ended when `said` bytes of a line were through."""
        if line.code:
            self._doubtful.add(line.code)
        if said:
            self.truth[self._speech.broken_off(said)] += 1

    def silence(self) -> None:
        """Nobody listens: what waits to be said is not."""
        self._waiting.clear()

    def _judged(self, line: Line, now_ms: int) -> Line | None:
        if not line.code:
            return line
        column = self._sight(line.code, now_ms)
        if column is None:
            return self._speech.no_read()
        self._seen.pop(line.code, None)
        self._seen[line.code] = now_ms
        return line._replace(column=column)

    def _sight(self, code: str, now_ms: int) -> str | None:
        while self._seen and now_ms - self._seen[oldest := next(iter(self._seen))] > self._longest_ms:
            del self._seen[oldest]
        if code in self._doubtful:
            return None
        return self._windows.sight(now_ms - self._seen[code]) if code in self._seen else "new"
