"""The disk refuses: at any operation, full, read-only, missing or slow; nothing is raised and nothing lies."""

import errno
import os
import shutil
import tempfile
import threading
from pathlib import Path
from random import Random

import pytest
from disk_model import ModelDisk, ModelFile
from failing_disk import FOR_GOOD, cases
from fault_matrix import Figure
from spool_history import MAX_BYTES, SEGMENT_BYTES, Clock, Truth, commit_once, live, open_spool, unbalanced

from agent.uplink.spool import Spool
from agent.uplink.spool.frame import MAX_POSITION
from agent.uplink.spool.remedy import remedy
from agent.uplink.spool.segment import MAX_NUMBER, SegmentName


def everything(spool: Spool) -> dict[int, bytes]:
    return dict(spool.read(0, 1 << 20, 1 << 30))


@pytest.mark.fault("S4")
@pytest.mark.parametrize(("lasting", "step"), [(1, 1), (2, 5), (7, 7), (FOR_GOOD, 7)])
def test_an_error_at_any_operation_loses_nothing_that_was_called_durable(
    lasting: int, step: int, figure: Figure
) -> None:
    found = dict(cases(lasting, step))
    figure(cases=len(found), identities_reused=sum(one.kind == "reused" for faults in found.values() for one in faults))
    assert {start: faults for start, faults in found.items() if faults} == {}


@pytest.mark.fault("S5", "S6")
@pytest.mark.parametrize("fault", ["ENOSPC", "read-only"])
def test_a_full_or_read_only_disk_at_any_operation_loses_nothing_that_was_called_durable(
    fault: str, figure: Figure
) -> None:
    found = dict(cases(20, 11, fault))
    figure(cases=len(found))
    assert {start: faults for start, faults in found.items() if faults} == {}


@pytest.mark.parametrize("operation", [1, 2])
def test_an_error_while_it_opens_is_over_with_the_first_commit(operation: int) -> None:
    disk, truth = ModelDisk(), Truth()
    live(disk, truth, Random(5), 30)
    end, failing = len(truth.contents), disk.operations + operation
    disk.fault = lambda kind, at: errno.EIO if at == failing else 0
    spool = open_spool(disk)
    assert spool.condition.place == "ram"
    assert spool.commit([b"more"], b"") == end
    assert spool.condition.place == "disk"


@pytest.mark.fault("S4")
def test_a_passing_error_costs_no_commit_its_durability() -> None:
    disk, truth, random = ModelDisk(), Truth(), Random(1)
    spool = open_spool(disk)
    commit_once(spool, disk, truth, random)
    for _ in range(20):
        failing = disk.operations + 2
        disk.fault = lambda kind, at, failing=failing: errno.EIO if at == failing else 0
        commit_once(spool, disk, truth, random)
        assert spool.condition.place == "disk"
    assert list(everything(spool).values()) == truth.contents[-len(everything(spool)) :]


@pytest.mark.fault("S6")
def test_on_a_read_only_disk_it_goes_on_in_memory_says_so_and_returns() -> None:
    disk, clock = ModelDisk(), Clock()
    spool = open_spool(disk, clock)
    spool.commit([b"one"], b"1")
    disk.fault = lambda kind, _: 0 if kind in ("open", "read", "sizes", "attach") else errno.EROFS
    spool.commit([b"two"], b"2")
    assert (spool.condition.place, "Read-only" in spool.condition.reason) == ("ram", True)
    assert everything(spool) == {0: b"one", 1: b"two"}
    assert spool.state == b"2"
    spool.tick()
    assert spool.condition.place == "ram"
    disk.fault = lambda kind, at: 0
    spool.tick()
    assert spool.condition.place == "disk"
    again = open_spool(disk)
    assert (everything(again), again.state) == ({0: b"one", 1: b"two"}, b"2")


@pytest.mark.fault("S6")
def test_it_opens_on_a_read_only_disk_with_all_that_is_there() -> None:
    disk = ModelDisk()
    first = open_spool(disk)
    first.commit([b"one"], b"1")
    first.close()
    disk.fault = lambda kind, _: 0 if kind in ("open", "read", "sizes", "attach") else errno.EROFS
    spool = open_spool(disk)
    assert (spool.condition.place, everything(spool), spool.state) == ("ram", {0: b"one"}, b"1")


@pytest.mark.fault("S6")
def test_memory_is_bounded_while_the_disk_is_away_and_what_it_drops_is_the_oldest_and_counted() -> None:
    disk = ModelDisk()
    spool = open_spool(disk)
    spool.commit([b"on disk"], b"")
    disk.fault = lambda kind, _: errno.EIO
    for number in range(100):
        spool.commit([number.to_bytes(100, "big")], b"")
    books, found = spool.books(), everything(spool)
    assert sum(map(len, found.values())) <= SEGMENT_BYTES // 2
    assert (min(found), max(found)) == (spool.acked, 100)
    assert (books.dropped, books.held, books.residual) == (101 - len(found), len(found), 0)


