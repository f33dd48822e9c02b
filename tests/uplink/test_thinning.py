"""A spool without room: old messages are thinned, every total stays exact, and what went is told as it goes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest
from disk_model import ModelDisk
from hypothesis import given
from hypothesis import strategies as st

from agent.bureau import databases
from agent.bureau.arrival import read
from agent.bureau.totals import Totals
from agent.bureau.view import View
from agent.report.thinning import Thinning
from agent.uplink.contract import Message, compact
from agent.uplink.spool import GOOD, Spool
from agent.uplink.thin import TAIL, WINDOW_MS, Span, Thinned, coalesced

SITE = "44/4401/gz-baiyun"
ROOT = f"hubpulse/v1/{SITE}"
TELEMETRY = "line/north/telemetry"


def message(epoch: int, seq: int, total: int, *, tail: str = TELEMETRY, every_ms: int = 10_000) -> Message:
    fields = {
        "ts": 1_795_467_000_000 + (1000 * epoch + seq) * every_ms,
        "epoch": f"{epoch}-abcdef",
        "seq": seq,
        "base": 7,
        "counts": {"eye.di0": total},
        "events": {"north.scan.new": seq},
    }
    return Message(tail, compact(fields))


def loss(thinned: Thinned, seq: int = 1) -> bytes:
    return compact({"epoch": "9-abcdef", "seq": seq, **thinned.fields()})


def rebuilt(*payloads: bytes) -> Totals:
    """What a bureau makes of loss records alone."""
    view = View()
    for payload in payloads:
        assert view.hear(f"{ROOT}/{TAIL}", payload)
    assert view.rejected == 0
    return view.site(SITE).totals


histories = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from([TELEMETRY, "line/south/telemetry", "state", "line/north/hour"])),
    min_size=1,
    max_size=60,
).map(lambda steps: sorted(steps, key=lambda step: step[0]))


def made(steps: list[tuple[int, str]]) -> list[Message]:
    seqs = dict.fromkeys((1, 2, 3), 0)
    found = []
    for total, (epoch, tail) in enumerate(steps):
        seqs[epoch] += 1
        found.append(message(epoch, seqs[epoch], total, tail=tail))
    return found


@given(histories, st.integers(1, 60))
def test_totals_from_what_stays_are_those_of_all_also_when_it_is_thinned_again(
    steps: list[tuple[int, str]], cut: int
) -> None:
    messages, by_hand = made(steps), Totals()
    first, second = Thinned(), Thinned()
    for one in messages[:cut]:
        first.add(one)
    second.add(Message(TAIL, loss(first)))
    for one in messages[cut:]:
        second.add(one)
    for one in messages:
        by_hand.merge(one.payload)
    totals = rebuilt(loss(second))
    assert totals.counted("eye.di0") == by_hand.counted("eye.di0")
    assert totals.events("north.scan.new") == by_hand.events("north.scan.new")


@given(histories)
def test_every_number_is_either_there_or_said_to_be_gone(steps: list[tuple[int, str]]) -> None:
    messages, thinned = made(steps), Thinned()
    for one in messages:
        thinned.add(one)
    (record, *kept) = read(f"{ROOT}/{TAIL}", loss(thinned))
    gone = {(one.epoch, seq) for one in record.gone for seq in range(one.first, one.last + 1)}  # type: ignore[union-attr]
    identities = {(fields["epoch"], fields["seq"]) for fields in (json.loads(one.payload) for one in messages)}
    assert gone == identities
    assert {(one.report.epoch, one.report.seq) for one in kept} <= identities  # type: ignore[union-attr]
    hours = {json.loads(one.payload)["seq"] for one in messages if one.tail.endswith("/hour")}
    assert hours <= {one.report.seq for one in kept if one.topic.endswith("/hour")}  # type: ignore[union-attr]


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 30), st.integers(0, 5)), max_size=12))
def test_what_is_lost_is_told_in_the_fewest_ranges(lost: list[tuple[int, int, int]]) -> None:
    spans = [Span(f"{epoch}-abcdef", first, first + more) for epoch, first, more in lost]
    numbers = {(one.epoch, seq) for one in spans for seq in range(one.first, one.last + 1)}
    found = [(one.epoch, seq) for one in coalesced(spans) for seq in range(one.first, one.last + 1)]
    assert found == sorted(numbers)
    assert len(coalesced(spans)) == sum((epoch, seq - 1) not in numbers for epoch, seq in numbers)


def test_of_a_lines_telemetry_one_in_ten_minutes_stays() -> None:
    thinned = Thinned()
    for seq in range(1, 361):
        thinned.add(message(1, seq, seq))
    kept = [fields["ts"] // WINDOW_MS for _, fields in thinned.fields()["messages"]]  # type: ignore[attr-defined]
    assert len(kept) == len(set(kept)) == 7


def test_what_is_thinned_again_becomes_less_and_no_record_outgrows_a_commit() -> None:
    first, second = Thinned(), Thinned()
    for seq in range(1, 61):
        first.add(message(1, seq, seq, every_ms=WINDOW_MS))
    record = Message(TAIL, loss(first))
    second.add(record)
    once, again = (len(one.fields()["messages"]) for one in (first, second))  # type: ignore[arg-type]
    assert (once, again) == (60, 11)
    assert second.has_room(1000)
    assert not second.has_room(40_000), "or the two would be larger than a commit of the smallest spool"
    assert Thinned().has_room(40_000)


@given(st.binary(max_size=60), st.sampled_from([TELEMETRY, TAIL, "state"]))
def test_what_is_no_message_is_thinned_to_nothing(payload: bytes, tail: str) -> None:
    thinned = Thinned()
    thinned.add(Message(tail, payload))
    assert thinned.fields()["messages"] == []


@pytest.mark.parametrize(
    "lost", [None, [["1-abcdef", 1]], [["x", 1, 2]], [["1-abcdef", 2, 1]], [["1-abcdef", True, 2]], [[1, 1, 2]]]
)
def test_a_loss_record_that_is_none_is_refused(lost: object) -> None:
    fields = {"epoch": "9-abcdef", "seq": 1, "lost": lost, "messages": []}
    with pytest.raises(ValueError, match=r"range|lost|epoch"):
        list(read(f"{ROOT}/{TAIL}", json.dumps(fields).encode()))


@pytest.mark.parametrize(("bound_bytes", "capacity_bytes"), [(256 << 10, 1 << 40), (4 << 20, 256 << 10)])
@pytest.mark.fault("S5")
def test_a_full_spool_or_disk_is_thinned_before_anything_is_dropped_and_the_bureau_has_every_total(
    bound_bytes: int, capacity_bytes: int, tmp_path: Path
) -> None:
    disk = ModelDisk(capacity_bytes=capacity_bytes)
    spool = Spool.open(tmp_path, bound_bytes, segment_bytes=16 << 10, disk=disk)
    thinning, number, written = Thinning(spool), 0, Totals()
    identities: set[tuple[str, int]] = set()

    def commit(*messages: Message) -> None:
        for one in messages:
            written.merge(one.payload)
            fields = json.loads(one.payload)
            identities.add((fields["epoch"], fields["seq"]))
        spool.commit([one.encode() for one in messages], b"state")

    for epoch in (1, 2, 3):
        for _ in range(1200):
            number += 1
            commit(message(epoch, number, number, every_ms=60_000))
            if parts := thinning.step():
                first, number = number + 1, number + len(parts)
                commit(*(told(f"{epoch}-abcdef", first + n, part) for n, part in enumerate(parts)))
                thinning.settle()
    books = spool.books()
    assert thinning.messages > 1000
    assert books.dropped == thinning.messages
    assert books.residual == 0
    store = databases.opener(f"sqlite:{tmp_path / 'bureau.db'}")()
    position = spool.acked
    while found := spool.read(position, 100, 1 << 20):
        arrivals = [one for _, record in found for one in arrivals_of(record)]
        store.take(arrivals)
        position = found[-1][0] + 1
    assert store.totals()[SITE]["eye.di0"] == written.counted("eye.di0")
    assert store.events()[SITE]["north.scan.new"] == written.events("north.scan.new")
    missing = {(hole.epoch, seq) for hole in store.missing() for a, b in hole.gaps for seq in range(a, b + 1)}
    assert not missing & identities
    store.close()
    spool.close()


def test_room_that_a_neighbour_gives_back_is_used_and_nothing_more_is_thinned() -> None:
    disk = ModelDisk(capacity_bytes=48 << 10)
    spool = Spool.open(Path("model"), 1 << 20, segment_bytes=16 << 10, disk=disk)
    number = 0
    while (doomed := spool.doomed()) is None:
        number += 1
        assert number < 400
        spool.commit([message(1, number, number).encode()], b"")
    assert doomed[0] == 0 < doomed[1] < number
    disk.capacity_bytes = 1 << 20
    for seq in range(number + 1, number + 400):
        assert spool.doomed() is None
        spool.commit([message(1, seq, seq).encode()], b"")
    assert (spool.books().dropped, spool.condition) == (0, GOOD)
    assert disk.used_bytes() > 80 << 10


def test_that_the_file_system_has_no_room_is_known_before_it_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool.open(tmp_path, 1 << 20, segment_bytes=16 << 10)
    for seq in range(1, 200):
        spool.commit([message(1, seq, seq).encode()], b"")
        assert spool.doomed() is None
    full = os.statvfs_result((4096, 4096, 1 << 20, 3, 3, 1 << 20, 0, 0, 0, 255))
    monkeypatch.setattr(os, "fstatvfs", lambda _descriptor: full)
    seq = 200
    while spool.doomed() is None:
        spool.commit([message(1, seq, seq).encode()], b"")
        seq += 1
        assert seq < 300
    spool.close()


def told(epoch: str, seq: int, lost: Mapping[str, object]) -> Message:
    return Message(TAIL, compact({"epoch": epoch, "seq": seq, **lost}))


@pytest.mark.fault("S10")
def test_a_message_nearly_as_large_as_a_commit_makes_way_when_the_spool_is_full(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path / "spool", 128 << 10, segment_bytes=16 << 10)
    largest = "".join(Random(1).choices("0123456789abcdef", k=spool.most_bytes - 150))
    giant = Message("line/north/event", compact({"epoch": "1-abcdef", "seq": 1, "pad": largest}))
    spool.commit([giant.encode()], b"")
    thinning, seq = Thinning(spool), 1
    while not (parts := thinning.step()):
        seq += 1
        spool.commit([message(1, seq, seq).encode()], b"")
    spool.commit([told("1-abcdef", seq + 1 + n, part).encode() for n, part in enumerate(parts)], b"")
    thinning.settle()
    assert (parts[0]["lost"], parts[0]["reason"]) == ([["1-abcdef", 1, 1]], "spool full")
    assert spool.books().residual == 0
    spool.close()


def arrivals_of(record: bytes) -> list[object]:
    one = Message.decode(record)
    return list(read(f"{ROOT}/{one.tail}", one.payload))


def test_nothing_is_thinned_while_there_is_room_or_while_the_bureau_takes_it(tmp_path: Path) -> None:
    spool = Spool.open(tmp_path / "spool", 128 << 10, segment_bytes=16 << 10)
    thinning = Thinning(spool)
    for seq in range(1, 2000):
        spool.commit([message(1, seq, seq).encode()], b"")
        assert thinning.step() == []
        spool.acknowledge(spool.next_position)
    assert spool.books().dropped == 0
    spool.close()
