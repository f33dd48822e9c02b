"""The bureau's workers on a real broker: kept, then acknowledged; shared without repeats; receipts and resends told."""

from __future__ import annotations

import json
import logging
import queue
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from broker import Broker
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from postgres import Postgres
from uplink_rig import WAIT_S, eventually

from agent.bureau import consumer, databases
from agent.bureau.arrival import Arrival, Said
from agent.bureau.consumer import Worker, filters
from agent.bureau.feedback import Desk, Publish
from agent.bureau.reception import BrokerAddress
from agent.bureau.store import Opener, Store, Taken
from agent.bureau.visits import BRIEF_S, IN_A_ROW, Visits
from agent.uplink.contract import Message, compact
from agent.uplink.late import packed

SITE = "44/4401/gz-baiyun"
ROOT = f"hubpulse/v1/{SITE}"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


class Site:
    """A client that publishes as an agent does and hears its commands."""

    def __init__(self, broker: Broker) -> None:
        self.commands: queue.SimpleQueue[tuple[str, dict[str, object], bool]] = queue.SimpleQueue()
        self.resent: set[int] = set()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "site", protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = lambda _c, _u, m: self.commands.put((m.topic, json.loads(m.payload), m.retain))
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        self._client.subscribe(f"{ROOT}/cmd/#", qos=1)
        self.publish("status", {"online": True, "sid": 1}, retain=True)

    def publish(self, tail: str, fields: dict[str, object], *, retain: bool = False) -> None:
        self._client.publish(f"{ROOT}/{tail}", json.dumps(fields), qos=1, retain=retain).wait_for_publish(WAIT_S)

    def publish_octets(self, tail: str, payload: bytes) -> None:
        self._client.publish(f"{ROOT}/{tail}", payload, qos=1).wait_for_publish(WAIT_S)

    def telemetry(self, *seqs: int) -> None:
        for seq in seqs:
            counts = {"eye.di0": seq}
            self.publish("line/north/telemetry", {"epoch": "1-abcdef", "seq": seq, "base": 5, "counts": counts})

    def command(self, tail: str) -> dict[str, object]:
        """The next command of that name."""
        while True:
            topic, fields, _ = self.commands.get(timeout=WAIT_S)
            if topic.endswith(f"cmd/{tail}"):
                return fields

    def answer_until(self, receipt: dict[str, int]) -> None:
        """Send again whatever is asked for, until the bureau has everything."""
        fields: dict[str, object] = {}
        while fields.get("epochs") != receipt:
            topic, fields, _ = self.commands.get(timeout=WAIT_S)
            if topic.endswith("cmd/resend"):
                wanted = range(int(str(fields["from"])), int(str(fields["to"])) + 1)
                self.resent.update(wanted)
                self.telemetry(*wanted)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def site(broker: Broker) -> Iterator[Site]:
    made = Site(broker)
    yield made
    made.stop()


def worker(
    broker: Broker, open_store: Opener, name: str = "bureau", *, share: str | None = None, grace_s: float | None = None
) -> Worker:
    def desk(store: Store, publish: Publish) -> Desk:
        assert grace_s is not None
        return Desk(store, publish, receipt_s=0.05, grace_s=grace_s)

    address = BrokerAddress("127.0.0.1", broker.port, name)
    return Worker(address, filters("+/+/+", share), open_store, None if grace_s is None else desk)


def connected(one: Worker) -> bool:
    return eventually(lambda: one.progress.connected)


def test_what_came_while_the_bureau_was_away_is_kept_when_it_is_back(
    broker: Broker, site: Site, tmp_path: Path
) -> None:
    open_store = databases.opener(f"sqlite:{tmp_path / 'bureau.db'}")
    first = worker(broker, open_store)
    first.start()
    assert connected(first)
    site.telemetry(1, 2)
    assert eventually(lambda: first.progress.new >= 2)
    first.stop()
    site.telemetry(3, 4)
    second = worker(broker, open_store)
    second.start()
    assert eventually(lambda: second.progress.new >= 2)
    second.stop()
    store = open_store()
    assert store.totals()[SITE]["eye.di0"].total == 4
    assert store.missing() == []
    store.close()


