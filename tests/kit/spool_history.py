"""A scripted life of a spool on a model disk, and the judge of what is found on that disk afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple, Protocol

from agent.uplink.spool import Spool
from agent.uplink.spool.disk import Disk

MAX_BYTES = 20 << 10
SEGMENT_BYTES = 4 << 10


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class MarkedDisk(Disk, Protocol):
    """A disk whose log takes marks, so that a power cut is judged by what had been promised by then."""

    def mark(self, what: object) -> None: ...


Kind = Literal["lost", "mismatch", "reused", "refused"]


class Broken(NamedTuple):
    """A promise that does not hold: `lost` what was acknowledged, `mismatch` of state, contents or books with what was
    written, `reused` a position that had been given out, `refused` to start."""

    kind: Kind
    what: str


def open_spool(disk: Disk, clock: Clock | None = None) -> Spool:
    return Spool.open(Path("model"), MAX_BYTES, segment_bytes=SEGMENT_BYTES, disk=disk, clock=clock or Clock())


@dataclass(frozen=True)
class Commit:
    """A commit as the caller knows it: `end` is the position after its messages."""

    end: int
    state: bytes


@dataclass
class Truth:
    """All that was ever handed to the spool: contents by position, and the state that is the fold of them."""

    contents: list[bytes] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=lambda: [Commit(0, b"")])

    def add(self, messages: list[bytes]) -> bytes:
        """The state that contains the messages: a chain over everything so far."""
        chain = self.commits[-1].state[:32]
        for message in messages:
            chain = hashlib.sha256(chain + message).digest()
        self.contents += messages
        state = chain + bytes(len(self.contents) % 7 * 40) + len(self.commits).to_bytes(4, "big")
        self.commits.append(Commit(len(self.contents), state))
        return state


@dataclass(frozen=True)
class Promise:
    """What holds once that commit has returned durable: its messages and state, and the books' losses."""

    commit: int
    acked: int
    dropped: int


@dataclass(frozen=True)
class Begun:
    """From here on that commit may be found on the disk."""

    commit: int


def some_messages(random: Random) -> list[bytes]:
    return [
        random.randbytes(random.randint(0, 140)) + b"x" * random.randint(0, 150) for _ in range(random.randint(0, 5))
    ]


def live(disk: MarkedDisk, truth: Truth, random: Random, commits: int, kills_share: float = 0.04) -> Spool:
    """Commit, read, acknowledge; now and then die by kill -9 and come back. Each durable return leaves a mark."""
    clock = Clock()
    spool = open_spool(disk, clock)
    for _ in range(commits):
        clock.now_s += random.choice((1.0, 10.0, 61.0))
        commit_once(spool, disk, truth, random)
        if random.random() < 0.4:
            got = spool.read(spool.acked, random.randint(1, 9), 1 << 20)
            if got:
                spool.acknowledge(got[-1][0] + 1)
        if random.random() < 0.2:
            spool.tick()
        if random.random() < kills_share and spool.condition.place == "disk":  # else memory's messages would go
            spool = open_spool(disk, clock)
    return spool


def commit_once(spool: Spool, disk: MarkedDisk, truth: Truth, random: Random) -> None:
    messages = some_messages(random)
    first = len(truth.contents)
    state = truth.add(messages)
    disk.mark(Begun(len(truth.commits) - 1))
    assert spool.commit(messages, state) == first
    if spool.condition.place == "disk":
        disk.mark(Promise(len(truth.commits) - 1, spool.acked, spool.books().dropped))


def last_promise(log: list[tuple]) -> Promise:
    return next((entry[1] for entry in reversed(log) if _is(entry, Promise)), NOTHING)


def last_begun(log: list[tuple]) -> int:
    return next((entry[1].commit for entry in reversed(log) if _is(entry, Begun)), 0)


def _is(entry: tuple, kind: type) -> bool:
    return entry[0] == "mark" and isinstance(entry[1], kind)


NOTHING = Promise(0, 0, 0)


def broken_promises(  # noqa: PLR0917 - what is there, and what it is held against
    disk: Disk, again: Callable[[], Disk], truth: Truth, promise: Promise, begun: int, random: Random
) -> list[Broken]:
    """Open the spool on what a power cut has left, and name everything that is not as promised.

    `again` is the same disk as another process finds it.
    """
    try:
        spool = open_spool(disk)
        found = dict(spool.read(0, 1 << 20, 1 << 30))
        faults = _wrong_contents(found, truth) + _lost(spool, found, truth, promise)
        faults += _wrong_state(spool, found, truth, promise, begun)
        return faults + _reopening(spool, again, found, random)
    except Exception as refusal:  # noqa: BLE001 - none is allowed
        return [Broken("refused", repr(refusal))]


def _wrong_contents(found: dict[int, bytes], truth: Truth) -> list[Broken]:
    wrong = [at for at, message in found.items() if at >= len(truth.contents) or truth.contents[at] != message]
    return [Broken("mismatch", f"other content at {wrong}")] if wrong else []


def _lost(spool: Spool, found: dict[int, bytes], truth: Truth, promise: Promise) -> list[Broken]:
    end = truth.commits[promise.commit].end
    missing = [at for at in range(promise.acked, end) if at not in found and at >= spool.acked]
    faults = [Broken("lost", f"acknowledged and lost: {missing}")] if missing else []
    if spool.next_position < end:
        faults.append(Broken("reused", f"next position {spool.next_position} would be given out twice, {end} were"))
    if spool.books().dropped < promise.dropped:
        faults.append(Broken("mismatch", f"{promise.dropped} were dropped, the books say {spool.books().dropped}"))
    return faults


def _wrong_state(spool: Spool, found: dict[int, bytes], truth: Truth, promise: Promise, begun: int) -> list[Broken]:
    held = max(found, default=-1) + 1
    allowed = [commit.state for commit in truth.commits[promise.commit : begun + 1] if commit.end == held or not found]
    what = f"state is not the fold of the {held} messages found"
    return [] if spool.state in allowed else [Broken("mismatch", what)]


def _reopening(spool: Spool, again: Callable[[], Disk], found: dict[int, bytes], random: Random) -> list[Broken]:
    faults = unbalanced(spool, found)
    fresh = [random.randbytes(20) for _ in range(3)]
    first = spool.commit(fresh, b"after")
    expected = found | dict(enumerate(fresh, first))
    spool.close()
    reopened = open_spool(again())
    kept = dict(reopened.read(0, 1 << 20, 1 << 30))
    missing = [at for at in expected if at >= reopened.acked and at not in kept]
    if missing or any(expected.get(at) != message for at, message in kept.items()):
        faults.append(Broken("mismatch", "what is appended after recovery is not all there"))
    if reopened.state != b"after" or first + 3 != reopened.next_position or first in found:
        faults.append(Broken("mismatch", "state or position after recovery"))
    faults += unbalanced(reopened, kept)
    reopened.close()
    return faults


def unbalanced(spool: Spool, readable: dict[int, bytes]) -> list[Broken]:
    """The books against what can really be read."""
    books = spool.books()
    held = sum(1 for at in readable if at >= spool.acked)
    is_sound = books.residual == 0 and books.held == held and min(books.acked, books.dropped, books.corrupt) >= 0
    return [] if is_sound else [Broken("mismatch", f"{books}, while {held} are held")]
