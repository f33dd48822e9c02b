"""What the scan counter promises, one by one."""

from __future__ import annotations

import gc
import itertools
import random
import threading
import tracemalloc
from typing import Any

import pytest
from fault_matrix import Figure
from traces import resident_bytes

from fastpath.scans import BAD_NAMES, COLUMN_NAMES, ScanCounter, Source

KEY = bytes(range(32))
FRAME = {"start": b"\x02", "separator": b",", "fields": ("lane", "code", "chute", "confidence"), "no_read": ("NOREAD",)}


def counter(**changes: Any) -> ScanCounter:
    return ScanCounter(**{"lanes": 8, "chutes": 20, "key": KEY, "live_codes": 4096, **changes})


def settled(one: ScanCounter) -> dict[str, int]:
    """All that was ever counted, by column."""
    while not one.finish():
        one.take()
    one.take()
    sums = (sum(column) for column in zip(*one.totals.tolist(), strict=True))
    return {name: total for name, total in zip(COLUMN_NAMES, sums, strict=True) if total}


def seen_at(one: ScanCounter, *times_ms: int, code: bytes = b"SF1234567890123") -> dict[str, int]:
    source = Source(lane=0)
    for now_ms in times_ms:
        one.feed(source, code + b"\r\n", now_ms)
    return settled(one)


@pytest.mark.fault("B18")
def test_the_same_code_within_the_window_is_one_parcel_and_both_reads_are_kept() -> None:
    assert seen_at(counter(duplicate_ms=3000), 1000, 1100) == {"new": 1, "duplicate": 1}


def test_the_window_begins_anew_with_each_read() -> None:
    assert seen_at(counter(duplicate_ms=3000), 0, 2999, 5998, 8998) == {"new": 2, "duplicate": 2}


@pytest.mark.parametrize(
    ("later_ms", "column"),
    [
        (2999, "duplicate"),
        (3000, "new"),
        (9999, "new"),
        (10_000, "recirculated"),
        (12_000, "recirculated"),
        (12_001, "new"),
    ],
)
def test_a_lap_of_the_loop_is_told_from_a_re_read_by_its_time(later_ms: int, column: str) -> None:
    counted = seen_at(counter(duplicate_ms=3000, loop_ms=(10_000, 12_000)), 500, 500 + later_ms)
    assert counted == ({"new": 2} if column == "new" else {"new": 1, column: 1})


@pytest.mark.parametrize("step_ms", [1, 999, 8191, 8192, 8193, 20_000, 32_767])
@pytest.mark.parametrize("later_ms", [65_535, 65_536, 65_537, 66_000, 131_072, 131_999])
def test_a_code_is_not_young_again_when_the_ticks_wrap(step_ms: int, later_ms: int) -> None:
    one = counter(duplicate_ms=1000, live_codes=128)
    source = Source(lane=0)
    assert one.tick_ms == 1
    one.feed(source, b"SF1234567890123\r\n", 0)
    if step_ms > 1:
        for now_ms in range(step_ms, later_ms, step_ms):
            one.advance(now_ms)
    one.feed(source, b"SF1234567890123\r\n", later_ms)
    assert settled(one) == {"new": 2}


def test_ticks_are_as_fine_as_the_longest_window_lets_them_be() -> None:
    assert counter(duplicate_ms=3000).tick_ms == 1
    assert counter(duplicate_ms=3000, loop_ms=(60_000, 96_000)).tick_ms == 4
    assert seen_at(counter(duplicate_ms=3000, loop_ms=(60_000, 96_000)), 0, 96_000) == {"new": 1, "recirculated": 1}
    assert seen_at(counter(duplicate_ms=3000, loop_ms=(60_000, 96_000)), 0, 96_004) == {"new": 2}


def test_a_clock_that_goes_back_stands_still_and_is_counted() -> None:
    assert seen_at(counter(), 100_000, 50_000, 52_999, 55_999) == {"new": 2, "duplicate": 2}
    one = counter()
    one.advance(9000)
    one.advance(8000)
    one.finish()
    snapshot = one.take()
    assert snapshot is not None
    assert (snapshot.clock_steps, snapshot.first_second, snapshot.last_second) == (1, 9, 9)