@pytest.mark.fault("S9")
def test_a_file_with_an_absurd_name_that_a_disk_brings_when_it_comes_back_is_not_counted_on() -> None:
    disk = ModelDisk()
    spool = open_spool(disk)
    spool.commit([b"one"], b"1")
    disk.fault = lambda kind, _: errno.EIO
    spool.commit([b"two"], b"2")
    disk.fault = lambda kind, _: 0
    disk.create(str(SegmentName(MAX_NUMBER - 1, MAX_POSITION - 1, 0)))
    spool.commit([b"three"], b"3")
    again = open_spool(disk)
    assert (everything(again), again.state) == ({0: b"one", 1: b"two", 2: b"three"}, b"3")


@pytest.mark.fault("S5")
def test_a_neighbour_that_fills_the_disk_leaves_the_ring_working_and_room_is_used_again() -> None:
    disk = ModelDisk(capacity_bytes=3 * SEGMENT_BYTES)
    spool, truth, random = open_spool(disk), Truth(), Random(2)
    while disk.used_bytes() < 3 * SEGMENT_BYTES or spool.books().dropped == 0:
        commit_once(spool, disk, truth, random)
        assert spool.condition.place == "disk"
    disk.capacity_bytes = 1 << 30
    for _ in range(100):
        commit_once(spool, disk, truth, random)
    assert 4 * SEGMENT_BYTES < disk.used_bytes() <= MAX_BYTES
    assert unbalanced(spool, everything(spool)) == []


