"""Late messages: many travel as one, each is whole again, its hour is mended, and live ones do not wait for them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.bureau.view import View
from agent.load.instant import ClockQuality, Instant
from agent.uplink.contract import Head, Message, compact
from agent.uplink.lanes import Lanes
from agent.uplink.late import FRAME_BYTES, FRAME_MESSAGES, packed, restamped, unpacked
from agent.uplink.room import FIRST_BYTES, LEAST_BYTES, MOST_BYTES, Room
from agent.uplink.shipping import Shipment, Shipping
from tests.uplink.test_lanes import NO_TOPICS, NOTHING, Shelf

BOOT = "5549f86e-0000-0000-0000-000000000000"
QUALITIES: tuple[ClockQuality, ...] = ("none", "rtc", "ntp")

tails = st.sampled_from(["line/north/telemetry", "health", "dev/a/state"])
bodies = st.dictionaries(st.text(max_size=6), st.integers() | st.text(max_size=8) | st.none(), max_size=4)


@given(st.lists(st.tuples(tails, bodies), max_size=30))
def test_what_is_packed_comes_out_as_it_was_and_marked(messages: list[tuple[str, dict[str, object]]]) -> None:
    frame = packed([Message(tail, json.dumps(body).encode()) for tail, body in messages])
    assert list(unpacked(frame.payload)) == [(tail, {**body, "hist": True}) for tail, body in messages]
    assert not frame.retain


def test_a_message_without_payload_is_left_out_of_a_frame() -> None:
    frame = packed([Message("alarm/a", b""), Message("health", b'{"seq":1}')])
    assert [tail for tail, _ in unpacked(frame.payload)] == ["health"]


@given(st.binary(max_size=200) | st.binary(max_size=100).map(zlib.compress))
def test_bytes_that_are_no_frame_have_a_reason_and_cost_the_bureau_nothing(payload: bytes) -> None:
    try:
        list(unpacked(payload))
    except ValueError as reason:
        assert str(reason)
    view = View()
    view.hear("hubpulse/v1/44/4401/gz-baiyun/backlog", payload)
    assert view.rejected <= 1


@pytest.mark.parametrize("version", ["2", '"1"', "null"])
def test_of_a_frame_in_another_schema_nothing_is_taken(version: str) -> None:
    frame = '{"v":%s,"messages":[["health",{"v":1,"epoch":"1-abcdef","seq":1}]]}'
    view = View()
    assert view.hear("hubpulse/v1/44/4401/gz-baiyun/backlog", zlib.compress((frame % version).encode())) == []
    assert view.rejected == 1
    assert view.hear("hubpulse/v1/44/4401/gz-baiyun/backlog", zlib.compress((frame % "1").encode()))


def test_a_frame_that_would_swell_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="more than"):
        list(unpacked(zlib.compress(b" " * (200 << 20))))


@pytest.mark.parametrize("inner", ["status", "backlog", "../x", "cmd/+"])
def test_a_frame_cannot_speak_of_what_it_must_not(inner: str) -> None:
    frame = zlib.compress(json.dumps({"v": 1, "messages": [[inner, {"epoch": "1-abcdef", "seq": 1}]]}).encode())
    view = View()
    assert view.hear("hubpulse/v1/44/4401/gz-baiyun/backlog", frame) == []
    assert view.rejected == 1


@given(st.tuples(*[st.sampled_from(QUALITIES)] * 2), st.integers(0, 10**7), st.integers(0, 10**6), st.booleans())
@pytest.mark.fault("C1")
def test_an_hour_is_mended_only_by_a_better_clock_of_the_same_boot(
    clocks: tuple[ClockQuality, ClockQuality], made_ms: int, later_s: int, same_boot: bool
) -> None:
    then, now = clocks
    made = Instant(BOOT, made_ms / 1000, 86_400.0, then)
    boot = BOOT if same_boot else "00000000" + BOOT[8:]
    at = Instant(boot, made_ms / 1000 + later_s, 1_795_467_585.0 + later_s, now)
    payload = compact({**Head(made, "1-abcdef", 7).fields(), "x": '"tsq":"none"'})
    mended, told = json.loads(restamped(payload, at)), json.loads(payload)
    if same_boot and QUALITIES.index(now) > QUALITIES.index(then):
        assert abs(mended.pop("ts") - 1_795_467_585_000) <= 1
        assert mended.pop("tsq") == now
        del told["ts"], told["tsq"]
    assert mended == told


class Sorter:
    """A shipping department over a spool in memory."""

    def __init__(self, records: int, pace_per_s: float = 1e6) -> None:
        self.shelf = Shelf(records)
        self.lanes = Lanes(self.shelf)
        self.shipping = Shipping(self.lanes, pace_per_s, lambda: Instant(BOOT, 1.0, 0.0, "none"))

    def all_late(self, now_s: float = 1.0, most_bytes: int | None = None) -> list[Shipment]:
        found = []
        while self.shipping.late_in_s(now_s) == 0:
            if (shipment := self.shipping.late(NO_TOPICS, NOTHING, most_bytes)) is None:
                break
            found.append(shipment)
        return found


@given(st.integers(0, 300), st.integers(60, 3000) | st.none())
def test_each_late_message_is_in_one_frame_and_frames_keep_their_bounds(records: int, most_bytes: int | None) -> None:
    shipments = Sorter(records).all_late(most_bytes=most_bytes)
    assert [position for one in shipments for position in one.positions] == list(range(records))
    for one in shipments:
        assert len(one.positions) <= FRAME_MESSAGES
        if len(one.positions) > 1:
            assert one.message.tail == "backlog"
            assert len(zlib.decompress(one.message.payload)) <= (most_bytes or FRAME_BYTES) + 30


def test_what_a_broker_hung_up_on_together_goes_singly() -> None:
    sorter = Sorter(10)
    (frame,) = sorter.all_late()
    sorter.shipping.singly(frame.positions[:4])
    sorter.lanes.reconnected(10)
    assert [one.positions for one in sorter.all_late()] == [(0,), (1,), (2,), (3,), (4, 5, 6, 7, 8, 9)]


def test_a_frame_waits_until_its_pace_lets_it_be_full() -> None:
    sorter = Sorter(1000, pace_per_s=100.0)
    first = sum(len(one.positions) for one in sorter.all_late(1.0))
    assert first == 10
    pause_s = sorter.shipping.late_in_s(1.0)
    assert pause_s == pytest.approx(0.1)
    assert [len(one.positions) for one in sorter.all_late(1.1)] == [10]


@pytest.mark.parametrize(
    ("advice", "within_1_s"), [(500, 500), (20.0, 20), (0, 100), ("fast", 100), (True, 100), (1e9, 100)]
)
def test_the_bureau_advises_the_pace_and_nonsense_is_no_advice(advice: object, within_1_s: int) -> None:
    sorter = Sorter(2000, pace_per_s=100.0)
    sorter.shipping.advise(advice)
    moments_s = [10.0 + step / 100 for step in range(101)]
    passed = sum(len(one.positions) for now_s in moments_s for one in sorter.all_late(now_s))
    assert within_1_s <= passed <= 1.3 * within_1_s


def link(rate_bytes_per_s: float, delay_s: float) -> Callable[[Room, float], tuple[float, float]]:
    """A line of that rate and round trip, given what the room allows for so long: its longest queue, and its use."""

    def drive(room: Room, for_s: float) -> tuple[float, float]:
        now_s, free_s, under_way, sent = 0.0, 0.0, [], 0
        longest_s = 0.0
        while now_s < for_s:
            while sum(size for _, size, _ in under_way) < room.bytes:
                free_s = max(free_s, now_s) + 5000 / rate_bytes_per_s
                under_way.append((free_s + delay_s, 5000, now_s))
                longest_s = max(longest_s, free_s - now_s) if now_s > for_s / 2 else 0.0
                sent += 5000
            now_s, size, sent_s = under_way.pop(0)
            room.acknowledged(size, now_s - sent_s, now_s)
        return longest_s, sent / for_s

    return drive


@pytest.mark.fault("N4")
def test_on_a_slow_line_the_queue_stays_short_and_on_a_fast_one_the_line_is_used() -> None:
    longest_s, rate = link(64e3, 0.1)(Room(), 60.0)
    assert longest_s < 0.3
    assert rate > 0.8 * 64e3
    _, rate = link(2e6, 0.1)(Room(), 60.0)
    assert rate > 1e6


@given(st.lists(st.tuples(st.integers(1, 60_000), st.floats(0, 100)), max_size=50))
def test_the_room_keeps_its_bounds_whatever_is_measured(acknowledged: list[tuple[int, float]]) -> None:
    room = Room()
    assert room.bytes == FIRST_BYTES
    for second, (size_bytes, round_trip_s) in enumerate(acknowledged):
        room.acknowledged(size_bytes, round_trip_s, float(second))
        assert LEAST_BYTES <= room.bytes <= MOST_BYTES
