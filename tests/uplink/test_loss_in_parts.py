"""A loss record that is larger than the broker takes is told anew in parts: every total and every number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import clock
from agent.bureau import databases
from agent.bureau.arrival import read
from agent.bureau.store import Store
from agent.report.thinning import Thinning
from agent.uplink.contract import Message, compact
from agent.uplink.hearing import Accepted, Acknowledged
from agent.uplink.lanes import Lanes
from agent.uplink.session import Memory, Pace, Session
from agent.uplink.shipping import Shipping
from agent.uplink.spool import Spool
from agent.uplink.thin import TAIL, TOO_LARGE, Thinned, parted

ROOT = "hubpulse/v1/44/4401/gz-baiyun"
SITE = "44/4401/gz-baiyun"
LARGEST_BYTES = 1500


def message(epoch: int, seq: int, total: int, pad: int = 0) -> Message:
    fields = {
        "ts": 1_795_467_000_000 + 700_000 * (1000 * epoch + seq),
        "epoch": f"{epoch}-abcdef",
        "seq": seq,
        "base": 7,
        "counts": {"eye.di0": total},
        "events": {"north.scan.new": seq},
        "pad": "x" * pad,
    }
    return Message("line/north/telemetry", compact(fields))


def loss(seq: int, messages: list[Message]) -> Message:
    thinned = Thinned()
    for one in messages:
        thinned.add(one)
    return Message(TAIL, compact({"epoch": "9-abcdef", "seq": seq, **thinned.fields()}))


def kept(store: Store, payloads: list[bytes]) -> tuple[object, ...]:
    """What a bureau makes of loss records: totals, events, and what of the lost has not arrived."""
    for payload in payloads:
        store.take(list(read(f"{ROOT}/{TAIL}", payload)))
    gone = {(one.epoch, seq) for _, one in store.gone() for seq in range(one.first, one.last + 1)}
    return store.totals(), store.events(), gone


@given(st.lists(st.integers(1, 4), min_size=1, max_size=40).map(sorted), st.integers(256, 3000))
def test_the_parts_are_to_the_bureau_what_the_whole_was(epochs: list[int], most_bytes: int) -> None:
    messages = [message(epoch, epochs[:at].count(epoch) + 1, at) for at, epoch in enumerate(epochs)]
    whole = loss(1, messages).payload
    parts = [compact({"epoch": "9-abcdef", "seq": seq, **one}) for seq, one in enumerate(parted(whole, most_bytes), 2)]
    assert all(len(one) <= most_bytes + 100 for one in parts)
    one, other = (databases.opener("sqlite::memory:")() for _ in range(2))
    totals, events, gone = kept(one, [whole])
    assert kept(other, parts) == (totals, events, gone | {("9-abcdef", 1)})
    assert other.missing() == []
    one.close()
    other.close()


def test_a_message_that_is_larger_alone_is_gone_for_that_reason() -> None:
    whole = loss(1, [message(1, 1, 1), message(1, 2, 2, pad=3000), message(2, 1, 3)]).payload
    store = databases.opener("sqlite::memory:")()
    _, _, gone = kept(
        store, [compact({"epoch": "9-abcdef", "seq": 2 + n, **one}) for n, one in enumerate(parted(whole, 900))]
    )
    assert {(one.epoch, one.first, one.reason) for _, one in store.gone()} >= {("1-abcdef", 2, TOO_LARGE)}
    assert gone == {("1-abcdef", 2), ("9-abcdef", 1)}
    store.close()


@given(st.binary(max_size=60))
def test_what_is_no_loss_record_has_no_parts(payload: bytes) -> None:
    assert parted(payload, 1000) == []


class Bureau:
    """A broker of small packets with the bureau behind it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.pubacks: list[Acknowledged] = []

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> int | None:
        assert len(topic) + len(payload) < LARGEST_BYTES
        self.store.take(list(read(topic, payload)))
        self.pubacks.append(Acknowledged(len(self.pubacks) + 1, 0))
        return len(self.pubacks)

    def cut(self, reason: str) -> None:
        raise AssertionError(reason)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool.open(tmp_path / "spool", 1 << 20)
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = databases.opener(f"sqlite:{tmp_path / 'bureau.db'}")()
    yield opened
    opened.close()


@pytest.mark.fault("N11")
def test_a_broker_of_small_packets_gets_a_loss_record_in_parts_and_nothing_is_set_aside(
    spool: Spool, store: Store
) -> None:
    lost = [message(1 + seq // 20, 1 + seq % 20, seq) for seq in range(60)]
    spool.commit([loss(1, lost).encode(), message(9, 2, 61).encode()], b"")
    lanes, bureau, memory = Lanes(spool, epoch="9-abcdef"), Bureau(store), Memory()
    session = Session(
        bureau, Accepted(100, LARGEST_BYTES), f"{ROOT}/{{}}".format, lanes, Shipping(lanes, 1e6, clock.now),
        lambda: (spool.next_position, ()), memory, Pace(1e6),
    )  # fmt: skip
    session.open(json.dumps({"online": True, "sid": 1}).encode(), 0.0)
    seq, heard = 2, 0
    while spool.acked < spool.next_position:
        for puback in bureau.pubacks[heard:]:
            heard += 1
            session.acknowledged(puback, 0.0)
        session.send(0.0)
        if (large := lanes.outsized.next()) is not None:
            parts = Thinning(spool).parts(large)
            assert parts is not None
            assert len(parts) > 3
            for part in parts:
                seq += 1
                spool.commit([Message(TAIL, compact({"epoch": "9-abcdef", "seq": seq, **part})).encode()], b"")
            lanes.outsized.told(large)
    assert memory.set_aside == 0
    assert spool.books().corrupt == 0
    assert store.totals()[SITE]["eye.di0"].total == 61
    assert store.events()[SITE]["north.scan.new"] == 3 * 20 + 2
    assert store.missing() == []
    gone = {(one.epoch, one.first, one.last) for _, one in store.gone()}
    assert ("9-abcdef", 1, 1) in gone
