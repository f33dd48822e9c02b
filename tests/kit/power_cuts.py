"""Power cuts at any write of a spool's life on the model disk, judged; and known-bad spools that must be found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from random import Random
from unittest.mock import patch

from disk_model import ModelDisk, power_cut
from lives import Tally
from spool_history import Broken, Truth, broken_promises, last_begun, last_promise, live, open_spool

from agent.uplink.spool.frame import BARE_BYTES, Marks, encode
from agent.uplink.spool.ring import Entry, Ring
from agent.uplink.spool.store import Store

COMMITS = 110
EIO = 5
MOST_UNDONE = 6
"""A lying card takes back so many flushes at most."""


def recorded(seed: int, commits: int = COMMITS, failing_share: float = 0.0) -> tuple[ModelDisk, Truth]:
    """A spool's life; of its flushes `failing_share` fail."""
    random = Random(seed)
    disk, truth = ModelDisk(), Truth()
    if failing_share:
        disk.fault = lambda operation, _: EIO if operation == "sync" and random.random() < failing_share else 0
    live(disk, truth, random, commits)
    return disk, truth


def states(seed: int, disk: ModelDisk, truth: Truth, every: int = 1) -> Iterator[tuple[int, list[Broken]]]:
    """Cut the power after every n-th entry of the log; what was found broken there."""
    for cut in range(1, len(disk.log) + 1, every):
        log, random = disk.log[:cut], Random(f"{seed}/{cut}")
        left = ModelDisk(power_cut(disk.base, log, random))
        again = lambda left=left: ModelDisk(left.now)  # noqa: E731
        yield cut, broken_promises(left, again, truth, last_promise(log), last_begun(log), random)


def lying_card_states(seed: int, disk: ModelDisk, truth: Truth, every: int = 1) -> Iterator[tuple[int, list[Broken]]]:
    """The same on a card that takes back up to six flushes: it must open and tell nothing untrue; it may have lost."""
    for cut in range(1, len(disk.log), every):
        random = Random(f"{seed}/{cut}")
        image = power_cut(disk.base, disk.log[:cut], random, random.randint(1, MOST_UNDONE))
        yield cut, untruths(ModelDisk(image), truth)


def untruths(disk: ModelDisk, truth: Truth) -> list[Broken]:
    """Open what is damaged; it may have lost, but not return what was never written, nor refuse what comes now."""
    try:
        spool = open_spool(disk)
        found = dict(spool.read(0, 1 << 20, 1 << 30))
        wrong = [at for at, message in found.items() if at >= len(truth.contents) or truth.contents[at] != message]
        first = spool.commit([b"after"], b"")
        is_kept = spool.read(first, 1, 10) == [(first, b"after")]
        spool.close()
    except Exception as refusal:  # noqa: BLE001 - none is allowed
        return [Broken("refused", repr(refusal))]
    faults = [Broken("mismatch", f"never written: {wrong}")] if wrong else []
    faults += [] if is_kept and spool.books().residual == 0 else [Broken("mismatch", "what came after is not there")]
    return faults


def life(number: int) -> Tally:
    """All power cuts of a spool's life on an honest card; in each fourth life a tenth of the flushes fail."""
    tally = Tally()
    for cut, faults in states(number, *recorded(number, failing_share=0.1 if number % 4 == 3 else 0.0)):
        tally.add(faults, f"life {number}, cut {cut}")
    return tally


def lying_life(number: int) -> Tally:
    """A third of the power cuts of a life on a lying card."""
    tally = Tally()
    for cut, faults in lying_card_states(number, *recorded(number, 80), every=3):
        tally.add(faults, f"life {number}, cut {cut}")
    return tally


# --- spools that must be found out ---


@dataclass(frozen=True)
class Control:
    """A known mistake: flushes that are none (`without`), or a part of the product made wrong (`wrong`)."""

    without: str = ""
    wrong: Callable[[], AbstractContextManager[object]] = nullcontext
    failing_share: float = 0.0

    def tally(self, seed: int, commits: int = 60, every: int = 2) -> Tally:
        """How the judge sees it."""
        tally = Tally()
        with self.wrong():
            disk, truth = recorded(seed, commits, self.failing_share)
            disk.log = [entry for entry in disk.log if entry[0] != self.without]
            for cut, faults in states(seed, disk, truth, every):
                tally.add(faults, f"life {seed}, cut {cut}")
        return tally


@contextmanager
def _two_transactions() -> Iterator[None]:
    whole = Store.write

    def halves(store: Store, entry: Entry) -> None:
        whole(store, Entry(entry.first, (), entry.state))
        whole(store, entry)

    with patch.object(Store, "write", halves):
        yield


def _hopeful(ring: Ring, entry: Entry, marks: Marks) -> bool:
    """After a failed flush it flushes again."""
    newest = ring.segments[-1] if ring.segments else None
    if ring._file is None or newest is None or newest.index is None:
        return False
    frame = encode(newest.name.stamp, entry.first, marks, entry.messages, entry.state)
    if ring._offset + len(frame) + BARE_BYTES > newest.size_bytes:
        return False
    ring._file.write(frame, ring._offset)
    with suppress(OSError):
        ring._file.sync()
    ring._file.sync()
    newest.index.add(entry.first, ring._offset, len(frame))
    ring._offset += len(frame)
    return True


CONTROLS = {
    "no flush of data": Control(without="sync"),
    "no flush of names": Control(without="sync_names"),
    "messages and state in two transactions": Control(wrong=_two_transactions),
    "a failed flush repeated": Control(wrong=lambda: patch.object(Ring, "append", _hopeful), failing_share=0.1),
}
