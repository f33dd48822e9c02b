"""What the bureau asks for again comes again or is said to be gone; receipts free what they name, no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from broker import Broker
from hypothesis import given
from hypothesis import strategies as st
from sent_again import all_sent
from uplink_rig import EPOCH, IDENTITY, Rig, eventually

from agent.bureau import databases
from agent.bureau.consumer import Worker, filters
from agent.bureau.feedback import Desk
from agent.bureau.reception import BrokerAddress
from agent.uplink.contract import Message, compact
from agent.uplink.lanes import Lanes
from agent.uplink.resend import (
    LOST,
    MOST,
    NOT_BEGUN,
    NOT_HERE,
    NOT_KEPT,
    NOT_TAKEN,
    OTHER_RUN,
    QUEUED,
    Resends,
)
from agent.uplink.search import UnreadableError, epoch_number, first_at_or_after, received_upto
from agent.uplink.thin import TOO_LARGE
from config.reasons import in_chinese

SITE = f"44/4401/{IDENTITY.site}"


class Shelf:
    """A spool in memory; positions that hold nothing are lost, `kept_from` and below are overwritten."""

    def __init__(self, identities: list[tuple[str, int] | None], kept_from: int = 0) -> None:
        self.records = {
            position: message(*one).encode() for position, one in enumerate(identities) if one and position >= kept_from
        }
        self.next_position = len(identities)
        self.acked = kept_from
        self.refuses = False
        self.is_known = True

    def read(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]:
        found = sorted(one for one in self.records.items() if one[0] >= start)
        return [] if self.refuses else found[:max_messages]

    def look(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]:
        if self.refuses:
            raise OSError
        return self.read(start, max_messages, max_bytes)

    def next_held(self, position: int) -> int:
        return min([one for one in self.records if one >= position], default=self.next_position)

    def acknowledge(self, upto: int) -> None:
        self.acked = max(self.acked, upto)

    def write_off(self, position: int) -> None: ...


def message(epoch: str, seq: int) -> Message:
    return Message("line/a/telemetry", json.dumps({"epoch": epoch, "seq": seq}).encode())


def shelf(lengths: list[int], lost: set[int], kept_from: int = 0) -> Shelf:
    every = [(f"{number}-abcdef", seq) for number, length in enumerate(lengths, 1) for seq in range(1, length + 1)]
    return Shelf([None if place in lost else one for place, one in enumerate(every)], min(kept_from, len(every)))


shelves = st.builds(
    shelf,
    st.lists(st.integers(0, 8), min_size=1, max_size=4),
    st.sets(st.integers(0, 30), max_size=6),
    st.integers(0, 12),
)


def identity(record: bytes) -> tuple[str, int]:
    fields = json.loads(Message.decode(record).payload)
    return fields["epoch"], fields["seq"]


@given(shelves, st.integers(1, 5), st.integers(1, 10))
def test_a_message_is_found_by_its_identity_as_by_looking_at_each(held: Shelf, number: int, seq: int) -> None:
    behind = [
        position
        for position, record in sorted(held.records.items())
        if (epoch_number(identity(record)[0]), identity(record)[1]) >= (number, seq)
    ]
    found = first_at_or_after(held, number, seq)
    assert (found[0] if found else None) == (behind[0] if behind else None)


@given(shelves, st.dictionaries(st.sampled_from(["1-abcdef", "2-abcdef", "3-abcdef", "2-123456"]), st.integers(0, 9)))
@pytest.mark.fault("N7")
def test_a_receipt_frees_only_what_it_names(held: Shelf, watermarks: dict[str, int]) -> None:
    upto = received_upto(held, held.acked, watermarks)
    kept = {position: identity(record) for position, record in held.records.items() if position >= held.acked}
    assert all(seq <= watermarks.get(epoch, 0) for position, (epoch, seq) in kept.items() if position < upto)
    first = kept.get(held.next_held(upto))
    assert first is None or first[1] > watermarks.get(first[0], 0)


@given(shelves, st.integers(1, 4), st.integers(1, 9), st.integers(0, 9))
@pytest.mark.fault("N16")
def test_of_what_is_asked_for_each_message_comes_again_or_is_gone_and_none_is_both(
    held: Shelf, number: int, first: int, more: int
) -> None:
    running = "4-abcdef"
    resends = Resends(held, running)
    epoch = f"{number}-abcdef"
    resends.ask({"epoch": epoch, "from": first, "to": first + more})
    sent = [identity(message.encode()) for message in all_sent(resends)]
    (answer,) = resends.answers
    gone = [seq for start, end, _ in answer["gone"] for seq in range(start, end + 1)]  # type: ignore[attr-defined]
    kept = [identity(record) for record in held.records.values()]
    there = [one for one in kept if one[0] == epoch and first <= one[1] <= first + more]
    assert sent == there
    assert answer["sent"] == len(sent)
    missing = set(range(first, first + more + 1)) - {seq for _, seq in there}
    later = any(
        epoch_number(e) > number or (e == epoch and s > first + more) for e, s in map(identity, held.records.values())
    )
    if epoch != running or later:
        assert set(gone) == missing
    assert set(gone) <= missing
    assert len(gone) == len(set(gone))


def test_while_the_disk_refuses_nothing_is_said_to_be_gone() -> None:
    held = shelf([5, 5], set())
    resends = Resends(held, "2-abcdef")
    resends.ask({"epoch": "1-abcdef", "from": 2, "to": 3})
    held.refuses = True
    with pytest.raises(UnreadableError):
        resends.next()
    assert not resends.answers
    held.refuses = False
    assert len(all_sent(resends)) == 2
    assert resends.answers[0]["gone"] == []


def test_a_receipt_while_the_disk_refuses_frees_nothing() -> None:
    held = shelf([5], set())
    lanes = Lanes(held, epoch="1-abcdef", by_receipt=True)
    held.refuses = True
    lanes.received({"1-abcdef": 5})
    assert held.acked == 0
    held.refuses = False
    lanes.received({"1-abcdef": 4})
    assert held.acked == 4


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "epoch"),
        ({"epoch": "1-abcdef", "from": 0, "to": 1}, "no range"),
        ({"epoch": "1-abcdef", "from": 2, "to": 1}, "no range"),
        ({"epoch": "1-abcdef", "from": True, "to": 1}, "no range"),
        ({"epoch": "1-abcdef", "from": 1, "to": MOST + 1}, "more than"),
        ({"epoch": "9-abcdef", "from": 1, "to": 1}, NOT_BEGUN),
        ({"epoch": "9-abcdef", "from": 1, "to": 1, "run": "9-abcdef"}, OTHER_RUN),
        ({"epoch": "1-123456", "from": 1, "to": 1, "run": "9-abcdef"}, OTHER_RUN),
    ],
)
@pytest.mark.fault("N16")
def test_a_request_that_cannot_be_is_refused_with_a_reason(fields: dict[str, object], said: str) -> None:
    resends = Resends(shelf([3], set()), "1-abcdef")
    resends.ask(fields)
    assert resends.next() is None
    refused = str(resends.answers[0]["refused"])
    assert said in refused
    assert not in_chinese(refused.partition("; expected: ")[0]).isascii()
    assert not resends


def test_a_request_that_is_no_json_is_refused_as_that_and_shown_what_one_looks_like() -> None:
    resends = Resends(shelf([3], set()), "1-abcdef")
    resends.ask({}, "no JSON: Expecting value at 0")
    refused = str(resends.answers[0]["refused"])
    assert refused.startswith("no JSON: Expecting value at 0; expected: ")
    resends.ask(json.loads(refused.partition("expected: ")[2]))
    assert resends.next() is None
    assert resends.answers[1]["refused"] == NOT_BEGUN


@pytest.mark.parametrize("epoch", ["9-abcdef", "2-abcdef", "1-abcdef"])
def test_what_was_on_a_card_that_is_lost_is_gone_once_the_bureau_knows_which_run_it_asks(epoch: str) -> None:
    """A new card counts its runs from 1 again: numbers do not tell, the nonce does."""
    held = Shelf([("1-bbbbbb", 1), ("1-bbbbbb", 2), ("2-bbbbbb", 1), ("2-bbbbbb", 2)])
    resends = Resends(held, "2-bbbbbb")
    resends.ask({"epoch": epoch, "from": 4, "to": 7, "run": "2-bbbbbb"})
    assert all_sent(resends) == []
    assert [one["gone"] for one in resends.answers] == [[[4, 7, NOT_HERE]]]


requests = st.lists(
    st.tuples(st.integers(1, 6), st.integers(0, 3)).map(lambda ask: (ask[0], sum(ask))),
    min_size=1,
    max_size=4,
    unique=True,
)


happenings = st.sampled_from(["send", "send", "send", "acknowledge", "break", "refuse"])


@given(shelves, requests, st.lists(happenings, max_size=40), st.randoms())
def test_sent_is_what_a_broker_acknowledged_however_requests_overlap_and_connections_break(
    held: Shelf, asked: list[tuple[int, int]], steps: list[str], chance: Random
) -> None:
    resends, under_way = Resends(held, "5-abcdef"), dict[int, Message]()
    acknowledged, refused = set[int](), set[int]()
    for first, last in asked:
        resends.ask({"epoch": "2-abcdef", "from": first, "to": last})
    for step in steps:
        if step == "send" and (found := resends.next()) is not None:
            assert found[0] not in under_way, "it is on its way already"
            under_way[found[0]] = found[1]
        elif step == "break":
            under_way.clear()
            resends.reconnected()
        elif under_way and step in {"acknowledge", "refuse"}:
            position = chance.choice(list(under_way))
            seq = identity(under_way.pop(position).encode())[1]
            (acknowledged if step == "acknowledge" else refused).add(seq)
            (resends.sent if step == "acknowledge" else resends.refused)(position)
    for position, one in under_way.items():
        acknowledged.add(identity(one.encode())[1])
        resends.sent(position)
    acknowledged.update(identity(one.encode())[1] for one in all_sent(resends))
    there = {seq for epoch, seq in map(identity, held.records.values()) if epoch == "2-abcdef"}
    assert sorted((one["from"], one["to"]) for one in resends.answers) == sorted(asked)
    for answer in resends.answers:
        gone = {seq for start, end, _ in answer["gone"] for seq in range(start, end + 1)}  # type: ignore[attr-defined]
        wanted = set(range(answer["from"], answer["to"] + 1))  # type: ignore[call-overload]
        sent = wanted & acknowledged
        assert len(sent - refused) <= answer["sent"] <= len(sent)  # type: ignore[operator]
        assert gone == wanted - there
        assert wanted & there - acknowledged <= refused


def test_requests_that_overlap_are_all_answered_and_each_message_is_on_its_way_once() -> None:
    resends = Resends(shelf([30, 1], set()), "2-abcdef")
    for first, last in ((1, 20), (11, 30), (15, 15)):
        resends.ask({"epoch": "1-abcdef", "from": first, "to": last})
    under_way = []
    while (found := resends.next()) is not None:
        under_way.append(found[0])
    assert under_way == list(range(30))
    for position in under_way:
        resends.sent(position)
    assert sorted((one["from"], one["to"], one["sent"]) for one in resends.answers) == [
        (1, 20, 20),
        (11, 30, 20),
        (15, 15, 1),
    ]


def test_records_without_an_identity_do_not_end_the_search() -> None:
    held = shelf([200, 1], set())
    held.records |= {position: Message("alarm/a", b"", retain=True).encode() for position in range(10, 190)}
    resends = Resends(held, "2-abcdef")
    resends.ask({"epoch": "1-abcdef", "from": 1, "to": 200})
    assert len(all_sent(resends)) == 20
    assert resends.answers[0]["gone"] == [[11, 190, LOST]]


def test_what_no_broker_takes_is_gone_and_is_not_tried_again() -> None:
    resends = Resends(shelf([5, 1], set()), "2-abcdef")
    for _ in range(2):
        resends.ask({"epoch": "1-abcdef", "from": 1, "to": 3})
        while (found := resends.next()) is not None:
            judged = {0: resends.sent, 1: resends.too_large, 2: resends.set_aside}
            judged[found[0]](found[0])
    gone = [[2, 2, TOO_LARGE], [3, 3, NOT_TAKEN]]
    assert [(one["sent"], one["gone"]) for one in resends.answers] == [(1, gone), (1, gone)]


def test_a_long_answer_is_told_in_several_that_every_broker_takes() -> None:
    every_other = set(range(0, 3000, 2))
    resends = Resends(shelf([3000, 1], every_other), "2-abcdef")
    resends.ask({"epoch": "1-abcdef", "from": 1, "to": 3000})
    assert len(all_sent(resends)) == 1500
    assert max(len(compact(one)) for one in resends.answers) < 4096
    gone = [seq for one in resends.answers for start, end, _ in one["gone"] for seq in range(start, end + 1)]  # type: ignore[attr-defined]
    assert gone == [position + 1 for position in sorted(every_other)]
    assert sum(one["sent"] for one in resends.answers) == 1500  # type: ignore[misc]
    ends = [(one["from"], one["to"]) for one in resends.answers]
    assert [ends[0][0], ends[-1][1]] == [1, 3000]
    assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(ends))  # type: ignore[operator]


def test_a_site_that_was_told_nothing_of_its_oldest_epoch_says_so_once_a_connection() -> None:
    held = shelf([2, 2, 2], set())
    lanes = Lanes(held, epoch="3-abcdef", by_receipt=True)
    for _ in range(2):
        lanes.received({"2-abcdef": 2, "3-abcdef": 1})
    assert list(lanes.resends.answers) == [{"cmd": "receipt", "untold_from": "1-abcdef"}]
    lanes.reconnected(held.next_position)
    lanes.received({"2-abcdef": 2})
    assert len(lanes.resends.answers) == 2
    lanes.received({"1-abcdef": 2, "2-abcdef": 2})
    lanes.received({"2-abcdef": 2})
    assert held.acked == 4
    assert len(lanes.resends.answers) == 2


def test_requests_are_bounded() -> None:
    resends = Resends(shelf([3], set()), "1-abcdef")
    for seq in range(1, QUEUED + 2):
        resends.ask({"epoch": "1-abcdef", "from": seq, "to": seq})
    assert [str(one["refused"]) for one in resends.answers] == ["too many requests wait; ask again later"]


@pytest.mark.fault("N16")
def test_reasons_tell_what_was_overwritten_from_what_the_card_lost() -> None:
    resends = Resends(shelf([9], {6}, kept_from=3), "2-abcdef")
    resends.ask({"epoch": "1-abcdef", "from": 1, "to": 9})
    all_sent(resends)
    assert resends.answers[0]["gone"] == [[1, 3, NOT_KEPT], [7, 7, LOST]]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


@pytest.mark.fault("N7", "N8")
def test_a_broker_that_forgets_what_it_acknowledged_costs_the_bureau_nothing(tmp_path: Path, broker: Broker) -> None:
    """mosquitto as it is by default keeps nothing on disk: killed, all that nobody had fetched is gone."""
    open_store = databases.opener(f"sqlite:{tmp_path / 'bureau.db'}")
    open_store().close()
    address = BrokerAddress("127.0.0.1", broker.port, "bureau")

    def worker() -> Worker:
        return Worker(address, filters("+/+/+", None), open_store, lambda s, p: Desk(s, p, receipt_s=0.05, grace_s=0.2))

    with Rig(tmp_path, broker.port, receipts=True) as rig:
        first = worker()
        first.start()
        assert eventually(lambda: first.progress.connected)
        rig.commit(100)
        assert rig.drained()  # by receipt: the bureau has them
        first.stop()
        rig.commit(200)
        assert eventually(lambda: rig.publisher._lanes.unacknowledged == 0)
        assert rig.spool.acked == 100  # the broker has acknowledged them, the bureau has not
        broker.kill()
        broker.start()
        second = worker()
        second.start()
        assert eventually(lambda: second.progress.connected and rig.publisher.status().connected)
        rig.commit(1)
        assert rig.drained()
        second.stop()
    store = open_store()
    assert store.totals()[SITE]["eye.di0"].total == 301
    assert store.messages() == {SITE: 301}
    assert store.missing() == []
    assert store.watermarks() == {SITE: {EPOCH: 301}}
    store.close()
