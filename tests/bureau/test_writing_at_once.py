"""Several workers write to one PostgreSQL at once: none waits in a ring, none is refused, and all agree."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest
from postgres import Postgres
from uplink_rig import eventually

from agent.bureau import databases, schema
from agent.bureau.arrival import Arrival, Said, read
from agent.bureau.connection import Database
from agent.bureau.store import WRITTEN_OFF, Opener, Store

SITE = "44/4401/gz-baiyun"
EPOCHS = ("1-ffffff", "10-555555", "100-000000")
"""In the order of their characters. A server whose locale leaves out the dashes has them the other way round."""
ROWS = (
    "SELECT site, epoch, seq FROM message",
    "SELECT * FROM counted",
    "SELECT * FROM event",
    "SELECT site, epoch, last, watermark FROM epoch",
    "SELECT site, epoch, seq, mark FROM message UNION SELECT site, epoch, seq, mark FROM conflict",
)
WAITING = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
RANGES = ("SELECT site, epoch, first, last FROM missing", "SELECT site, epoch, first, last FROM gone")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as cluster:
        yield cluster


@pytest.fixture
def address(postgres: Postgres) -> Iterator[str]:
    """An empty database in a locale that leaves out the dashes, as zh_CN did before glibc 2.28."""
    server = databases.PostgresDatabase(postgres.address)
    server.execute("CREATE DATABASE centre TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'und-u-ka-shifted'")
    yield postgres.address.replace("///postgres", "///centre")
    server.execute("DROP DATABASE centre WITH (FORCE)")
    server.close()


def said(epoch: str, seq: int, tail: str = "event", **more: object) -> list[Said]:
    return [*read(f"hubpulse/v1/{SITE}/{tail}", json.dumps({"epoch": epoch, "seq": seq, **more}).encode())]


def each_at_once(address: str, held: tuple[str, tuple[object, ...]], *works: Callable[[Store], object]) -> None:
    """All works begin while somebody holds a row that each comes to, one after the other; then it is let go."""
    holder, watcher = databases.PostgresDatabase(address), databases.PostgresDatabase(address)
    faults: list[BaseException] = []

    def work(of: Callable[[Store], object], store: Store) -> None:
        try:
            of(store)
        except BaseException as fault:  # noqa: BLE001 - shown by the test
            faults.append(fault)
        store.close()

    def are_waiting(number: int) -> bool:
        return watcher.execute(WAITING).fetchall() == [(number,)]

    open_store = databases.opener(address)
    threads = [threading.Thread(target=work, args=(one, open_store())) for one in works]
    with holder.transaction():
        holder.execute(*held)
        for number, thread in enumerate(threads, 1):
            thread.start()
            assert eventually(partial(are_waiting, number))
    for thread in threads:
        thread.join()
    assert faults == []
    holder.close()
    watcher.close()


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    """Of each epoch 1 and 3 were kept, and told."""
    opened = databases.opener(address)()
    opened.take([one for epoch in EPOCHS for seq in (1, 3) for one in said(epoch, seq)])
    opened.told(opened.untold())
    yield opened
    opened.close()


HELD_EPOCH = ("SELECT last FROM epoch WHERE epoch = ? FOR UPDATE", (EPOCHS[1],))


def test_a_site_that_has_missed_its_receipts_and_its_messages_of_several_runs_are_taken_by_two_workers_at_once(
    address: str, store: Store
) -> None:
    backlog = [one for epoch in EPOCHS for one in said(epoch, 2)]
    untold = said(EPOCHS[2], 4, "cmd/ack", cmd="receipt", untold_from=EPOCHS[0])
    each_at_once(address, HELD_EPOCH, lambda one: one.take(backlog), lambda one: one.take(untold))
    assert store.untold() == {SITE: {EPOCHS[0]: 3, EPOCHS[1]: 3, EPOCHS[2]: 4}}


def test_a_site_is_written_off_while_its_messages_come(address: str, store: Store) -> None:
    backlog = [one for epoch in EPOCHS for one in said(epoch, 2)]
    each_at_once(address, HELD_EPOCH, lambda one: one.take(backlog), lambda one: one.write_off(SITE))
    assert (store.missing(), store.gone()) == ([], [])


def test_forgeries_of_one_message_are_taken_by_two_workers_at_once(address: str, store: Store) -> None:
    first, between, last = (said(EPOCHS[0], 1, forged=number)[0] for number in range(3))
    assert isinstance(between, Arrival)
    held = (schema.KEEP_CONFLICT, (SITE, EPOCHS[0], 1, between.mark, between.topic, between.payload))
    each_at_once(
        address, held, lambda one: one.take([first, between, last]), lambda one: one.take([last, between, first])
    )
    assert store.conflicts() == 3 * [(SITE, EPOCHS[0], 1)]


def a_message(random: Random) -> list[Said]:
    """Of few identities, so that nearly all come to several workers; some forged, some about other epochs."""
    epoch, seq = random.choice(EPOCHS), random.randint(1, 40)
    named, line = Random(f"{epoch} {seq}"), f"line{seq % 5}"
    other, first = named.choice(EPOCHS), named.randint(30, 40)
    tail, fields = named.choice(
        [
            ("event", {"forged": random.random() < 0.1}),
            ("telemetry", {"base": 1, "counts": {f"{line}.di0": seq}, "events": {f"{line}.scan": seq}}),
            ("meta", {"prev": {"epoch": other, "seq": 50, "events": {line: 50}}}),
            ("loss", {"reason": WRITTEN_OFF, "lost": [[other, first, 45]], "messages": []}),
            ("cmd/ack", {"cmd": "receipt", "untold_from": other}),
        ]
    )
    return said(epoch, seq, tail, **fields)


def work(open_store: Opener, batches: list[list[Said]], faults: list[BaseException]) -> None:
    store = open_store()
    try:
        for batch in batches:
            store.take(batch)
            store.told(store.untold())
    except BaseException as fault:  # noqa: BLE001 - shown by the test
        faults.append(fault)
    store.close()


def kept(database: Database) -> list[set[tuple[object, ...]]]:
    """All that does not depend on who came first."""
    rows = [{tuple(row) for row in database.execute(one).fetchall()} for one in ROWS]
    for one in RANGES:
        ranges = database.execute(one).fetchall()
        rows.append({(site, epoch, seq) for site, epoch, a, b in ranges for seq in range(a, b + 1)})
    return rows


def test_whatever_comes_to_four_workers_is_as_if_one_had_taken_it_however_strict_the_server_is_by_default(
    address: str, tmp_path: Path
) -> None:
    random, faults = Random(7), list[BaseException]()
    open_store = databases.opener(f"{address}&options=-c%20default_transaction_isolation%3Dserializable")
    open_store().close()
    batches = [
        [[one for _ in range(random.randint(1, 8)) for one in a_message(random)] for _ in range(40)] for _ in range(4)
    ]
    threads = [threading.Thread(target=work, args=(open_store, share, faults)) for share in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    alone, centre = databases.SqliteDatabase(tmp_path / "one.db"), databases.PostgresDatabase(address)
    one = Store(alone)
    for batch in (batch for share in batches for batch in share):
        one.take(batch)
    assert kept(centre) == kept(alone)
    centre.close()
    one.close()
