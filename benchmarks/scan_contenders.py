"""Who counts the same frames in the scan benchmark, and how they take turns: CPU time, ratios by round."""

from __future__ import annotations

import array
import ctypes
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import scan_builds  # noqa: F401 (knows where the kit of the tests is)
from scan_frames import CARRIERS, WINDOW_MS, Frames
from scan_model import ModelSource, ScanModel

LOOP_MS = (5000, 6000)
CHUNK = 65536
LIVE = 100_000
KEY = random.Random(7).randbytes(32)
FRAMING: dict[str, Any] = {"start": b"\x02", "separator": b",", "fields": ("lane", "code", "chute", "confidence")}
COLUMNS = ("new", "duplicate", "recirculated", "no_read")
Counted = dict[str, int]
Turn = Callable[[int], None]


class Product:
    def __init__(self, module: ModuleType, live: int, lanes: int = 32, chutes: int = 256) -> None:
        self.counter = module.ScanCounter(
            lanes=lanes, chutes=chutes, key=KEY, carriers=CARRIERS, s10="ems", live_codes=live,
            duplicate_ms=WINDOW_MS, loop_ms=LOOP_MS,
        )  # fmt: skip
        self.source = module.Source(lane=0, no_read=("NOREAD",), **FRAMING)

    def feed(self, chunks: list[tuple[int, bytes]], base_ms: int) -> None:
        feed, source = self.counter.feed, self.source
        for at_ms, octets in chunks:
            feed(source, octets, base_ms + at_ms)

    def counted(self) -> Counted:
        while not self.counter.finish():
            self.counter.take()
        self.counter.take()
        sums = [sum(column) for column in zip(*self.counter.totals.tolist(), strict=True)]
        return dict(zip(COLUMNS, sums, strict=False)) | {"bad": sum(sums[4:])}


class Reference:
    def __init__(self, library: ctypes.CDLL, live: int, lanes: int = 32, chutes: int = 256) -> None:
        self.library = library
        self.state = ctypes.c_void_p(library.scans_open(lanes, chutes, live, KEY, WINDOW_MS, *LOOP_MS))

    def feed(self, octets: bytes, at_ms: array.array[int], base_ms: int) -> None:
        self.library.scans_run(self.state, octets, len(octets), CHUNK, base_ms, at_ms.buffer_info()[0])

    def counted(self) -> Counted:
        rows = array.array("Q", [0] * 16)
        self.library.scans_rows(self.state, rows.buffer_info()[0])
        return dict(zip(COLUMNS, rows, strict=False)) | {"bad": sum(rows[4:])}

    def close(self) -> None:
        self.library.scans_close(self.state)


class Plain:
    """One that takes bytes and milliseconds and has `rows` by lane and column: plain Cython, plain Python."""

    def __init__(self, counting: Any) -> None:
        self.counting = counting

    def feed(self, chunks: list[tuple[int, bytes]], base_ms: int) -> None:
        feed = self.counting.feed
        for at_ms, octets in chunks:
            feed(octets, base_ms + at_ms)

    def counted(self) -> Counted:
        result = dict.fromkeys((*COLUMNS, "bad"), 0)
        for (_, column), times in self.counting.rows.items():
            result[column if column in COLUMNS else "bad"] += times
        return result


class Model(Plain):
    """The model that the tests hold the counter against; written to be believed, not to be fast."""

    def __init__(self, lanes: int = 32, chutes: int = 256) -> None:
        super().__init__(ScanModel(lanes, chutes, CARRIERS, "ems", duplicate_ms=WINDOW_MS, loop_ms=LOOP_MS))
        self.source = ModelSource(lane=0, no_read=("NOREAD",), **FRAMING)

    def feed(self, chunks: list[tuple[int, bytes]], base_ms: int) -> None:
        for at_ms, octets in chunks:
            self.counting.feed(self.source, octets, base_ms + at_ms)


def cpu_ns() -> int:
    return time.thread_time_ns()


@dataclass(frozen=True, slots=True)
class Contender:
    """`feed(base_ms)` takes `count` frames that end `length_ms` later."""

    feed: Turn
    count: int
    length_ms: int

    def turn(self, number: int) -> None:
        """All frames once more, as much later as they take."""
        self.feed(10 + number * self.length_ms)


def compare(contenders: dict[str, Contender], rounds: int) -> dict[str, dict[str, float]]:
    """Nanoseconds a frame, and the ratio to the first contender: each the median of the rounds.

    Every round has its own order of turns: what the one before left in the caches is for no one contender's good.
    """
    order, rng = list(contenders.items()), random.Random(5)
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        rng.shuffle(order)
        for name, one in order:
            begun = cpu_ns()
            one.turn(turn)
            if turn > 0:  # the first warms caches and branch predictors
                took[name].append((cpu_ns() - begun) / one.count)
    first = took[next(iter(contenders))]
    return {
        name: {
            "ns": round(statistics.median(times), 2),
            "least_ns": round(min(times), 2),
            "x": round(statistics.median(a / b for a, b in zip(times, first, strict=True)), 3),
        }
        for name, times in took.items()
    }


def contender(feed: Callable[[list[tuple[int, bytes]], int], None], frames: Frames) -> Contender:
    chunks = frames.chunks(CHUNK)
    return Contender(lambda base_ms: feed(chunks, base_ms), frames.count, chunks[-1][0] + 1)
