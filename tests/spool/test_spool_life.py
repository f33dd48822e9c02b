"""The spool on a real directory: what it keeps, in which bound, for whom, and through kill -9."""

import stat
import threading
from pathlib import Path
from random import Random

import pytest
from disk_model import ModelDisk
from fault_matrix import Figure
from kills import kills
from spool_history import MAX_BYTES, Clock, Truth, commit_once, live, open_spool, unbalanced
from spool_victim import MAX_BYTES as VICTIM_BYTES

from agent.uplink.spool import Books, Spool, SpoolLockedError

ROOM = 1 << 20


def everything(spool: Spool) -> dict[int, bytes]:
    return dict(spool.read(0, 1 << 20, 1 << 30))


def test_what_is_committed_is_there_after_reopening_with_its_state(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path / "new", ROOM)
    assert (spool.state, spool.next_position, spool.acked, spool.condition.place) == (b"", 0, 0, "disk")
    assert spool.commit([b"a", b"", b"c" * 5000], b"first") == 0
    assert spool.commit([], b"second") == 3
    assert spool.commit([b"d"], b"third") == 3
    spool.close()
    again = Spool.open(tmp_path / "new", ROOM)
    assert everything(again) == {0: b"a", 1: b"", 2: b"c" * 5000, 3: b"d"}
    assert (again.state, again.next_position) == (b"third", 4)
    again.close()


def test_reading_keeps_to_its_limits_but_returns_at_least_one(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, ROOM)
    spool.commit([b"x" * 10] * 5, b"")
    spool.commit([b"y" * 10] * 5, b"")
    assert [at for at, _ in spool.read(3, 4, 1000)] == [3, 4, 5, 6]
    assert [at for at, _ in spool.read(3, 100, 35)] == [3, 4, 5]
    assert [at for at, _ in spool.read(3, 100, 1)] == [3]
    assert spool.read(3, 0, 100) == []
    assert spool.read(10, 100, 100) == []
    spool.close()


def test_acknowledged_messages_stay_readable_and_acknowledgement_survives_closing(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, ROOM)
    spool.commit([b"a", b"b", b"c"], b"")
    spool.acknowledge(2)
    spool.acknowledge(1)
    spool.acknowledge(99)
    assert (spool.acked, spool.books()) == (2, Books(written=3, acked=2, held=1, dropped=0, corrupt=0))
    spool.close()
    again = Spool.open(tmp_path, ROOM)
    assert again.acked == 2
    assert everything(again)[0] == b"a"
    again.close()