def test_what_could_not_be_kept_was_not_acknowledged_and_comes_again(
    broker: Broker, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "bureau.db"
    open_store = databases.opener(f"sqlite:{path}")
    open_store().close()
    disk = databases.SqliteDatabase(path)
    disk.execute("CREATE TRIGGER full BEFORE INSERT ON counted BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    first, second = worker(broker, open_store), worker(broker, open_store)
    first.start()
    assert connected(first)
    site.telemetry(1, 2, 3)
    assert eventually(lambda: first.progress.store_fault == "disk full")
    first.stop()
    disk.execute("DROP TRIGGER full")
    second.start()
    assert eventually(lambda: second.progress.new == 3)
    second.stop()
    disk.close()


def test_what_is_no_message_of_a_site_is_counted_and_named_and_everything_else_is_kept(
    broker: Broker, site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("hubpulse")
    log.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, "hubpulse")
    open_store = databases.opener(f"sqlite:{tmp_path / 'bureau.db'}")
    one = worker(broker, open_store)
    one.start()
    assert connected(one)
    site.publish("line/north/telemetry", {"epoch": "none"})
    site.publish("nothing", {"mode": "peak"})
    site.telemetry(1)
    assert eventually(lambda: one.progress.new >= 1)
    one.stop()
    log.removeHandler(caplog.handler)
    assert one.progress.rejected == 2
    assert "message_rejected topic=hubpulse/v1/" in caplog.text and "`epoch` is not" in caplog.text


def test_a_worker_that_a_bug_has_killed_says_so_and_ends_though_messages_wait(
    broker: Broker, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "QUEUED", 3)
    taking, full = threading.Event(), threading.Event()

    def broken(*_: object) -> None:
        taking.set()
        full.wait(WAIT_S)
        raise RuntimeError("a bug")

    monkeypatch.setattr(Store, "take", broken)
    one = worker(broker, databases.opener(f"sqlite:{tmp_path / 'bureau.db'}"))
    one.start()
    assert connected(one)
    site.telemetry(1)
    assert taking.wait(WAIT_S)
    site.telemetry(*range(2, 12))
    full.set()
    assert eventually(lambda: one.is_dead)

    def end() -> None:
        with pytest.raises(RuntimeError):
            one.stop()

    ending = threading.Thread(target=end, daemon=True)
    ending.start()
    ending.join(WAIT_S)
    assert not ending.is_alive()


def test_what_a_site_says_faster_than_it_can_be_kept_waits_at_the_broker_and_not_in_memory(
    broker: Broker, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most_bytes, large = 1 << 20, "x" * (200 << 10)
    monkeypatch.setattr(consumer, "QUEUED_BYTES", most_bytes)
    monkeypatch.setattr(consumer, "BATCH_BYTES", most_bytes)
    may_take, take, largest = threading.Event(), Store.take, [0]

    def slowly(store: Store, batch: Sequence[Said]) -> Taken:
        may_take.wait(WAIT_S)
        largest[0] = max(largest[0], sum(len(one.payload) for one in batch if isinstance(one, Arrival)))
        return take(store, batch)

    monkeypatch.setattr(Store, "take", slowly)
    open_store = databases.opener(f"sqlite:{tmp_path / 'bureau.db'}")
    one = worker(broker, open_store)
    one.start()
    assert connected(one)
    for seq in range(1, 31):
        site.publish("event", {"epoch": "1-abcdef", "seq": seq, "pad": large})
    assert eventually(lambda: one.waiting_bytes > most_bytes - 2 * len(large))
    assert one.waiting_bytes <= most_bytes
    may_take.set()
    assert eventually(lambda: one.progress.new == 30)
    assert one.progress.repeated == 0
    assert largest[0] <= most_bytes + 2 * len(large)
    one.stop()


def test_a_frame_that_unpacks_to_much_is_kept_a_little_at_a_time(
    broker: Broker, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts_bytes: list[int] = []
    take = Store.take

    def weighed(store: Store, batch: Sequence[Said]) -> Taken:
        parts_bytes.append(sum(len(one.payload) for one in batch if isinstance(one, Arrival)))
        return take(store, batch)

    monkeypatch.setattr(Store, "take", weighed)
    one = worker(broker, databases.opener(f"sqlite:{tmp_path / 'bureau.db'}"))
    one.start()
    assert connected(one)
    fields = [{"epoch": "1-abcdef", "seq": seq, "pad": "x" * 1000} for seq in range(1, 301)]
    site.publish_octets("backlog", packed([Message("event", compact(one)) for one in fields]).payload)
    assert eventually(lambda: one.progress.new == 300)
    assert max(parts_bytes) < 40_000, "what is unpacked at once leaves a worker larger for good"
    one.stop()


@pytest.mark.fault("N16")
def test_a_receipt_says_how_far_everything_is_kept_and_a_gap_is_asked_for(
    broker: Broker, site: Site, tmp_path: Path
) -> None:
    one = worker(broker, databases.opener(f"sqlite:{tmp_path / 'bureau.db'}"), grace_s=0.0)
    one.start()
    assert connected(one)
    site.telemetry(1, 2, 5)
    assert site.command("resend") == {"v": 1, "epoch": "1-abcdef", "from": 3, "to": 4}
    site.telemetry(3, 4)
    while site.command("receipt")["epochs"] != {"1-abcdef": 5}:
        pass
    one.stop()


@pytest.mark.parametrize("share", [None, "centre"])
def test_a_store_restored_from_a_backup_knows_from_the_receipts_that_were_given_since_what_it_lacks(
    broker: Broker, site: Site, tmp_path: Path, share: str | None
) -> None:
    store = tmp_path / "bureau.db"

    def keep(receipt: dict[str, int], *seqs: int) -> None:
        one = worker(broker, databases.opener(f"sqlite:{store}"), share=share, grace_s=0.0)
        one.start()
        assert connected(one)
        site.telemetry(*seqs)
        site.answer_until(receipt)
        one.stop()

    keep({"1-abcdef": 3}, 1, 2, 3)
    backup = store.read_bytes()
    keep({"1-abcdef": 6}, 4, 5, 6)
    store.write_bytes(backup)
    one = worker(broker, databases.opener(f"sqlite:{store}"), share=share, grace_s=0.0)
    one.start()  # the site, which may be gone for good, says no word more of that run
    assert (asked := site.command("resend")) == {"v": 1, "epoch": "1-abcdef", "from": 4, "to": 6}, asked
    site.telemetry(4, 5, 6)
    site.answer_until({"1-abcdef": 6})
    one.stop()


def test_two_workers_share_the_messages_of_a_centre_and_its_database_has_each_once(broker: Broker, site: Site) -> None:
    with Postgres() as postgres:
        open_store = databases.opener(postgres.address)
        open_store().close()
        workers = [worker(broker, open_store, f"w{number}", share="centre", grace_s=0.0) for number in (1, 2)]
        for one in workers:
            one.start()
        assert all(connected(one) for one in workers)
        site.telemetry(*range(1, 201))
        postgres.restart()
        site.telemetry(*range(211, 301))
        site.publish("meta", {"epoch": "1-abcdef", "seq": 301, "prev": None})
        site.answer_until({"1-abcdef": 301})
        assert eventually(lambda: all(one.progress.new + one.progress.repeated for one in workers))
        for one in workers:
            one.stop()
        assert all(seq in site.resent for seq in range(201, 211))
        store = open_store()
        assert store.messages() == {SITE: 301}
        assert store.totals()[SITE]["eye.di0"].total == 300
        assert store.missing() == []
        store.close()


def test_a_consumer_that_another_client_of_its_name_throws_out_again_and_again_says_so(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("hubpulse")
    log.addHandler(caplog.handler)
    caplog.set_level(logging.INFO, "hubpulse")
    name, store = "twin", databases.opener(f"sqlite:{tmp_path / 'one.db'}")
    one = Worker(BrokerAddress("127.0.0.1", broker.port, name), filters("+/+/+", None), store)
    one.start()
    try:
        for _ in range(IN_A_ROW):
            assert connected(one)
            with socket.create_connection(("127.0.0.1", broker.port)) as other:
                other.sendall(b"\x10\x11\x00\x04MQTT\x05\x02\x00\x0f\x00\x00\x04" + name.encode())
                assert eventually(lambda: not one.progress.connected)
        assert eventually(lambda: "name_in_use client=twin" in caplog.text)
        assert 'broker_down reason="the broker hung up"' in caplog.text
    finally:
        one.stop()
        log.removeHandler(caplog.handler)


def test_a_broker_that_is_started_anew_or_bears_us_for_a_while_is_no_other_client() -> None:
    visits = Visits()
    for came_s in range(0, 100, 20):
        visits.came(came_s)
        assert not visits.went(came_s + BRIEF_S)
    told = []
    for came_s in range(100, 110):
        visits.came(came_s)
        told.append(visits.went(came_s + 0.5))
    assert (told.index(True), told.count(True)) == (IN_A_ROW - 1, 1)
