"""The spool beside SQLite (WAL, synchronous=FULL, a transaction a commit): flushes, card bytes, commits, opening.

python benchmarks/bench_spool.py [--json]        the table, or one JSON object
python -m pytest benchmarks/bench_spool.py       with pytest-benchmark's statistics
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from agent.uplink.spool import Spool
from agent.uplink.spool.disk import CardDisk, File
from agent.uplink.spool.wear import Allowance

DAY_S = 86_400
PAGE_BYTES = 4096
MILLION = 1_000_000
ROUNDS = 7
COMMITS_A_ROUND = 150
HOUR_S = 3600
FEW_MB_A_DAY = 180


class CountedFile:
    """Counts flushes, and the pages each flush has to write."""

    def __init__(self, file: File, counts: Counts) -> None:
        self._file = file
        self._counts = counts
        self._dirty: set[int] = set()
        self.read, self.salvage = file.read, file.salvage
        self.close = file.close

    def write(self, octets: bytes, offset: int) -> None:
        self._dirty.update(range(offset // PAGE_BYTES, (offset + len(octets) - 1) // PAGE_BYTES + 1))
        self._file.write(octets, offset)

    def sync(self) -> None:
        self._counts.flushes += 1
        self._counts.card_bytes += len(self._dirty) * PAGE_BYTES
        self._dirty.clear()
        if self._counts.is_flushing:
            self._file.sync()


class Counts:
    def __init__(self, *, is_flushing: bool = True) -> None:
        self.flushes = 0
        self.card_bytes = 0
        self.is_flushing = is_flushing


class CountedDisk(CardDisk):
    """The real disk, counted; with `is_flushing` off it is only for building what is then opened."""

    def __init__(self, directory: Path, counts: Counts) -> None:
        super().__init__(directory)
        self._counts = counts

    def open(self, name: str, *, writable: bool = False) -> File:
        return CountedFile(super().open(name, writable=writable), self._counts)

    def create(self, name: str) -> File:
        return CountedFile(super().create(name), self._counts)

    def sync(self) -> None:
        self._counts.flushes += 1
        self._counts.card_bytes += PAGE_BYTES
        if self._counts.is_flushing:
            super().sync()


class Round(NamedTuple):
    seconds: float
    device_bytes: int


class SqliteQueue:
    """The same promise in SQLite: messages and state in one transaction."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._connection = sqlite3.connect(directory / "queue.db", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE message (position INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)",
            "CREATE TABLE state (one INTEGER PRIMARY KEY, body BLOB NOT NULL)",
        ):
            self._connection.execute(statement)

    def commit(self, messages: list[bytes], state: bytes) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT INTO message (body) VALUES (?)", [(message,) for message in messages])
        self._connection.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (state,))
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def telemetry(random: Random, seq: int) -> bytes:
    """A message of about the size and the entropy of a line's telemetry."""
    fields = {"v": 1, "ts": 1_795_000_000_000 + seq * 1000 + random.randrange(50), "tsq": "ntp", "epoch": "12-9f3a1c"}
    fields |= {
        "seq": seq,
        "mode": "normal",
        "q": "good",
        "in_total": 81_000 + seq * 5,
        "in_pph": random.randrange(20_000),
    }
    fields |= {"out_total": 80_500 + seq * 5, "out_pph": random.randrange(20_000), "wip": random.randrange(5000)}
    return json.dumps(fields, separators=(",", ":")).encode()


