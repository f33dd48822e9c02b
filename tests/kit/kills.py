"""kill -9 at any moment of a process that commits: everything that it had promised by then must be on the card."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from spool_history import Broken, unbalanced
from spool_victim import MAX_BYTES, message_at, state_after

from agent.uplink.spool import Spool

KIT = Path(__file__).parent
ROOT = KIT.parents[1]


def kills(directory: Path, random: Random, count: int) -> Iterator[list[Broken]]:
    """One life after the other on one directory, each ended with -9; what was broken after each."""
    for _ in range(count):
        yield judged(directory, killed_after(directory, random))


def killed_after(directory: Path, random: Random) -> int:
    """Kill the writer after some commits, the first of a run included; what it had promised by then."""
    command = [sys.executable, str(KIT / "spool_victim.py"), str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": "."}) as victim:
        assert victim.stdout is not None
        for _ in range(random.choice((1, random.randint(1, 60)))):
            line = victim.stdout.readline()
        victim.kill()
        rest = victim.stdout.read().splitlines()
    return int((rest or [line])[-1])


def judged(directory: Path, promised: int) -> list[Broken]:
    """What is not as promised."""
    spool = Spool.open(directory, MAX_BYTES)
    found = dict(spool.read(0, 1 << 20, 1 << 30))
    lost = [at for at in range(spool.acked, spool.next_position) if found.get(at) != message_at(at)]
    faults = [Broken("lost", f"lost: {lost}")] if lost else []
    if spool.next_position < promised:
        faults.append(Broken("reused", f"next position {spool.next_position}, {promised} were given out"))
    if spool.state != state_after(spool.next_position):
        faults.append(Broken("mismatch", "state is not the fold of the messages"))
    if spool.books().corrupt or spool.books().dropped:
        faults.append(Broken("mismatch", f"{spool.books()}"))
    faults += unbalanced(spool, found)
    spool.close()
    return faults
