"""What is asked for again while the card is away, or among very many runs: over the spool as it is."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
from disk_model import ModelDisk

from agent.uplink.contract import Message
from agent.uplink.resend import Resends
from agent.uplink.search import UnreadableError
from agent.uplink.spool import Spool

AWAY = {"open", "read", "attach", "sizes", "open_writable"}


def spool_of(disk: ModelDisk, runs: list[int]) -> Spool:
    spool = Spool.open(Path("model"), 64 << 10, disk=disk)
    for number, length in enumerate(runs, 1):
        for seq in range(1, length + 1):
            spool.commit([message(f"{number}-abcdef", seq).encode()], b"state")
    return spool


def message(epoch: str, seq: int) -> Message:
    return Message("line/a/telemetry", json.dumps({"epoch": epoch, "seq": seq}).encode())


def all_sent(resends: Resends) -> list[Message]:
    """Everything that is to be sent again, each acknowledged at once."""
    found = []
    while (one := resends.next()) is not None:
        found.append(one[1])
        resends.sent(one[0])
    return found


@pytest.mark.parametrize("unacknowledged", [0, 2, 7])
@pytest.mark.fault("N16")
def test_what_was_acknowledged_is_not_said_to_be_gone_while_the_card_is_away(unacknowledged: int) -> None:
    """A broker took it and lost it; then the disk is pulled for a minute, just as the bureau asks."""
    disk = ModelDisk()
    spool = spool_of(disk, [5, 5])
    spool.acknowledge(10 - unacknowledged)
    resends = Resends(spool, "2-abcdef")
    resends.ask({"epoch": "1-abcdef", "from": 1, "to": 5, "run": "2-abcdef"})
    disk.fault = lambda kind, at: errno.EBADF if kind in AWAY else 0
    with pytest.raises(UnreadableError):
        resends.next()
    assert not resends.answers
    disk.fault = lambda kind, at: 0
    assert len(all_sent(resends)) == 5
    assert [one["gone"] for one in resends.answers] == [[]]


def test_what_was_acknowledged_is_not_said_to_be_gone_while_newer_messages_wait_in_memory() -> None:
    disk = ModelDisk()
    spool = spool_of(disk, [5, 5])
    spool.acknowledge(10)
    disk.fault = lambda kind, at: errno.EIO
    for seq in range(6, 9):
        spool.commit([message("2-abcdef", seq).encode()], b"state")
    resends = Resends(spool, "2-abcdef")
    resends.ask({"epoch": "1-abcdef", "from": 1, "to": 5, "run": "2-abcdef"})
    with pytest.raises(UnreadableError):
        resends.next()
    assert not resends.answers