def baselines(random: Random, size_bytes: int) -> bytes:
    """Count state of about that size: a counter takes some 50 bytes."""
    counters = range(max(1, size_bytes // 50))
    lows = {f"plc-{n}.inducted": [1, random.randrange(2**32), random.randrange(2**20)] for n in counters}
    return json.dumps(lows, separators=(",", ":")).encode()


def device_bytes(place: Path) -> int:
    """Bytes written so far to the block device below, journal and neighbours included; 0 for ever where there is none.

    Not /proc/self/io: it counts whole folios, and a pre-zeroed file has large ones of which one page is written.
    """
    device = place.stat().st_dev
    counters = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    return int(counters.read_text().split()[6]) * 512 if counters.exists() else 0


@contextmanager
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bench-spool-") as name:
        yield Path(name)


def round_of(commit: Callable[[list[bytes], bytes], Any], messages: int, state: bytes, place: Path) -> Round:
    random = Random(1)
    batches = [[telemetry(random, number) for number in range(messages)] for _ in range(COMMITS_A_ROUND)]
    before, began_s = device_bytes(place), time.perf_counter()
    for number, batch in enumerate(batches):
        commit(batch, state + b"%d" % number)
    return Round(time.perf_counter() - began_s, device_bytes(place) - before)


def beside_sqlite(messages: int, state_bytes: int, commits_a_day: int) -> dict[str, float]:
    """Rounds in turn, so that both see the same machine; ratios below 1 are in the spool's favour."""
    state, counts = baselines(Random(2), state_bytes), Counts()
    with directory() as place:
        spool = Spool.open(place / "spool", 256 << 20, disk=CountedDisk(place / "spool", counts))
        queue = SqliteQueue(place / "sqlite")
        spool.commit([b"first"], state)
        counts.flushes = counts.card_bytes = 0
        rounds = [
            (round_of(spool.commit, messages, state, place), round_of(queue.commit, messages, state, place))
            for _ in range(ROUNDS)
        ]
        queue.close()
        spool.close()
    commits = ROUNDS * COMMITS_A_ROUND
    per_day = commits_a_day / COMMITS_A_ROUND / 1e9
    figures = {
        "messages_a_commit": messages,
        "state_bytes": len(state),
        "commits_per_s": COMMITS_A_ROUND / statistics.median(ours.seconds for ours, _ in rounds),
        "sqlite_commits_per_s": COMMITS_A_ROUND / statistics.median(theirs.seconds for _, theirs in rounds),
        "time_ratio_to_sqlite": statistics.median(ours.seconds / theirs.seconds for ours, theirs in rounds),
        "flushes_per_commit": counts.flushes / commits,
        "card_gb_a_day": counts.card_bytes / commits * commits_a_day / 1e9,
    }
    if all(theirs.device_bytes for _, theirs in rounds):
        ours_bytes = statistics.median(ours.device_bytes for ours, _ in rounds)
        theirs_bytes = statistics.median(theirs.device_bytes for _, theirs in rounds)
        figures["device_gb_a_day"] = ours_bytes * per_day
        figures["sqlite_device_gb_a_day"] = theirs_bytes * per_day
        figures["device_bytes_ratio_to_sqlite"] = ours_bytes / theirs_bytes
    return figures


def within_a_budget() -> dict[str, float]:
    """A message a second where `max_card_mb_a_day` is small: commits wait, as in agent/report/commits.py.
    Looked at for an hour, after what may come at once is spent."""
    random, state, allowance = Random(5), baselines(Random(2), 1000), Allowance(FEW_MB_A_DAY * 2**20, 60.0, 0.0)
    waiting: list[bytes] = []
    with directory() as place:
        spool = Spool.open(place / "spool", 256 << 20, disk=CountedDisk(place / "spool", Counts(is_flushing=False)))
        for second in range(1, 3 * HOUR_S + 1):
            if second in {1, 2 * HOUR_S}:
                before, most, commits = spool.room().card, 0, 0
            waiting.append(telemetry(random, second))
            most = max(most, len(waiting))
            if allowance.has_left(spool.room().card, second):
                spool.commit(waiting, state)
                waiting, commits = [], commits + 1
        card_gb = (spool.room().card - before) * DAY_S / HOUR_S / 1e9
        spool.close()
    return {"budget_mb_a_day": FEW_MB_A_DAY, "at_stake_s": most, "card_gb_a_day": card_gb, "commits": commits}


def fill(place: Path) -> None:
    """One million messages, ten a commit."""
    random = Random(3)
    spool = Spool.open(place, 1 << 30, disk=CountedDisk(place, Counts(is_flushing=False)))
    messages = [telemetry(random, number) for number in range(1000)]
    state = baselines(random, 500)
    for number in range(MILLION // 10):
        spool.commit(messages[number % 100 * 10 :][:10], state)
    spool.close()


def open_once(place: Path) -> float:
    began_s = time.perf_counter()
    spool = Spool.open(place, 1 << 30)
    took_s = time.perf_counter() - began_s
    assert spool.books().held == MILLION
    spool.close()
    return took_s


def opening() -> dict[str, float]:
    with directory() as place:
        fill(place)
        began_s = time.perf_counter()
        spool = Spool.open(place, 1 << 30)
        position = 0
        while got := spool.read(position, 1000, 1 << 20):
            position = got[-1][0] + 1
        spool.close()
        drain_s = time.perf_counter() - began_s
        return {
            "messages": MILLION,
            "open_ms": statistics.median(open_once(place) for _ in range(9)) * 1000,
            "disk_mb": sum(file.stat().st_size for file in place.iterdir()) / 1e6,
            "read_messages_per_s": position / drain_s,
        }


def measure() -> dict[str, dict[str, float]]:
    return {
        "one_message_a_second": beside_sqlite(1, 1000, DAY_S),
        "ten_messages_a_second": beside_sqlite(10, 1000, DAY_S),
        "five_messages_and_20_kb_of_state_every_10_s": beside_sqlite(5, 20_000, DAY_S // 10),
        "one_message_a_second_within_a_budget": within_a_budget(),
        "opening": opening(),
    }


def show(figures: dict[str, dict[str, float]]) -> None:
    for title, group in figures.items():
        print(title.replace("_", " "))
        for name, value in group.items():
            print(f"  {name.replace('_', ' '):<28}{value:>14,.{0 if value % 1 == 0 else 3}f}")
    print("targets: flushes per commit <= 1.4; card <= 0.7 GB a day at one message a second, <= 1.0 at ten,")
    print("         <= 0.2 with five seconds at stake; opening < 50 ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    as_json = parser.parse_args().json
    figures = measure()
    print(json.dumps(figures)) if as_json else show(figures)
    return 0


@pytest.mark.benchmark(group="commit of five messages and 20 kB of state")
@pytest.mark.parametrize("kind", ["spool", "sqlite"])
def test_commit(benchmark: Any, tmp_path: Path, kind: str) -> None:
    random = Random(4)
    messages, state = [telemetry(random, number) for number in range(5)], baselines(random, 20_000)
    queue = Spool.open(tmp_path / kind, 256 << 20) if kind == "spool" else SqliteQueue(tmp_path / kind)
    numbers = iter(range(1 << 30))
    benchmark(lambda: queue.commit(messages, state + b"%d" % next(numbers)))
    queue.close()


@pytest.mark.benchmark(group="opening one million messages")
def test_open(benchmark: Any, tmp_path: Path) -> None:
    fill(tmp_path)
    benchmark(open_once, tmp_path)


if __name__ == "__main__":
    sys.exit(main())
