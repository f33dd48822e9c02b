"""What a bureau keeps agrees with the merge that a message's reader would do by hand, in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres import Postgres

from agent.bureau import databases, schema
from agent.bureau.arrival import Arrival, Presence, Receipt, Said, read
from agent.bureau.connection import StoreError
from agent.bureau.store import Store
from agent.bureau.totals import Totals
from agent.bureau.view import View
from agent.uplink.contract import Message
from agent.uplink.late import packed

SITE = "44/4401/gz-baiyun"
TELEMETRY = f"hubpulse/v1/{SITE}/line/north/telemetry"
OpenStore = Callable[[], Store]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    if request.param == "sqlite":
        return databases.opener(f"sqlite:{tmp_path / 'bureau.db'}")
    address = request.getfixturevalue("postgres").address
    empty(address)
    return databases.opener(address)


def empty(address: str) -> None:
    database = databases.PostgresDatabase(address)
    database.execute("DROP SCHEMA public CASCADE")
    database.execute("CREATE SCHEMA public")
    database.close()


@pytest.fixture
def store(open_store: OpenStore) -> Iterator[Store]:
    opened = open_store()
    yield opened
    opened.close()


def payload(seq: int, total: int, *, epoch: str = "3-abcdef", **more: object) -> bytes:
    fields = {"epoch": epoch, "seq": seq, "ts": 1_795_467_585_388, "base": 7, "counts": {"eye.di0": total}, **more}
    return json.dumps(fields).encode()


def arrival(seq: int, total: int | None = None, **more: object) -> Arrival:
    (message,) = read(TELEMETRY, payload(seq, seq if total is None else total, **more))
    assert isinstance(message, Arrival)
    return message


reckonings = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50)).map(sorted)
counts = st.one_of(
    st.integers(0, 50),
    st.tuples(st.integers(1, 3), st.integers(0, 50)).map(list),
    st.tuples(st.integers(1, 3), reckonings, st.booleans()).map(
        lambda t: [t[0], t[1][0], None if t[2] else t[1][2], t[1][1]]
    ),
)
events = st.dictionaries(st.sampled_from(["north.scan.new"]), st.integers(0, 50), max_size=1)
messages = st.builds(
    lambda epoch, seq, counted, events, prev: (
        TELEMETRY,
        json.dumps(
            {"epoch": f"{epoch}-abcdef", "seq": seq, "base": 1, "counts": counted, "events": events, "prev": prev}
        ).encode(),
    ),
    st.integers(1, 3),
    st.integers(1, 12),
    st.dictionaries(st.sampled_from(["a.x", "a.y"]), counts, max_size=2),
    events,
    st.none() | st.builds(lambda epoch, told: {"epoch": f"{epoch}-abcdef", "events": told}, st.integers(1, 3), events),
)


@given(st.lists(st.lists(messages, max_size=6), max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_messages_in_any_batches_give_the_totals_of_the_merge_by_hand(
    tmp_path: Path, batches: list[list[tuple[str, bytes]]]
) -> None:
    (tmp_path / "oracle.db").unlink(missing_ok=True)
    store, by_hand = databases.opener(f"sqlite:{tmp_path / 'oracle.db'}")(), Totals()
    for batch in batches:
        store.take([one for message in batch for one in read(*message)])
        for _, octets in batch:
            by_hand.merge(octets)
    totals, events = store.totals().get(SITE, {}), store.events().get(SITE, {})
    assert totals == {name: by_hand.counted(name) for name in by_hand.counters}
    assert events == {name: by_hand.events(name) for name in by_hand.streams}
    assert {hole.epoch: list(hole.gaps) for hole in store.missing()} == by_hand.gaps()
    store.close()


def test_a_message_that_comes_twice_is_one_row_and_changes_nothing(store: Store) -> None:
    assert store.take([arrival(1), arrival(2)]).new == 2
    again = store.take([arrival(2), arrival(2, hist=True), arrival(3)])
    assert (again.new, again.repeated, again.conflicts) == (1, 2, ())
    assert store.messages() == {SITE: 3}
    assert store.totals()[SITE]["eye.di0"].total == 3


def test_a_message_in_a_frame_that_is_none_costs_the_others_nothing() -> None:
    sound = [Message("event", payload(seq, seq)) for seq in (1, 2, 3)]
    frame = packed([sound[0], Message("event", b'{"epoch":"none"}'), *sound[1:]]).payload
    reading, found = read(f"hubpulse/v1/{SITE}/backlog", frame), []
    with pytest.raises(ValueError, match="epoch"):
        found.extend(reading)
    assert [one.report.seq for one in found if isinstance(one, Arrival)] == [1, 2, 3]
    view = View()
    assert len(view.hear(f"hubpulse/v1/{SITE}/backlog", frame)) == 3
    assert view.rejected == 1


@pytest.mark.parametrize(
    "strange",
    [
        ["status", {}],
        ["cmd/receipt", {"epochs": {"1-abcdef": 9}}],
        ["a/b/c/d/e", {}],
        ["../x", {}],
        ["x"],
        ["event", [1]],
        7,
    ],
)
def test_what_is_no_message_in_a_frame_or_a_loss_costs_those_behind_it_nothing(strange: object) -> None:
    first, last = ["event", {"epoch": "1-abcdef", "seq": 1}], ["event", {"epoch": "1-abcdef", "seq": 2}]
    inside = {"epoch": "1-abcdef", "seq": 3, "reason": "spool full", "lost": [], "messages": [first, strange, last]}
    for messages in (inside["messages"], [["loss", inside]]):
        reading, found = (
            read(f"hubpulse/v1/{SITE}/backlog", zlib.compress(json.dumps({"messages": messages}).encode())),
            [],
        )
        with pytest.raises(ValueError, match="frame"):
            found.extend(reading)
        assert {1, 2} <= {one.report.seq for one in found if isinstance(one, Arrival)}


def test_nothing_is_counted_of_a_message_in_another_schema_and_it_is_missing_until_it_is_understood(
    store: Store,
) -> None:
    messages = [Message("event", payload(seq, total, v=v)) for seq, total, v in ((1, 10, 1), (2, 999, 2), (3, 30, 1))]
    reading, found = read(f"hubpulse/v1/{SITE}/backlog", packed(messages).payload), list[Said]()
    with pytest.raises(ValueError, match="`v` is not 1"):
        found.extend(reading)
    store.take(found)
    assert store.totals()[SITE]["eye.di0"].total == 30
    assert [hole.gaps for hole in store.missing()] == [((2, 2),)]
    store.take([*read(TELEMETRY, payload(2, 20, v=1))])
    assert store.missing() == []
    assert store.conflicts() == []


def test_of_a_loss_record_in_another_schema_nothing_is_taken_that_is_in_it() -> None:
    inside = json.loads(payload(2, 20, v=1))
    lost = {"epoch": "3-abcdef", "seq": 5, "lost": [["3-abcdef", 1, 4]], "messages": [["event", inside]]}
    assert [one.report.seq for one in read(f"hubpulse/v1/{SITE}/loss", json.dumps({"v": 1, **lost}).encode())] == [5, 2]  # type: ignore[union-attr]
    found: list[Said] = []
    with pytest.raises(ValueError, match="`v` is not 1"):
        found.extend(read(f"hubpulse/v1/{SITE}/loss", json.dumps({"v": 2, **lost}).encode()))
    assert found == []


def test_that_a_site_refuses_a_receipt_is_kept_as_any_answer(store: Store) -> None:
    refusal = {"v": 1, "epoch": "3-abcdef", "seq": 1, "cmd": "receipt_refused", "refused": "`v` is not 1"}
    said = list(read(f"hubpulse/v1/{SITE}/cmd/ack", json.dumps(refusal).encode()))
    store.take(said)
    assert store.messages() == {SITE: 1}
    assert [one.untold_from for one in said if isinstance(one, Arrival)] == [None]


def test_a_site_s_newest_message_is_that_of_its_newest_number_where_its_clock_was_set(store: Store) -> None:
    said = [
        ("3-abcdef", 2, 2_000, "ntp", 2_000),
        ("3-abcdef", 1, 9_000, "ntp", 2_000),
        ("10-abcdef", 1, 1_000, "rtc", 1_000),
        ("3-abcdef", 3, 9_000, "ntp", 1_000),
        ("10-abcdef", 2, 5, "none", None),
        ("10-abcdef", 4, 1_500, "ntp", 1_500),
    ]
    for epoch, seq, ts_ms, quality, newest_ms in said:
        store.take([*read(TELEMETRY, payload(seq, 10, epoch=epoch, v=1, ts=ts_ms, tsq=quality))])
        assert store.newest() == ({} if newest_ms is None else {SITE: newest_ms})
    gone = {"epoch": "11-abcdef", "seq": 1, "cmd": "resend", "of": "10-abcdef", "gone": [[5, 9, "lost on the card"]]}
    store.take([*read(f"hubpulse/v1/{SITE}/cmd/ack", json.dumps(gone | {"ts": 1_700, "tsq": "ntp"}).encode())])
    assert store.newest() == {SITE: 1_700}


def test_a_kept_receipt_in_another_schema_is_no_receipt() -> None:
    """Read as one it could say that a restored store lacks nothing."""
    topic, receipt = f"hubpulse/v1/{SITE}/cmd/receipt", '{"v":%d,"epochs":{"3-abcdef":7}}'
    assert list(read(topic, (receipt % 1).encode(), retained=True)) == [Receipt(SITE, (("3-abcdef", 7),))]
    with pytest.raises(ValueError, match="`v` is not 1"):
        list(read(topic, (receipt % 2).encode(), retained=True))


@pytest.mark.parametrize("strange", ["[" * 500 + "]" * 500, "[" * 980 + "]" * 980, "NaN", "-Infinity", "1e999"])
def test_what_not_every_reader_can_read_again_is_refused_before_it_hides_the_sites_of_all(
    store: Store, strange: str
) -> None:
    with pytest.raises(ValueError, match=r"nested|JSON"):
        store.take([*read(f"hubpulse/v1/{SITE}/meta", f'{{"epoch":"3-abcdef","seq":1,"x":{strange}}}'.encode())])
    store.take([*read(f"hubpulse/v1/{SITE}/meta", f'{{"epoch":"3-abcdef","seq":1,"x":{"[" * 31}{"]" * 31}}}'.encode())])
    assert list(store.metas()) == [SITE]


def test_a_site_with_impossible_numbers_does_not_hide_the_totals_of_all(store: Store) -> None:
    most = 2**53 - 1
    store.take(
        [arrival(base, most, base=base, epoch=f"{base}-abcdef", events={"x.y": most}) for base in range(1, 1026)]
    )
    assert store.totals()[SITE]["eye.di0"].total == 1025 * most
    assert store.events()[SITE]["x.y"] == 1025 * most


@pytest.mark.fault("S11")
def test_one_identity_with_two_contents_is_an_alarm_and_both_are_kept(store: Store) -> None:
    store.take([arrival(1, 10)])
    assert store.take([arrival(1, 11)]).conflicts == ((SITE, "3-abcdef", 1),)
    assert store.conflicts() == [(SITE, "3-abcdef", 1)]


def test_gaps_are_listed_then_closed_and_the_watermark_follows(store: Store) -> None:
    store.take([arrival(seq) for seq in (1, 2, 5, 6, 9)])
    assert [(hole.epoch, hole.gaps) for hole in store.missing()] == [("3-abcdef", ((3, 4), (7, 8)))]
    assert store.watermarks() == {SITE: {"3-abcdef": 2}}
    store.take([arrival(seq) for seq in (8, 4, 3)])
    assert store.missing()[0].gaps == ((7, 7),)
    assert store.watermarks() == {SITE: {"3-abcdef": 6}}
    store.take([arrival(7)])
    assert store.missing() == []
    assert store.watermarks() == {SITE: {"3-abcdef": 9}}


def test_the_lost_end_of_an_epoch_is_known_from_the_next_ones_meta(store: Store) -> None:
    store.take([arrival(1), arrival(2)])
    meta = json.dumps({"epoch": "4-123456", "seq": 1, "prev": {"epoch": "3-abcdef", "seq": 4}}).encode()
    store.take(list(read(f"hubpulse/v1/{SITE}/meta", meta)))
    assert [(hole.epoch, hole.gaps) for hole in store.missing()] == [("3-abcdef", ((3, 4),))]


def test_runs_of_which_nothing_came_are_known_from_the_meta_of_a_later_one_with_what_they_had_counted(
    store: Store,
) -> None:
    store.take([arrival(1), arrival(2)])
    earlier = [
        {"epoch": "3-abcdef", "seq": 4, "events": {"scans": 7}},
        {"epoch": "4-123456", "seq": 2, "events": {"scans": 30}},
    ]
    meta = {"epoch": "6-123456", "seq": 1, "earlier": earlier, "prev": {"epoch": "5-123456", "seq": 1}}
    store.take(list(read(f"hubpulse/v1/{SITE}/meta", json.dumps(meta).encode())))
    assert [(hole.epoch, hole.gaps) for hole in store.missing()] == [
        ("3-abcdef", ((3, 4),)),
        ("4-123456", ((1, 2),)),
        ("5-123456", ((1, 1),)),
    ]
    assert store.events()[SITE]["scans"] == 37


def test_what_the_site_says_is_gone_is_no_gap_any_more(store: Store) -> None:
    store.take([arrival(1), arrival(6)])
    ack = {"epoch": "3-abcdef", "seq": 7, "cmd": "resend", "of": "3-abcdef", "gone": [[2, 5, "dropped"]]}
    store.take(list(read(f"hubpulse/v1/{SITE}/cmd/ack", json.dumps(ack).encode())))
    assert store.missing() == []
    assert store.watermarks()[SITE]["3-abcdef"] == 7
    ((site, gone),) = store.gone()
    assert (site, gone.first, gone.last, gone.reason) == (SITE, 2, 5, "dropped")


def test_what_has_arrived_is_not_gone_whoever_says_so_and_each_lost_message_is_counted_once(store: Store) -> None:
    store.take([arrival(1), arrival(4), arrival(9)])
    for seq, (first, last) in enumerate([(2, 7), (1, 9), (6, 8)], 10):
        ack = {"epoch": "3-abcdef", "seq": seq, "cmd": "resend", "of": "3-abcdef", "gone": [[first, last, "dropped"]]}
        store.take(list(read(f"hubpulse/v1/{SITE}/cmd/ack", json.dumps(ack).encode())))
    assert [(one.first, one.last) for _, one in store.gone()] == [(2, 3), (5, 7), (8, 8)]
    store.take([arrival(6), arrival(7)])
    assert [(one.first, one.last) for _, one in store.gone()] == [(2, 3), (5, 5), (8, 8)]
    assert store.missing() == []
    assert store.watermarks()[SITE]["3-abcdef"] == 12


def test_an_epoch_of_which_nothing_came_but_that_it_is_gone_is_known_and_counted(store: Store) -> None:
    loss = {"epoch": "4-123456", "seq": 1, "lost": [["3-abcdef", 1, 40]], "messages": []}
    store.take(list(read(f"hubpulse/v1/{SITE}/loss", json.dumps(loss).encode())))
    assert [(one.epoch, one.first, one.last) for _, one in store.gone()] == [("3-abcdef", 1, 40)]
    assert store.watermarks()[SITE] == {"3-abcdef": 40, "4-123456": 1}


def test_a_late_will_of_an_earlier_connection_does_not_put_a_site_offline(store: Store) -> None:
    store.take([Presence(SITE, True, 41), Presence(SITE, True, 42), Presence(SITE, False, 41)])
    assert store.presence() == {SITE: True}
    store.take([Presence(SITE, False, 42)])
    assert store.presence() == {SITE: False}
    assert store.running() == {}


def test_only_one_of_two_workers_asks_for_a_gap(open_store: OpenStore) -> None:
    one, other = open_store(), open_store()
    hole = (SITE, "3-abcdef", (3, 4))
    assert [one.claim(hole, 1000, 300), other.claim(hole, 1001, 300)] == [True, False]
    assert other.claim(hole, 1300, 300)
    one.close()
    other.close()


def test_workers_that_write_at_once_agree_and_none_is_refused(open_store: OpenStore) -> None:
    open_store().close()
    faults: list[BaseException] = []

    def work(offset: int) -> None:
        try:
            mine = open_store()
            for start in range(1 + offset, 121, 10):
                mine.take([arrival(seq) for seq in range(min(start + 14, 120), start - 1, -1)])
            mine.close()
        except BaseException as fault:  # noqa: BLE001 - shown by the test
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in (0, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    store = open_store()
    assert store.messages() == {SITE: 120}
    assert store.missing() == []
    assert store.watermarks() == {SITE: {"3-abcdef": 120}}
    assert store.totals()[SITE]["eye.di0"].total == 120
    store.close()


def test_what_was_stamped_by_a_clock_that_was_not_set_is_placed_by_a_later_one_of_the_same_boot(store: Store) -> None:
    right_ms = 1_795_467_600_000
    early = {"ts": 5000, "tsq": "none", "boot": "5549f86e", "mono_ms": 20_000}
    other = {"ts": 6000, "tsq": "none", "boot": "00000000", "mono_ms": 20_000}
    store.take([arrival(1, **early), arrival(2, **other)])
    assert store.placed(SITE) == {("3-abcdef", 1): None, ("3-abcdef", 2): None}
    later = {"ts": right_ms, "tsq": "ntp", "boot": "5549f86e", "mono_ms": 80_000}
    store.take([arrival(3, **later)])
    assert store.placed(SITE) == {
        ("3-abcdef", 1): right_ms - 60_000,
        ("3-abcdef", 2): None,
        ("3-abcdef", 3): right_ms,
    }


def test_placing_messages_costs_by_their_number_and_not_by_its_square(tmp_path: Path) -> None:
    path = tmp_path / "bureau.db"
    store, reader, steps = databases.opener(f"sqlite:{path}")(), sqlite3.connect(path), list[int]()
    reader.set_progress_handler(lambda: steps.append(1), 100)
    costs = []
    for first in (1, 401):
        store.take([arrival(seq, tsq="none", boot="5549f86e", mono_ms=seq) for seq in range(first, first + 400)])
        steps.clear()
        reader.execute(schema.PLACED, (SITE, SITE)).fetchall()
        costs.append(len(steps))
    assert costs[1] < 3 * costs[0]
    reader.close()
    store.close()


def test_who_reads_waits_for_nobody_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "bureau.db"
    store, writer = databases.opener(f"sqlite:{path}")(), databases.SqliteDatabase(path)
    store.take([arrival(1)])
    with writer.transaction():
        assert (store.messages(), list(store.placed(SITE))) == ({SITE: 1}, [("3-abcdef", 1)])
    writer.close()
    store.close()


def test_a_batch_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "bureau.db"
    store = databases.opener(f"sqlite:{path}")()
    other = sqlite3.connect(path)
    other.execute("CREATE TRIGGER full BEFORE INSERT ON counted BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="disk full"):
        store.take([arrival(1)])
    assert store.messages() == {}
    store.close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("bureau.db", "write sqlite:PATH"),
        ("mysql://host/db", "write sqlite:PATH"),
        ("postgresql://me:secret@host/db", "pgpass"),
        ("postgresql://host/db?password=secret", "pgpass"),
    ],
)
def test_an_address_that_is_none_is_told_without_the_secret_in_it(address: str, said: str) -> None:
    with pytest.raises(databases.AddressError, match=said) as refused:
        databases.opener(address)
    assert "secret" not in str(refused.value)


@given(st.binary(max_size=80) | messages.map(lambda one: one[1][:-1]))
def test_whatever_bytes_arrive_are_read_or_refused_with_a_reason(octets: bytes) -> None:
    for tail in ("line/north/telemetry", "status", "meta", "cmd/ack", "backlog", "../x"):
        try:
            list(read(f"hubpulse/v1/{SITE}/{tail}", octets))
        except ValueError as reason:
            assert str(reason)
