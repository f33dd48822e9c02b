"""Which message is next, and what the spool may forget: whatever was dropped, damaged, refused or renumbered."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.bucket import TokenBucket
from agent.uplink.contract import Message
from agent.uplink.lanes import Lanes
from agent.uplink.positions import Positions
from agent.uplink.window import Sent, Window

NOTHING: frozenset[int] = frozenset()
NO_TOPICS: frozenset[str] = frozenset()

ranges = st.tuples(st.integers(0, 60), st.integers(0, 60))


class Shelf:
    """A spool in memory, as a reader sees one; `lost` positions cannot be read."""

    def __init__(self, records: int = 0, first: int = 0) -> None:
        self.records: dict[int, bytes] = {}
        self.gone: set[int] = set()
        self.refuses = False
        self.is_known = True
        self.acked = self.next_position = first
        self.write(records)

    def write(self, records: int, tail: str = "line/a/telemetry") -> None:
        for _ in range(records):
            self.records[self.next_position] = Message(tail, b'{"n":%d}' % self.next_position).encode()
            self.next_position += 1

    def lose(self, *positions: int) -> None:
        for position in positions:
            del self.records[position]
            self.write_off(position)

    def write_off(self, position: int) -> None:
        self.gone.add(position)

    def next_held(self, position: int) -> int:
        position = max(position, self.acked)
        return next(one for one in count(position) if one not in self.gone)

    def acknowledge(self, upto: int) -> None:
        self.acked = max(self.acked, min(upto, self.next_position))

    def read(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]:
        found = sorted(one for one in self.records.items() if one[0] >= start)
        return [] if self.refuses else found[:max_messages]

    def look(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]:
        if self.refuses:
            raise OSError
        return self.read(start, max_messages, max_bytes)


def backlog(lanes: Lanes, held: frozenset[str] = NO_TOPICS) -> list[int]:
    found = []
    while (record := lanes.next_late(held, NOTHING)) is not None:
        found.append(record.position)
    return found


@given(st.lists(ranges, max_size=30), st.integers(0, 60), st.integers(0, 70))
def test_positions_behave_like_a_set(added: list[tuple[int, int]], below: int, asked: int) -> None:
    positions, model = Positions(), set[int]()
    for start, end in added:
        positions.add(start, end)
        model.update(range(start, end))
        assert positions.count == len(model)
    positions.forget_below(below)
    model = {one for one in model if one >= below}
    assert positions.count == len(model)
    if asked >= below:
        assert positions.next_absent(asked) == next(one for one in range(asked, 200) if one not in model)
    assert len(positions) == sum(one - 1 not in model for one in model)


def test_what_was_there_at_connect_time_is_backlog_and_what_comes_later_is_live() -> None:
    shelf = Shelf(3)
    lanes = Lanes(shelf)
    lanes.reconnected(shelf.next_position)
    shelf.write(2)
    live = [lanes.next_live(NO_TOPICS), lanes.next_live(NO_TOPICS), lanes.next_live(NO_TOPICS)]
    assert [record and record.position for record in live] == [3, 4, None]
    assert backlog(lanes) == [0, 1, 2]


@given(st.permutations(range(12)), st.sets(st.integers(0, 11)))
@pytest.mark.fault("N12")
def test_the_spool_forgets_exactly_what_is_settled_without_a_gap(order: list[int], lost: set[int]) -> None:
    shelf = Shelf(12)
    shelf.lose(*lost)
    lanes = Lanes(shelf)
    assert backlog(lanes) == sorted(set(range(12)) - lost)
    settled = set(lost)
    for position in order:
        if position not in lost:
            lanes.settle(position)
            settled.add(position)
        assert shelf.acked == next(one for one in range(13) if one not in settled)
        assert lanes.unacknowledged == 12 - len(settled)
    assert lanes.unacknowledged == 0


def test_a_held_topic_is_passed_over_and_offered_again_after_a_rewind() -> None:
    shelf = Shelf(2)
    shelf.write(1, "line/b/telemetry")
    lanes = Lanes(shelf)
    lanes.reconnected(shelf.next_position)
    shelf.write(1, "line/b/telemetry")
    shelf.write(1)
    held = frozenset({"line/b/telemetry"})
    live = lanes.next_live(held)
    assert live is not None
    assert live.position == 4
    assert backlog(lanes, held) == [0, 1]
    for position in (0, 1, 4):
        lanes.settle(position)
    assert shelf.acked == 2
    lanes.rewind(1 << 63)
    assert backlog(lanes) == [2, 3]
    lanes.settle(2)
    lanes.settle(3)
    assert shelf.acked == 5


def test_messages_in_flight_are_not_sent_twice_by_a_rewind() -> None:
    lanes = Lanes(Shelf(4))
    assert backlog(lanes) == [0, 1, 2, 3]
    lanes.rewind(1 << 63)
    record = lanes.next_late(NO_TOPICS, {0, 1, 3})
    assert record is not None
    assert record.position == 2


def test_a_record_that_is_no_message_is_counted_and_does_not_stop_the_others() -> None:
    shelf = Shelf(3)
    shelf.records[1] = b"\xff\xff garbage"
    lanes = Lanes(shelf)
    assert backlog(lanes) == [0, 2]
    lanes.settle(0)
    assert shelf.acked == 2
    assert lanes.unreadable == 1


def test_what_cannot_be_read_for_now_is_not_given_up_and_not_asked_for_without_pause() -> None:
    shelf = Shelf(3)
    lanes = Lanes(shelf)
    lanes.reconnected(2)
    shelf.refuses = True
    assert lanes.next_live(NO_TOPICS) is None
    assert backlog(lanes) == []
    assert (shelf.acked, lanes.unacknowledged) == (0, 3)
    assert lanes.late > 0
    assert lanes.rest()
    assert not lanes.rest()
    shelf.refuses = False
    assert backlog(lanes) == [0, 1]
    live = lanes.next_live(NO_TOPICS)
    assert live is not None
    assert live.position == 2


def test_what_is_given_up_is_counted_by_the_spool() -> None:
    shelf = Shelf(2)
    lanes = Lanes(shelf)
    lanes.set_aside(0)
    assert (shelf.acked, shelf.gone) == (1, {0})


def test_what_the_spool_drops_is_not_waited_for() -> None:
    shelf = Shelf(10)
    lanes = Lanes(shelf)
    assert lanes.next_late(NO_TOPICS, NOTHING) is not None
    shelf.acknowledge(6)
    lanes.reconnected(shelf.next_position)
    assert backlog(lanes) == [6, 7, 8, 9]


def test_a_spool_that_renumbers_is_sent_from_its_beginning() -> None:
    shelf = Shelf(2, first=1 << 62)
    lanes = Lanes(shelf)
    lanes.reconnected(shelf.next_position)
    shelf.write(1)
    assert lanes.next_live(NO_TOPICS) is not None
    again = Shelf(3)
    shelf.records, shelf.acked, shelf.next_position = again.records, 0, 3
    assert lanes.next_live(NO_TOPICS) is None
    assert backlog(lanes) == [0, 1, 2]


def test_a_single_message_can_be_fetched_also_when_it_is_done_with_for_the_bureau_may_have_asked_again() -> None:
    lanes = Lanes(Shelf(3))
    record = lanes.fetch(1)
    assert record is not None
    assert record.message.payload == b'{"n":1}'
    lanes.settle(1)
    assert lanes.fetch(1) is not None
    assert lanes.fetch(99) is None


def test_what_was_asked_for_again_and_put_back_is_sent_though_the_lanes_begin_anew() -> None:
    shelf = Shelf()
    for seq in (1, 2, 3):
        fields = b'{"epoch":"1-abcdef","seq":%d}' % seq
        shelf.records[seq - 1] = Message("event", fields).encode()
    shelf.acked = shelf.next_position = 3
    lanes = Lanes(shelf, epoch="2-abcdef")
    lanes.resends.ask({"epoch": "1-abcdef", "from": 1, "to": 3})
    for begin in (lanes.rewind, lanes.reconnected, lanes.rewind):
        record = lanes.next_late(NO_TOPICS, NOTHING)
        assert record is not None
        lanes.put_back(record)
        begin(3)
    while (record := lanes.next_late(NO_TOPICS, NOTHING)) is not None:
        lanes.settle(record.position)
    assert [(one["sent"], one["gone"]) for one in lanes.resends.answers] == [(3, [])]


def test_the_backlog_keeps_its_pace() -> None:
    bucket, now_s, passed = TokenBucket(200.0), 100.0, 0
    while now_s < 110.0:
        if (pause_s := bucket.ready_in_s(now_s)) == 0:
            bucket.take()
            passed += 1
        now_s += max(pause_s, 1e-6)
    assert 2000 <= passed <= 2021


def test_the_window_keeps_room_for_live_messages_and_knows_the_oldest() -> None:
    window = Window(4)
    for packet in (1, 2):
        window.put(packet, Sent("t", (packet, packet + 10), True, 100, float(packet)))
    assert window.open
    assert not window.open_for_backlog
    window.put(3, Sent("t", (), False, 7, 3.0))
    window.put(4, Sent("t", (9,), False, 7, 4.0))
    assert not window.open
    assert (len(window), window.records, window.backlog_bytes) == (4, 5, 200)
    assert 9 in window
    taken = window.take(1, 5.0)
    assert taken is not None
    assert taken.positions == (1, 11)
    assert (11 in window, window.backlog_bytes) == (False, 100)
    assert window.take(1, 5.0) is None
    oldest = window.oldest()
    assert oldest is not None
    assert oldest.sent_s == 2.0
    assert Window(0).open


def fill(window: Window, packets: Iterator[int], *, backlog: bool = False) -> None:
    while window.open_for_backlog if backlog else window.open:
        packet = next(packets)
        window.put(packet, Sent("t", (packet,), backlog, 100, 0.0))


@pytest.mark.parametrize(
    ("receive_maximum", "round_trip_s", "backlog", "in_flight"),
    [
        (65_535, 0.01, False, 32),
        (65_535, 0.1, False, 100),
        (65_535, 0.6, False, 100),
        (65_535, 12.0, False, 32),
        (65_535, 0.01, True, 16),
        (65_535, 0.1, True, 50),
        (40, 0.1, False, 40),
        (20, 0.1, False, 20),
        (0, 0.1, False, 1),
    ],
)
def test_a_long_way_has_more_in_flight_and_a_short_or_dead_one_does_not(
    receive_maximum: int, round_trip_s: float, backlog: bool, in_flight: int
) -> None:
    window, packets = Window(receive_maximum), count(1)
    fill(window, packets, backlog=backlog)
    for acknowledged in range(1, 300):
        assert window.take(acknowledged, round_trip_s) is not None
        fill(window, packets, backlog=backlog)
    assert len(window) == in_flight


def test_what_no_window_held_back_asks_for_no_larger_one() -> None:
    window, packets = Window(65_535), count(1)
    for packet in range(1, 300):
        window.put(packet, Sent("t", (packet,), packet % 2 == 0, 100, 0.0))
        assert window.take(packet, 0.1) is not None
    fill(window, packets)
    assert len(window) == 32


def test_a_farewell_goes_out_beside_a_full_window_where_the_broker_takes_it() -> None:
    window = Window(33)
    fill(window, count(1))
    assert (window.open, window.open_for_farewell) == (False, True)
    window.put(99, Sent("status", (), False, 100, 0.0))
    assert not window.open_for_farewell