def test_an_idle_acknowledgement_is_written_once_a_minute_at_most() -> None:
    disk, clock = ModelDisk(), Clock()
    spool = open_spool(disk, clock)
    spool.commit([b"message"] * 10, b"state")
    flushes = []
    for second in range(1, 181):
        clock.now_s = float(second)
        spool.acknowledge(second // 18)
        before = disk.syncs
        spool.tick()
        if disk.syncs > before:
            flushes.append(second)
    assert flushes == [60, 120, 180]
    assert open_spool(ModelDisk(disk.now)).acked == 10
    assert open_spool(ModelDisk(disk.now)).state == b"state"


def test_a_commit_that_says_nothing_new_writes_nothing() -> None:
    disk = ModelDisk()
    spool = open_spool(disk)
    spool.commit([b"message"], b"state")
    before = disk.written_bytes
    assert spool.commit([], b"state") == 1
    assert disk.written_bytes == before


@pytest.mark.fault("S10")
def test_at_its_bound_the_oldest_go_are_counted_and_the_books_balance_over_days(figure: Figure) -> None:
    disk, truth, random = ModelDisk(), Truth(), Random(9)
    spool = open_spool(disk)
    for number in range(1500):
        commit_once(spool, disk, truth, random)
        assert disk.used_bytes() <= MAX_BYTES
        if number % 100 == 50:
            spool.acknowledge(spool.acked + (spool.next_position - spool.acked) // 2)
        if number % 300 == 299:
            counted = spool.books()
            spool.close()
            spool = open_spool(disk)
            assert spool.books() == counted
    found, books = everything(spool), spool.books()
    assert list(found) == list(range(min(found), len(truth.contents))), "a hole, not the oldest end"
    assert found == dict(list(enumerate(truth.contents))[min(found) :])
    figure(written=books.written, dropped=books.dropped, residual=books.residual)
    assert books.written == len(truth.contents)
    assert books.dropped > 1000
    assert books.acked > 200
    assert unbalanced(spool, found) == []


def test_acknowledged_messages_are_not_dropped_ones() -> None:
    disk, truth, random = ModelDisk(), Truth(), Random(9)
    spool = open_spool(disk)
    for _ in range(600):
        commit_once(spool, disk, truth, random)
        spool.acknowledge(spool.next_position)
    books = open_spool(ModelDisk(disk.now)).books()
    assert (books.dropped, books.corrupt) == (0, 0)


def test_a_commit_costs_little_more_than_one_flush() -> None:
    disk = ModelDisk()
    spool = Spool.open(Path("model"), 8 << 20, disk=disk)
    random = Random(1)
    for number in range(3000):
        spool.commit([random.randbytes(200) for _ in range(5)], b"%d" % number)
    assert disk.used_bytes() > 3 << 20
    assert disk.syncs / 3000 <= 1.05


def test_no_commit_is_cut_into_pieces_and_too_much_is_refused(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, ROOM)
    segment_bytes = ROOM // 8
    most = Random(0).randbytes(segment_bytes // 2 - 4)
    assert spool.commit([most], Random(1).randbytes(segment_bytes // 4)) == 0
    with pytest.raises(ValueError, match="too much"):
        spool.commit([most + b"x"], b"")
    with pytest.raises(ValueError, match="too much"):
        spool.commit([], bytes(segment_bytes // 4 + 1))
    assert everything(spool) == {0: most}
    spool.close()
    with pytest.raises(ValueError, match="closed"):
        spool.commit([b"late"], b"")
    with pytest.raises(ValueError, match="cannot be cut"):
        Spool.open(tmp_path, 1000)


def test_a_smaller_bound_after_a_restart_is_kept_at_once_when_room_is_needed(tmp_path: Path) -> None:
    spool, random = Spool.open(tmp_path, 4 << 20), Random(4)
    for _ in range(300):
        spool.commit([random.randbytes(9000)], b"state")
    spool.close()
    spool = Spool.open(tmp_path, ROOM)
    assert spool.books().held > 200
    for _ in range(100):
        spool.commit([random.randbytes(9000)], b"state")
    spool.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= ROOM


@pytest.mark.fault("P7")
def test_a_second_opener_is_refused_and_the_first_is_unharmed(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, ROOM)
    spool.commit([b"a"], b"")
    with pytest.raises(SpoolLockedError, match="in use by another process"):
        Spool.open(tmp_path, ROOM)
    assert spool.commit([b"b"], b"") == 1
    spool.close()
    spool = Spool.open(tmp_path, ROOM)
    assert everything(spool) == {0: b"a", 1: b"b"}
    spool.close()


def test_its_files_are_closed_to_others(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path / "spool", ROOM)
    spool.commit([b"a"], b"")
    spool.close()
    modes = {stat.S_IMODE(file.stat().st_mode) & ~0o640 for file in (tmp_path / "spool").iterdir()}
    assert modes == {0}
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) & 0o027 == 0


@pytest.mark.fault("S11")
def test_a_copied_card_opens_like_the_first(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path / "card", ROOM)
    spool.commit([b"a"], b"state")
    (tmp_path / "clone").mkdir()
    for file in (tmp_path / "card").iterdir():
        (tmp_path / "clone" / file.name).write_bytes(file.read_bytes())
    clone = Spool.open(tmp_path / "clone", ROOM)
    assert (everything(clone), clone.state, clone.next_position) == ({0: b"a"}, b"state", 1)
    clone.close()
    spool.close()


def test_one_thread_writes_while_another_reads_and_acknowledges() -> None:
    disk, truth, random = ModelDisk(), Truth(), Random(11)
    spool = open_spool(disk)
    done, wrong = threading.Event(), []

    def drain() -> None:
        position, is_last = 0, False
        while not is_last:
            is_last = done.is_set()
            for at, message in spool.read(position, 7, 2000):
                if truth.contents[at] != message or at < position:
                    wrong.append(at)
                position = at + 1
            spool.acknowledge(position)
            is_last = is_last and position == spool.next_position

    reading = threading.Thread(target=drain)
    reading.start()
    for _ in range(800):
        commit_once(spool, disk, truth, random)
    done.set()
    reading.join(60)
    assert not reading.is_alive()
    assert wrong == []
    books = spool.books()
    assert (books.residual, books.held, books.corrupt) == (0, 0, 0)
    assert books.acked + books.dropped == len(truth.contents)


def test_memory_does_not_grow_with_what_is_held() -> None:
    disk, truth = ModelDisk(), Truth()
    live(disk, truth, Random(3), 200)
    spool = open_spool(disk)
    assert len(everything(spool)) > 50
    indexed = [segment for segment in spool._ring.segments if segment.index is not None]
    assert len(indexed) <= 2


@pytest.mark.fault("S2")
def test_killed_at_any_moment_nothing_that_was_promised_is_missing(
    tmp_path: Path, thorough: bool, figure: Figure
) -> None:
    found = list(kills(tmp_path, Random(20), 200 if thorough else 20))
    figure(kills=len(found), with_losses=sum(map(bool, found)))
    assert [faults for faults in found if faults] == []
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= VICTIM_BYTES
