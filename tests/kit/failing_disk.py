"""A disk that refuses at its n-th operation, for a while or for good: what is promised must hold all the same."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from random import Random

from disk_model import ModelDisk, power_cut
from spool_history import Broken, Truth, broken_promises, last_begun, last_promise, live, unbalanced

from agent.uplink.spool import Spool

WRITING = {"write", "sync", "create", "rename", "remove", "sync_names", "open_writable", "attach", "sizes"}
READABLE = {"open", "read", "sizes", "attach"}
COMMITS = 75
FOR_GOOD = 1 << 30
FAULTS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "read-only": errno.EROFS}


def live_with_errors(start: int, lasting: int, fault: str = "EIO") -> tuple[Spool, ModelDisk, Truth]:
    """Without kills: what only memory holds ends with the process, and that is no fault."""
    disk, truth = ModelDisk(), Truth()
    refused = WRITING - READABLE if fault == "read-only" else WRITING
    number = FAULTS[fault]
    disk.fault = lambda kind, at: number if kind in refused and start <= at < start + lasting else 0
    return live(disk, truth, Random(5), COMMITS, kills_share=0.0), disk, truth


def cases(lasting: int, step: int, fault: str = "EIO") -> Iterator[tuple[int, list[Broken]]]:
    """A life for each n: the disk refuses from its n-th operation on for `lasting` of them, then power fails."""
    _, healthy, _ = live_with_errors(0, 0)
    for start in range(3, healthy.operations, step):
        yield start, judged(start, lasting, fault)


def judged(start: int, lasting: int, fault: str) -> list[Broken]:
    """What is broken while the process lives, and after the power has failed."""
    try:
        spool, disk, truth = live_with_errors(start, lasting, fault)
        found, random = dict(spool.read(0, 1 << 20, 1 << 30)), Random(start)
        wrong = [at for at, message in found.items() if truth.contents[at] != message]
        faults = [Broken("mismatch", f"other content at {wrong}")] if wrong else []
        if spool.state != truth.commits[-1].state:
            faults.append(Broken("mismatch", "the state is not the last one given"))
        faults += unbalanced(spool, found)
    except Exception as refusal:  # noqa: BLE001 - none is allowed
        return [Broken("refused", repr(refusal))]
    left = ModelDisk(power_cut(disk.base, disk.log, random))
    promise, begun = last_promise(disk.log), last_begun(disk.log)
    return faults + broken_promises(left, lambda: ModelDisk(left.now), truth, promise, begun, random)
