"""Power cuts at any write, replayed on the disk model, and known-bad spools that the same judge must find out."""

from contextlib import suppress
from random import Random

import pytest
from disk_model import ModelDisk, power_cut
from spool_history import Truth, broken_promises, last_begun, last_promise, live, open_spool

from agent.uplink.spool.frame import BARE_BYTES, Marks, encode
from agent.uplink.spool.ring import Entry, Ring
from agent.uplink.spool.store import Store

HISTORIES = 5
COMMITS = 110
EIO = 5


def recorded(seed: int, commits: int = COMMITS, failing_share: float = 0.0) -> tuple[ModelDisk, Truth]:
    random = Random(seed)
    disk, truth = ModelDisk(), Truth()
    if failing_share:
        disk.fault = lambda operation, _: EIO if operation == "sync" and random.random() < failing_share else 0
    live(disk, truth, random, commits)
    return disk, truth


def judge(seed: int, disk: ModelDisk, truth: Truth, every: int = 1) -> tuple[int, list[str]]:
    """Cut the power after every n-th entry of the log; how many states, and what was found broken."""
    random = Random(seed)
    faults: list[str] = []
    cuts = range(1, len(disk.log) + 1, every)
    for cut in cuts:
        log = disk.log[:cut]
        image = power_cut(disk.base, log, random)
        faults += broken_promises(image, truth, last_promise(log), last_begun(log), random)
    return len(cuts), faults


def without(kind: str, disk: ModelDisk) -> ModelDisk:
    """The same life on a spool that does not flush."""
    disk.log = [entry for entry in disk.log if entry[0] != kind]
    return disk


def test_no_power_cut_loses_what_was_acknowledged_or_parts_the_state_from_its_messages() -> None:
    states = 0
    for seed in range(HISTORIES):
        judged, faults = judge(seed, *recorded(seed))
        assert faults == []
        states += judged
    assert states >= 2000


def test_power_cuts_after_failed_flushes_lose_nothing_either() -> None:
    for seed in range(3):
        assert judge(seed, *recorded(seed, 60, failing_share=0.1))[1] == []


def test_a_second_power_cut_during_recovery_loses_nothing() -> None:
    disk, truth = recorded(100, 60)
    random = Random(1)
    for cut in range(1, len(disk.log), 2):
        log = disk.log[:cut]
        end = truth.commits[last_promise(log).commit].end
        again = ModelDisk(power_cut(disk.base, log, random))
        recovered = open_spool(again)
        states = [recovered.state, b"recovered"]
        recovered.commit((), b"recovered")
        found = open_spool(ModelDisk(power_cut(again.base, again.log[: random.randint(0, len(again.log))], random)))
        held = dict(found.read(0, 1 << 20, 1 << 30))
        assert found.state in states
        assert found.next_position >= end
        assert [at for at in range(found.acked, end) if held.get(at) != truth.contents[at]] == []


def test_on_a_lying_card_the_spool_opens_and_what_it_returns_is_true() -> None:
    states = 0
    for seed in range(2):
        disk, truth = recorded(seed, 80)
        random = Random(seed)
        for cut in range(1, len(disk.log)):
            spool = open_spool(ModelDisk(power_cut(disk.base, disk.log[:cut], random, random.randint(1, 6))))
            found = dict(spool.read(0, 1 << 20, 1 << 30))
            assert all(truth.contents[at] == message for at, message in found.items())
            assert spool.books().residual == 0
            first = spool.commit([b"after"], b"")
            assert spool.read(first, 1, 10) == [(first, b"after")]
            states += 1
    assert states >= 400


@pytest.mark.parametrize("kind", ["sync", "sync_names"])
def test_the_judge_finds_out_a_spool_that_does_not_flush(kind: str) -> None:
    disk, truth = recorded(0)
    assert judge(0, without(kind, disk), truth, every=3)[1]


def test_the_judge_finds_out_messages_and_state_in_two_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Store.write

    def halves(store: Store, entry: Entry) -> None:
        whole(store, Entry(entry.first, (), entry.state))
        whole(store, entry)

    monkeypatch.setattr(Store, "write", halves)
    assert judge(0, *recorded(0, 60), every=2)[1]


def test_the_judge_finds_out_a_spool_that_flushes_again_and_hopes(monkeypatch: pytest.MonkeyPatch) -> None:
    def hopeful(ring: Ring, entry: Entry, marks: Marks) -> bool:
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

    monkeypatch.setattr(Ring, "append", hopeful)
    assert judge(0, *recorded(0, 60, failing_share=0.1), every=2)[1]