@pytest.mark.parametrize("reads", [3, 3000])
def test_what_was_counted_from_a_buffer_is_wiped_and_what_follows_in_it_is_not(reads: int) -> None:
    octets = b"".join(b"SF%013d\r\n" % (number // 2) for number in range(reads))
    buffer = bytearray(octets + b"SF1234567890123\r\n")
    one, other, source = counter(), counter(), Source(lane=0)
    one.feed(source, octets, 10)
    other.feed_buffer(Source(lane=0), buffer, len(octets), 10)
    assert settled(other) == settled(one)
    assert buffer == bytes(len(octets)) + b"SF1234567890123\r\n"
    buffer.clear()  # nobody holds it


def test_a_buffer_that_is_refused_is_held_by_nobody_and_its_codes_are_wiped_too() -> None:
    buffer = bytearray(b"SF1234567890123\r\n")
    for length in (-1, len(buffer) + 1):
        with pytest.raises(ValueError, match=f"{length} of {len(buffer)} bytes"):
            counter().feed_buffer(Source(lane=0), buffer, length, 10)
    with pytest.raises(ValueError, match="lane 8 of 8"):
        counter().feed_buffer(Source(lane=8), buffer, len(buffer), 10)
    assert not any(buffer)
    buffer.clear()


def test_each_lane_has_its_own_window() -> None:
    one = counter()
    for lane in (1, 2, 1):
        one.feed(Source(lane=lane), b"SF1234567890123\r\n", 10)
    assert settled(one) == {"new": 2, "duplicate": 1}


def test_a_snapshot_has_lane_chute_and_carrier_of_whole_seconds() -> None:
    one = counter(carriers=(("sf", "SF", 12, 15),), s10="ems")
    source = Source(lane=0, **FRAME)
    octets = b"\x0203,SF1234567890123,7,99\r\n\x0203,EB000717595HK,7\r\n"
    one.feed(source, octets, 5000)
    assert one.take() is None
    one.feed(source, b"\x0203,123456789012\r\n", 6000)
    snapshot = one.take()
    assert snapshot is not None
    assert (snapshot.first_second, snapshot.last_second) == (5, 5)
    assert one.classes == ("other", "numeric", "sf", "ems")
    assert snapshot.cells.tolist()[3][7] == [0, 0, 1, 1]
    assert (snapshot.rows[3, COLUMN_NAMES.index("new")], snapshot.octets) == (2, len(octets))
    assert snapshot.peaks.tolist() == [0, 0, 0, 2, 0, 0, 0, 0, 2]
    assert one.carrier_totals.tolist()[3] == [0, 0, 1, 1]


def test_late_snapshots_merge_seconds_and_keep_their_peaks() -> None:
    one = counter()
    source = Source(lane=2)
    for second, reads in enumerate((3, 9, 4, 1, 5)):
        for n in range(reads):
            one.feed(source, b"ABC%09d\r\n" % (100 * second + n), second * 1000 + n)
    first = one.take()
    assert first is not None
    assert (first.first_second, first.last_second, first.rows[2, 0], first.peaks[2]) == (0, 0, 3, 3)
    one.advance(5000)
    rest = one.take()
    assert rest is not None
    assert (rest.first_second, rest.last_second, rest.rows[2, 0], rest.peaks[2]) == (1, 4, 19, 9)
    assert one.totals[2, 0] == 22


def test_what_a_snapshot_showed_ends_with_the_next_take() -> None:
    one = counter()
    seen_at(one, 1)
    one.finish()
    snapshot = one.take()
    assert snapshot is not None
    one.take()
    with pytest.raises(ValueError, match="released"):
        snapshot.rows.tolist()


def test_snapshots_taken_by_another_thread_lose_and_double_nothing() -> None:
    one = counter(duplicate_ms=1)
    source = Source(lane=1)
    rounds, done, taken = 400, threading.Event(), []
    octets = b"".join(b"CODE%08d\r\n" % n for n in range(2000))

    def beat() -> None:
        while not done.is_set():
            if (snapshot := one.take()) is not None:
                taken.append((snapshot.first_second, snapshot.last_second, snapshot.rows[1, 0]))

    thread = threading.Thread(target=beat)
    thread.start()
    for turn in range(rounds):
        one.feed(source, octets, turn * 100)
    done.set()
    thread.join()
    before = sum(new for _, _, new in taken)
    assert settled(one) == {"new": rounds * 2000}
    assert taken
    assert before <= rounds * 2000
    assert all(a[1] < b[0] for a, b in itertools.pairwise(taken))


def test_a_full_table_forgets_the_oldest_code_and_says_how_many() -> None:
    one = counter(live_codes=64)
    source = Source(lane=0)
    octets = b"".join(b"CODE%08d\r\n" % n for n in range(5000))
    for turn in range(2):
        one.feed(source, octets, turn)
    one.finish()
    snapshot = one.take()
    assert snapshot is not None
    assert snapshot.forgotten >= 10_000 - 2 * 64 * 8 - snapshot.rows[0, 1]
    assert snapshot.rows[0, 0] + snapshot.rows[0, 1] == 10_000


@pytest.mark.parametrize(
    ("octets", "counted"),
    [
        (b"\n" * 5000, {"framing": 5000}),
        (b"\r\n" * 5000, {"framing": 5000}),
        (b"\x02\r\n" * 5000, {"empty": 5000}),
        (bytes(10_000_000), {"overlong": 1}),
        (b"7" * 10_000_000 + b"\r\n\x0201,ABCDEFGH12\r\n", {"overlong": 1, "new": 1}),
        (b"\x0201,ABC\0DEFGH12\r\n", {"byte": 1}),
        ("\x0201,包裹ABCDEFGH12\r\n".encode("gbk"), {"byte": 1}),
        (b"\x0201,ABCDEFGH12" + b"," * 400 + b"\r\n", {"fields": 1}),
        (b"\x0208,ABCDEFGH12\r\n", {"lane": 1}),
        (b"\x0201,ABCDEFGH12,21\r\n", {"chute": 1}),
        (b"\x0201,ABCDEFGH12,20,101\r\n", {"confidence": 1}),
        (b"\x0201,<script>alert(1)</script>\r\n\x0201,=1+2+3+4+5\r\n", {"code": 2}),
        (b"noise\x0201,ABCDEFGH12\r\n", {"framing": 1, "new": 1}),
        (b"\x0201,ABCDE\x0201,ABCDEFGH12\r\n", {"framing": 1, "new": 1}),
    ],
)
def test_what_no_scanner_says_is_counted_by_reason(octets: bytes, counted: dict[str, int]) -> None:
    for size in (len(octets), 4096, 7):
        if len(octets) // size > 10_000:
            continue
        one = counter()
        source = Source(lane=0, **FRAME)
        for at in range(0, len(octets), size):
            one.feed(source, octets[at : at + size], 1)
        assert settled(one) == counted
        assert set(counted) <= {*BAD_NAMES, "new"}


@pytest.mark.fault("B17")
def test_memory_stays_flat_under_every_flood(figure: Figure) -> None:
    rng = random.Random(5)
    one = counter(lanes=100, chutes=999)
    source = Source(lane=0, **FRAME)
    codes = b"".join(b"\x0201,%016X\r\n" % rng.getrandbits(64) for _ in range(3000))
    floods = [b"\n" * 65536, bytes(65536), b"x" * 65536, rng.randbytes(65536), codes, b"\x02" * 65536]

    def flood(first_ms: int) -> None:
        for turn in range(200):
            for octets in floods:
                one.feed(source, octets, first_ms + turn * 50)
            one.take()

    flood(0)
    gc.collect()
    tracemalloc.start()
    before = resident_bytes()
    flood(20_000)
    python_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert python_bytes < 20_000
    grown = max(0, resident_bytes() - before)
    figure(resident_bytes_grown=grown)
    assert grown < 1 << 20


def test_a_line_cut_by_a_lost_connection_is_no_read() -> None:
    one = counter()
    source = Source(lane=0)
    one.feed(source, b"SF12345678901", 1)
    one.cut(source)
    one.feed(source, b"23\r\nSF9876543210987\r\n", 2)
    assert settled(one) == {"cut": 1, "code": 1, "new": 1}


def test_a_site_that_is_sure_of_its_carrier_has_a_class_for_digits() -> None:
    one = counter(numeric="zto", carriers=(("sf", "SF", 12, 15),))
    one.feed(Source(lane=0), b"73123456789012\r\nSF123456789012\r\nABCD12345678\r\n", 1)
    settled(one)
    assert dict(zip(one.classes, one.carrier_totals.tolist()[0], strict=True)) == {
        "other": 1, "numeric": 0, "sf": 1, "zto": 1,
    }  # fmt: skip


@pytest.mark.parametrize("code", ["EB000717595HK", "RA000717581CN", "RA966331020CN", "RA761294038CN", "RA000717618CN"])
def test_s10_check_digits_are_believed_only_when_right(code: str) -> None:
    one = counter(s10="ems")
    wrong = code[:10] + str((int(code[10]) + 1) % 10) + code[11:]
    one.feed(Source(lane=0), f"{code}\r\n{wrong}\r\n".encode(), 1)
    settled(one)
    assert one.carrier_totals.tolist()[0] == [1, 0, 1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"terminator": b""},
        {"terminator": b"A"},
        {"separator": b"-"},
        {"separator": b"\n"},
        {"fields": ("lane", "chute"), "separator": b","},
        {"fields": ("lane", "code")},
        {"fields": ("code", "code"), "separator": b","},
        {"fields": ("code", "weight"), "separator": b","},
        {"no_read": ("无读",)},
        {"no_read": ("X" * 33,)},
        {"code_least": 3},
        {"code_most": 41},
        {"line_most": 513},
    ],
)
def test_a_framing_that_cannot_be_told_apart_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        Source(lane=0, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lanes": 0},
        {"key": b"short"},
        {"duplicate_ms": 0},
        {"loop_ms": (1000, 2000)},
        {"loop_ms": (9000, 8000)},
        {"carriers": (("x", "1A", 3, 4),)},
        {"lanes": 10_000, "chutes": 9999},
    ],
)
def test_a_counter_that_could_not_count_right_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        counter(**wrong)


def test_a_source_of_a_lane_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="lane 8 of 8"):
        counter().feed(Source(lane=8), b"", 0)
