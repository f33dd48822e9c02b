"""What is asked for again while the card is away, or among very many runs: over the spool as it is."""

from __future__ import annotations

import errno
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from disk_model import ModelDisk
from sent_again import all_sent

from agent.uplink.contract import Message
from agent.uplink.resend import NOT_KEPT, QUEUED, Resends
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


@pytest.mark.parametrize("unacknowledged", [0, 2, 7])
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


class Runs:
    """A spool in memory with a message of each of so many runs; it counts how often it was looked at."""

    is_known = True

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = numbers
        self.next_position = len(numbers)
        self.looks = 0

    def look(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]:
        self.looks += 1
        numbers = enumerate(self.numbers[start : start + max_messages], start)
        return [(position, message(f"{number}-abcdef", 1).encode()) for position, number in numbers]


def test_who_asks_for_runs_that_are_not_there_never_holds_up_the_uplink_however_many_runs_are() -> None:
    """A site that began anew every few seconds has thousands of runs; anybody may ask for one that it has no more."""
    held = Runs(range(2001, 6001))
    resends = Resends(held, "6000-abcdef")
    for epoch in range(1, QUEUED + 1):
        resends.ask({"epoch": f"{epoch}-abcdef", "from": 1, "to": 5, "run": "6000-abcdef"})
    turns = 0
    while resends:
        before = held.looks
        assert resends.next() is None
        assert held.looks - before < 1000
        turns += 1
        assert turns < 10_000
    assert [one["gone"] for one in resends.answers] == QUEUED * [[[1, 5, NOT_KEPT]]]
    assert held.looks < 40_000, "the whole spool is looked through once and not for each"


def test_a_run_is_found_though_the_numbers_of_runs_do_not_grow_with_the_place() -> None:
    held = Runs([*range(500, 900), *range(100, 400), *range(1_700_000, 1_700_200), 901])
    resends = Resends(held, "901-abcdef")
    for number in (120, 899, 1_700_001, 901, 50):
        resends.ask({"epoch": f"{number}-abcdef", "from": 1, "to": 1, "run": "901-abcdef"})
    sent = list[object]()
    while resends:
        if (found := resends.next()) is not None:
            sent.append(json.loads(found[1].payload)["epoch"])
            resends.sent(found[0])
    assert sorted(map(str, sent)) == sorted(f"{number}-abcdef" for number in (120, 899, 1_700_001, 901))
    assert [one["gone"] for one in resends.answers if one["gone"]] == [[[1, 1, NOT_KEPT]]]
