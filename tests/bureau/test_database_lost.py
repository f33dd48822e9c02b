"""A database that breaks off, at any place and in any way, has kept a batch whole or not at all, and is found again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from random import Random

import cable
import pytest
from cable import FAR, Cable
from ports import free_port
from postgres import Postgres
from tcp_proxy import FaultProxy
from uplink_rig import eventually

from agent.bureau import databases
from agent.bureau.arrival import Said, read
from agent.bureau.connection import StoreError

SITE = "44/4401/gz-baiyun"
PORT = 5432
CUTS = 60
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


def messages(*seqs: int) -> list[Said]:
    batch = (
        {"epoch": "1-abcdef", "seq": seq, "base": 1, "counts": {"eye.di0": seq}, "events": {"scan": seq}}
        for seq in seqs
    )
    return [one for fields in batch for one in read(f"hubpulse/v1/{SITE}/telemetry", json.dumps(fields).encode())]


def test_wherever_its_connection_is_cut_a_batch_is_kept_whole_or_not_at_all_and_once_when_it_is_repeated() -> None:
    with (
        Postgres("127.0.0.1", free_port()) as postgres,
        FaultProxy(postgres.port) as proxy,
        closing(databases.opener(postgres.address)()) as watching,
    ):
        open_store = databases.opener(f"{postgres.address_at('127.0.0.1', proxy.port)}?sslmode=disable")
        with closing(open_store()) as store:
            greeted_bytes = proxy.carried[1]
            store.take(messages(1, 2, 5))
            batch_bytes = proxy.carried[1] - greeted_bytes
        kept_before_the_cut, seq = 0, 10
        for answered_bytes in [*Random(7).sample(range(batch_bytes), CUTS), *range(batch_bytes - 20, batch_bytes)]:
            before, seq = watching.messages()[SITE], seq + 4
            batch = messages(seq, seq + 1, seq + 3)
            with closing(open_store()) as store:
                proxy.cut_in(answered_bytes)
                with pytest.raises(StoreError):
                    store.take(batch)
                proxy.cut_after = None
                came = watching.messages()[SITE] - before
                assert came in {0, 3}
                kept_before_the_cut += came == 3
                store.take(batch)
            assert watching.messages()[SITE] == before + 3
        assert kept_before_the_cut > 3, "no commit was cut off from its answer"
        assert watching.totals()[SITE]["eye.di0"].total == watching.events()[SITE]["scan"] == seq + 3


@pytest.fixture
def two_machines() -> Iterator[Cable]:
    if reason := cable.why_not():
        pytest.skip(reason)
    with Cable() as between:
        yield between


@pytest.mark.parametrize("waits", [False, True], ids=["asked", "waits"])
def test_a_database_whose_machine_is_gone_without_a_word_is_noticed_and_found_again(
    two_machines: Cable, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    """`waits`: it had heard the statement and was about to answer, so that there is nothing more to send to it."""
    monkeypatch.setattr(databases, "SILENT_S", 2)
    faults: list[StoreError] = []
    with two_machines.far(), Postgres(FAR, PORT) as postgres, two_machines.near():
        store = databases.opener(postgres.address)()
        store.take(messages(1))

        def take() -> None:
            try:
                store.take(messages(2))
            except StoreError as fault:
                faults.append(fault)

        taking = threading.Thread(target=take, daemon=True)
        with two_machines.far():
            holder, watcher = (databases.PostgresDatabase(postgres.address) for _ in range(2))
        with holder.transaction():
            if waits:
                holder.execute("SELECT last FROM epoch FOR UPDATE")
                taking.start()
                assert eventually(lambda: bool(watcher.execute(WAITING).fetchall()))
            two_machines.cut()
            if not waits:
                taking.start()
            assert eventually(lambda: bool(faults))
        two_machines.mend()
        store.take(messages(2))
        assert store.messages() == {SITE: 2}
        store.close()
        holder.close()
        watcher.close()
