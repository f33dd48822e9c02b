"""What a connection delivers, line by line in the agent's own words, with the framing guessed where nobody told it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from agent.scans.counting import CHUTES, LANES
from config.scanners import chutes_most
from drivers.scan_guess import FIELDS_MOST, KNOWN, Guess, guess
from drivers.scan_mask import masked
from drivers.scanner import Framing
from fastpath.scans import BAD_NAMES, COLUMN_NAMES, ScanCounter

LOOKED_AT_BYTES = 1 << 16
"""The framing is guessed from so much; what comes later changes it no more."""

ENOUGH_LINES = 8
"""A guess from fewer is believed only where no more comes for now."""

_LOOK_MS = 500

_LONGEST_LINE = 1024
_LANE_MOST, _CHUTE_USUAL = 99, 999


class Way(NamedTuple):
    """How lines are told apart, and the highest lane and chute that count."""

    framing: Framing
    lane: int = LANES
    chute: int = CHUTES


class Seen(NamedTuple):
    """One line: the column the agent would count it in, and its bytes with the code hidden."""

    column: str
    shown: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Lines of one reason: how many, and the first of them with its code hidden."""

    count: int
    example: str


class Findings:
    """Everything a connection has said so far. With `told` nothing is guessed. `fields_too_many`: lines with so many
    came, which cannot be read."""

    def __init__(self, told: Way | None = None) -> None:
        self._told = told
        self._heard: list[tuple[int, bytes]] = []
        self._waiting: list[tuple[int, bytes]] = []
        self._looked_at = self._looked_ms = 0
        self.guess: Guess | None = None
        self.fields_too_many: int | None = None
        self.octets = 0
        self._begin(told)

    @property
    def way(self) -> Way | None:
        """How lines are read: as settings say, or as guessed; None: not yet."""
        return self._told or (way_of(self.guess) if self.guess else None)

    @property
    def framing(self) -> Framing | None:
        """How lines are told apart, where that is known."""
        return self.way.framing if self.way else None

    @property
    def reads(self) -> int:
        return sum(self.counts[name] for name in COLUMN_NAMES[:3])

    def hear(self, octets: bytes, now_ms: int) -> list[Seen]:
        """Take in what came at `now_ms` of a clock that never goes back; the lines that can be judged now."""
        self.octets += len(octets)
        self._waiting.append((now_ms, octets))
        if self._told is None and self.octets <= LOOKED_AT_BYTES:
            self._heard.append((now_ms, octets))
            if self.octets >= 2 * self._looked_at or now_ms - self._looked_ms >= _LOOK_MS:
                self._look(ENOUGH_LINES)
            if self.guess is None or self.guess.lines < ENOUGH_LINES:
                return []
        return self._judge_waiting()

    def pause(self) -> list[Seen]:
        """Nothing comes for now: what waits for more lines to guess from is judged by those there are."""
        if self._waiting and self._told is None and self.octets <= LOOKED_AT_BYTES:
            self._look(1)
        return self._judge_waiting() if self._judge else []

    def cut(self) -> list[Seen]:
        """The other end is gone: a line that it had begun is cut off."""
        seen = self.pause()
        return seen + (self._note(self._judge.cut()) if self._judge else [])

    def _look(self, least_lines: int) -> None:
        """Guess from all that was kept; where that changes the framing, what was judged before is judged anew."""
        self._looked_ms = self._heard[-1][0]
        found, before = guess(b"".join(octets for _, octets in self._heard)), self.way
        if found is None or found.lines < least_lines:
            return
        if len(found.fields) > FIELDS_MOST:
            self.fields_too_many = len(found.fields)
            return
        self._looked_at, self.guess = self.octets, found
        if self.way != before:
            self._begin(self.way)
            for now_ms, octets in self._heard[: -len(self._waiting)]:
                self._judged(octets, now_ms)

    def _judge_waiting(self) -> list[Seen]:
        waiting, self._waiting = self._waiting, []
        return [seen for now_ms, octets in waiting for seen in self._judged(octets, now_ms)]

    def _begin(self, way: Way | None) -> None:
        self._judge = Judge(way) if way else None
        self.counts: Counter[str] = Counter()
        self.rejects: dict[str, Reject] = {}

    def _judged(self, octets: bytes, now_ms: int) -> list[Seen]:
        return self._note(self._judge.hear(octets, now_ms)) if self._judge else []

    def _note(self, lines: list[tuple[str, bytes]]) -> list[Seen]:
        seen = [Seen(column, masked(line, KNOWN)) for column, line in lines]
        for column, shown in seen:
            self.counts[column] += 1
            if column in BAD_NAMES:
                before = self.rejects.get(column, Reject(0, shown))
                self.rejects[column] = Reject(before.count + 1, before.example)
        return seen


class Judge:
    """The agent's counter, asked after every line."""

    def __init__(self, way: Way) -> None:
        self._counter = ScanCounter(lanes=1 + way.lane, chutes=way.chute, key=os.urandom(32), live_codes=1 << 14)
        self._source = way.framing.listen(0)
        self._end = way.framing.terminator[-1:]
        self._rest = b""
        self._before = [0] * len(COLUMN_NAMES)

    def hear(self, octets: bytes, now_ms: int) -> list[tuple[str, bytes]]:
        """The lines that ended, each with its column; a line in two columns comes twice."""
        *lines, self._rest = (self._rest + octets).split(self._end)
        found = [one for line in lines for one in self._fed(line + self._end, now_ms)]
        if len(self._rest) > _LONGEST_LINE:
            found += self._fed(self._rest, now_ms)
            self._rest = b""
        return found

    def cut(self) -> list[tuple[str, bytes]]:
        """The line that was begun, if any."""
        rest, self._rest = self._rest, b""
        return [("cut", rest)] if rest else []

    def _fed(self, line: bytes, now_ms: int) -> list[tuple[str, bytes]]:
        self._counter.feed(self._source, line, now_ms)
        while not self._counter.finish():
            self._counter.take()
        self._counter.take()
        totals = [sum(column) for column in zip(*self._counter.totals.tolist(), strict=True)]
        grown = [name for name, before, now in zip(COLUMN_NAMES, self._before, totals, strict=True) if now > before]
        self._before = totals
        return [(name, line) for name in grown]


def way_of(guessed: Guess) -> Way:
    """The guess as the agent reads, with no higher lanes and chutes than it needs."""
    lane = LANES if guessed.lane <= LANES else _LANE_MOST
    chute = CHUTES if guessed.chute <= CHUTES else _CHUTE_USUAL if guessed.chute <= _CHUTE_USUAL else chutes_most(lane)
    return Way(framing_of(guessed), lane, chute)


def framing_of(guessed: Guess) -> Framing:
    """The guess as the agent's framing."""
    return Framing(
        terminator=guessed.terminator,
        start=guessed.start,
        separator=guessed.separator,
        joiner=guessed.joiner,
        fields=guessed.fields,
        aim=guessed.aim,
        no_read=guessed.no_read,
        heartbeat=guessed.heartbeat,
        multi=guessed.multi,
    )
