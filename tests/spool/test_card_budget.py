"""What the spool makes the card write is measured, told, and kept to a day's budget."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from disk_model import ModelDisk
from hypothesis import given
from hypothesis import strategies as st

from agent import clock
from agent.baselines import Baselines, Epoch
from agent.report.commits import Commits
from agent.uplink.contract import Message
from agent.uplink.spool import Room, Spool
from agent.uplink.spool.wear import Allowance, pages
from config.uplink_settings import Spool as SpoolSettings

DAY_S = 86_400.0
LEAST_A_DAY = 16 << 20
"""What a site may name as its card's budget."""


def test_room_tells_how_long_it_lasts_and_what_the_card_bears() -> None:
    room = Room(most=256 << 20, held=56 << 20, appended=10 << 20, card=20 << 20)
    assert room.hours_left(10.0) is None
    assert room.hours_left(3600.0) == 20.0
    assert room.card_mb_a_day(3600.0) == pytest.approx((20 << 20) * 24 / 1e6, abs=0.1)
    assert pages(0, 1) == pages(4095, 1) == 4096
    assert pages(4095, 2) == 8192


def test_what_is_told_of_the_card_in_the_first_minutes_is_what_is_told_after_hours() -> None:
    """The zeros of a new segment, written at once, are no pace."""
    spool, told = Spool.open(Path("model"), 8 << 20, segment_bytes=1 << 20, disk=ModelDisk()), []
    for second in range(1, 12_001):
        spool.commit([b"0" * 400], b"")
        if second % 120 == 0:
            told.append(spool.room().card_mb_a_day(float(second)) or 0.0)
    assert spool.room().appended > 1 << 20, "or no second segment was begun"
    assert max(told) <= 1.05 * min(told)


def test_a_segment_in_the_file_of_an_old_one_cost_no_zeros() -> None:
    spool = Spool.open(Path("model"), 1 << 20, segment_bytes=16 << 10, disk=ModelDisk())
    for _ in range(10_000):
        spool.commit([b"0" * 400], b"")
        spool.acknowledge(spool.next_position)
    room = spool.room()
    assert room.appended > 1 << 20, "or no segment was begun in an old one's file"
    assert room.ahead == 0


def test_on_a_disk_that_a_neighbour_fills_the_room_is_what_the_disk_leaves() -> None:
    disk, segment_bytes = ModelDisk(), 16 << 10
    spool = Spool.open(Path("model"), 1 << 20, segment_bytes=segment_bytes, disk=disk)
    while disk.used_bytes() < 3 * segment_bytes:
        spool.commit([Random(3).randbytes(1000)], b"")
    assert (spool.room().most, spool.room().held) == (1 << 20, 3 * segment_bytes)
    disk.capacity_bytes = 6 * segment_bytes - 1
    assert spool.room().most == 5 * segment_bytes
    disk.capacity_bytes = 0
    assert spool.room().hours_left(3600.0) == 0.0
    spool.acknowledge(spool.next_position)
    assert spool.room().most == 3 * segment_bytes > spool.room().held, "what is acknowledged is room again"


def test_where_the_disk_does_not_tell_its_room_the_bound_of_the_spool_is_taken(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path, 1 << 20)
    spool.close()
    assert spool.room().most == 1 << 20


@given(st.lists(st.tuples(st.floats(0.1, 600), st.integers(500_000, 5_000_000)), min_size=20, max_size=60))
def test_what_the_card_writes_keeps_to_its_budget_but_for_one_commit(steps: list[tuple[float, int]]) -> None:
    a_day, now_s, spent, largest = 86_400_000.0, 0.0, 0, 0
    allowance = Allowance(a_day, 60.0, now_s)
    for after_s, size in steps:
        now_s += after_s
        if allowance.has_left(spent, now_s):
            spent, largest = spent + size, max(largest, size)
    assert spent <= a_day / 24 + now_s * 1000 + largest


def test_messages_wait_no_longer_than_they_may() -> None:
    allowance = Allowance(1000.0, 60.0, 0.0)
    assert not allowance.has_left(10_000, 1.0)
    assert [allowance.is_overdue(59.0, 5000, 1 << 20), allowance.is_overdue(60.0, 5000, 1 << 20)] == [False, True]
    assert allowance.is_overdue(1.0, 9000, 1 << 20), "more would be too much for one commit of so small a spool"


def written(
    a_day: int, seconds: int, monkeypatch: pytest.MonkeyPatch, *, disk: ModelDisk | None = None
) -> tuple[int, int]:
    """Bytes that the card had to write, and messages kept, of a site that says something each second."""
    now_s = 0.0
    monkeypatch.setattr(clock, "boot_seconds", lambda: now_s)
    spool = Spool.open(Path("model"), 4 << 20, disk=disk or ModelDisk(), clock=lambda: now_s)
    commits = Commits(spool, SpoolSettings(Path("model"), 4 << 20, a_day), lambda: Baselines(Epoch(1, "abcdef"), 1, {}))
    for second in range(seconds):
        now_s = float(second)
        commits.offer([Message("event", b'{"pad":"%s"}' % (b"0" * 400))])
    commits.commit([])
    return spool.room().card, spool.next_position


def test_a_site_that_says_more_than_its_card_may_bear_commits_more_rarely_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = 1800
    card_bytes, messages = written(LEAST_A_DAY, seconds, monkeypatch)
    assert messages == seconds
    allowed_bytes = LEAST_A_DAY / 24 + LEAST_A_DAY * seconds / DAY_S
    assert card_bytes <= 1.1 * allowed_bytes
    assert written(1 << 30, seconds, monkeypatch)[0] > 4 * card_bytes, "or there was nothing to bound"


def test_the_budget_of_the_card_holds_where_a_neighbour_has_filled_it(monkeypatch: pytest.MonkeyPatch) -> None:
    full = ModelDisk(capacity_bytes=(4 << 20) // 8)
    assert written(LEAST_A_DAY, 1800, monkeypatch, disk=full) == written(LEAST_A_DAY, 1800, monkeypatch)
