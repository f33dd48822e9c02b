"""A process that commits without end until it is killed; each line it prints is a promise."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from agent.uplink.spool import Spool

MAX_BYTES = 256 << 10
PER_COMMIT = 3


def message_at(position: int) -> bytes:
    """What this process, whichever of its lives, writes at a position."""
    return hashlib.sha256(b"%d" % position).digest() * (position % 5 + 1)


def state_after(end: int) -> bytes:
    """The count state that contains all messages below `end`."""
    return b"counted %d" % end


def commit_until_killed(directory: Path) -> None:
    spool = Spool.open(directory, MAX_BYTES)
    position = spool.next_position
    while True:
        end = position + PER_COMMIT
        spool.commit([message_at(at) for at in range(position, end)], state_after(end))
        os.write(1, b"%d\n" % end)
        if end % 4 == 0:
            spool.acknowledge(end - 40)
        position = end


if __name__ == "__main__":
    commit_until_killed(Path(sys.argv[1]))