@pytest.mark.fault("S5")
def test_a_disk_without_any_room_is_used_from_the_first_commit_after_room_is_there() -> None:
    disk = ModelDisk(capacity_bytes=SEGMENT_BYTES // 2)
    spool = open_spool(disk)
    spool.commit([b"one"], b"1")
    assert spool.condition.place == "ram"
    assert disk.used_bytes() == 0, "a half-made segment stays"
    disk.capacity_bytes = 1 << 30
    spool.commit([b"two"], b"2")
    assert spool.condition.place == "disk"
    assert everything(open_spool(disk)) == {0: b"one", 1: b"two"}


def test_a_failing_disk_is_not_asked_all_the_time() -> None:
    disk, clock = ModelDisk(), Clock()
    spool = open_spool(disk, clock)

    def slow_failure(kind: str, at: int) -> int:
        clock.now_s += 2.0
        return errno.EIO

    disk.fault = slow_failure
    spool.commit([b"one"], b"")
    asked = disk.operations
    spool.commit([b"two"], b"")
    assert disk.operations == asked
    clock.now_s += 60.0
    spool.commit([b"three"], b"")
    assert disk.operations > asked


def test_a_directory_that_appears_late_keeps_its_own_past_and_what_came_meanwhile() -> None:
    disk = ModelDisk()
    past = open_spool(disk)
    past.commit([b"past 0", b"past 1"], b"past")
    past.acknowledge(1)
    past.close()
    disk.fault = lambda kind, _: errno.EIO
    spool = open_spool(disk)
    first = spool.commit([b"meanwhile 0", b"meanwhile 1"], b"now")
    assert spool.read(first, 9, 99) == [(first, b"meanwhile 0"), (first + 1, b"meanwhile 1")]
    spool.acknowledge(first + 1)
    assert spool.books().residual == 0
    disk.fault = lambda kind, at: 0
    spool.commit([b"later"], b"now")
    unacknowledged = [message for _, message in spool.read(first + 1, 9, 99)]
    assert unacknowledged == [b"past 1", b"meanwhile 1", b"later"]
    assert (spool.condition.place, spool.state) == ("disk", b"now")
    assert unbalanced(spool, everything(spool)) == []
    spool.acknowledge(first + 2)
    assert spool.acked == 1, "a watermark of the old numbers acknowledges nothing"


def test_a_segment_that_vanishes_with_its_directory_is_counted_lost() -> None:
    disk, truth, random = ModelDisk(), Truth(), Random(3)
    spool = open_spool(disk)
    for _ in range(20):
        commit_once(spool, disk, truth, random)
    held = len(truth.contents)
    disk.fault = lambda kind, _: errno.EIO
    commit_once(spool, disk, truth, random)
    disk.now.names.clear()
    disk.fault = lambda kind, at: 0
    commit_once(spool, disk, truth, random)
    found = everything(spool)
    assert list(found.values()) == truth.contents[held:]
    assert (spool.books().corrupt, unbalanced(spool, found)) == (held, [])


@pytest.mark.parametrize("fault", [errno.EMFILE, errno.EIO])
@pytest.mark.parametrize("operation", ["open", "read"])
def test_what_cannot_be_read_for_now_is_said_kept_and_read_later(operation: str, fault: int) -> None:
    disk = ModelDisk()
    spool = open_spool(disk)
    for number in range(200):
        spool.commit([number.to_bytes(40, "big")], b"")
    held = everything(spool)
    spool.read(0, 1, 1)
    disk.fault = lambda kind, at: fault if kind == operation else 0
    assert set(everything(spool)) <= {min(held)}
    assert (spool.condition.place, os.strerror(fault) in spool.condition.reason) == ("disk", True)
    assert (spool.books().corrupt, spool.next_held(spool.acked)) == (0, spool.acked)
    disk.fault = lambda kind, at: 0
    assert everything(spool) == held
    assert spool.condition.reason == ""


def test_segments_that_are_gone_are_lost_and_counted_and_do_not_stop_the_rest() -> None:
    disk = ModelDisk()
    spool = open_spool(disk)
    for number in range(200):
        spool.commit([number.to_bytes(40, "big")], b"")
    spool.acknowledge(spool.acked)
    disk.now.names.clear()
    assert spool.read(spool.acked, 1, 99) == []
    assert spool.books().corrupt == spool.books().written - spool.books().dropped
    assert spool.next_held(spool.acked) == spool.next_position
    assert spool.read(spool.next_position, 1, 99) == []


def test_a_message_that_is_written_off_stays_counted_after_a_restart() -> None:
    disk = ModelDisk()
    spool = open_spool(disk)
    spool.commit([b"one", b"two"], b"")
    spool.write_off(0)
    spool.acknowledge(2)
    spool.close()
    books = open_spool(disk).books()
    assert (books.acked, books.corrupt, books.residual) == (1, 1, 0)


def test_every_position_that_was_given_out_can_be_read_at_once() -> None:
    spool, missing = open_spool(ModelDisk()), list[int]()
    ledger = spool._ledger
    write = ledger.write

    def write_and_look(count: int) -> int:
        first = write(count)
        if not spool.read(first, 1, 99):
            missing.append(first)
        return first

    ledger.write = write_and_look  # type: ignore[method-assign]  # a reader in the moment after it was given out
    for number in range(20):
        spool.commit([number.to_bytes(4, "big")], b"")
    assert missing == []


@pytest.mark.fault("S8")
def test_reading_goes_on_while_a_flush_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = ModelDisk()
    spool = open_spool(disk)
    spool.commit([b"one"], b"1")
    flushing, go_on, sync = threading.Event(), threading.Event(), ModelFile.sync

    def slow_sync(file: ModelFile) -> None:
        flushing.set()
        assert go_on.wait(60)
        sync(file)

    monkeypatch.setattr(ModelFile, "sync", slow_sync)
    committing = threading.Thread(target=spool.commit, args=([b"two"], b"2"))
    committing.start()
    assert flushing.wait(60)
    assert everything(spool) == {0: b"one"}
    assert (spool.state, spool.next_position, spool.condition.place) == (b"1", 1, "disk")
    spool.acknowledge(1)
    assert spool.books().acked == 1
    go_on.set()
    committing.join(60)
    assert everything(spool) == {0: b"one", 1: b"two"}


@pytest.mark.fault("S9")
def test_a_directory_that_is_a_file_or_cannot_be_made_is_survived_in_memory(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_bytes(b"not a directory")
    dangling = tmp_path / "link"
    dangling.symlink_to(tmp_path / "nowhere" / "at" / "all")
    for directory in (occupied, occupied / "below", dangling):
        spool = Spool.open(directory, 1 << 20)
        first = spool.commit([b"one"], b"1")
        assert spool.condition.place == "ram"
        assert spool.read(first, 9, 99) == [(first, b"one")]
        spool.close()
    occupied.unlink()
    spool = Spool.open(occupied, 1 << 20)
    spool.commit([b"one"], b"1")
    assert spool.condition.place == "disk"
    spool.close()


@pytest.mark.fault("S9")
def test_a_disk_that_is_pulled_comes_back_with_all_and_the_folder_under_it_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, place = Clock(), tmp_path / "mounted"
    with tempfile.TemporaryDirectory(dir="/dev/shm") as disk:  # another file system
        assert Path(disk).stat().st_dev != tmp_path.stat().st_dev
        place.symlink_to(disk)
        spool = Spool.open(place / "spool", 1 << 20, clock=clock)
        spool.commit([b"one"], b"1")
        with monkeypatch.context() as pulled:
            pulled.setattr(os, "fdatasync", refusing)
            spool.commit([b"two"], b"2")
        place.unlink()
        clock.now_s += 60.0
        spool.commit([b"three"], b"3")
        assert (spool.condition.place, remedy(spool.condition.reason)) == ("ram", "spool_do_away")
        shutil.rmtree(place)
        place.symlink_to(disk)
        clock.now_s += 60.0
        spool.commit([b"four"], b"4")
        assert (spool.condition.place, spool.books().corrupt) == ("disk", 0)
        assert list(everything(spool).values()) == [b"one", b"two", b"three", b"four"]
        spool.close()


def refusing(descriptor: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))
