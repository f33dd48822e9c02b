"""The uplink against real brokers and a proxy that breaks things: nothing is lost, nothing is blocked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from broker import Broker
from fault_matrix import Figure
from mqtt_proxy import (
    CONNACK,
    CONNACK_40_BYTES,
    CONNACK_UNACCEPTABLE_VERSION,
    CONNECT,
    PUBACK,
    PUBLISH,
    Link,
    MqttProxy,
    Packet,
    disconnect,
    puback,
)
from uplink_rig import BASE_SID, EAGER, EPOCH, IDENTITY, WAIT_S, Rig, eventually, telemetry

from agent import clock
from agent.bureau.subscriber import Subscriber
from agent.uplink.contract import Message
from agent.uplink.credentials import Login
from agent.uplink.publisher import Publisher
from agent.uplink.session import Pace
from agent.uplink.window import FIRST
from config.uplink_settings import Bureau

SITE = IDENTITY.site
STATUS = IDENTITY.topic("status")
WAYS = ("to_broker", "from_broker")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def proxy(broker: Broker) -> Iterator[MqttProxy]:
    with MqttProxy(broker.port) as running:
        yield running


@pytest.fixture
def bureau(broker: Broker) -> Iterator[Subscriber]:
    with Subscriber("127.0.0.1", broker.port) as listening:
        yield listening


def total(bureau: Subscriber) -> int:
    return bureau.totals(SITE).counted("eye.di0").total


def nothing_missing(bureau: Subscriber, last: int) -> bool:
    """Whether the messages 1 to `last` all come to be seen."""
    totals = bureau.totals(SITE)
    return bureau.wait_until(lambda: total(bureau) == last and not totals.gaps(), WAIT_S)


def test_what_is_committed_reaches_the_bureau_and_leaves_the_spool(
    tmp_path: Path, broker: Broker, bureau: Subscriber
) -> None:
    with Rig(tmp_path, broker.port) as rig:
        rig.commit(50)
        assert rig.drained()
        assert nothing_missing(bureau, 50)
        assert bureau.totals(SITE).duplicates == 0
        assert bureau.rejected == 0


def test_a_birth_is_retained_and_a_clean_stop_says_so(tmp_path: Path, broker: Broker, bureau: Subscriber) -> None:
    with Rig(tmp_path, broker.port) as rig:
        assert bureau.wait_until(lambda: bureau.read(lambda view: view.site(SITE).online) is True, WAIT_S)
        with Subscriber("127.0.0.1", broker.port) as late:
            assert late.wait_until(lambda: "status" in late.read(lambda view: view.site(SITE).latest), WAIT_S)
            birth = late.read(lambda view: view.site(SITE).latest["status"])
        assert birth["sid"] == BASE_SID + 1
        assert birth["epoch"] == EPOCH
        rig.publisher.stop(WAIT_S)
    assert bureau.wait_until(lambda: bureau.read(lambda view: view.site(SITE).online) is False, WAIT_S)
    assert bureau.read(lambda view: view.site(SITE).latest["status"])["reason"] == "shutdown"


def test_a_lost_agent_is_declared_dead_by_the_broker(tmp_path: Path, proxy: MqttProxy, bureau: Subscriber) -> None:
    with Rig(tmp_path, proxy.port) as rig:
        assert bureau.wait_until(lambda: bureau.read(lambda view: view.site(SITE).online) is True, WAIT_S)
        refused = threading.Event()
        proxy.up = lambda packet, _link: None if refused.is_set() and packet.kind == CONNECT else packet.raw
        refused.set()
        proxy.links[0].reset()
        assert bureau.wait_until(lambda: bureau.read(lambda view: view.site(SITE).online) is False, WAIT_S)
        assert bureau.read(lambda view: view.site(SITE).latest["status"]) == {
            "online": False,
            "sid": BASE_SID + 1,
            "reason": "lwt",
        }
        assert eventually(lambda: not rig.publisher.status().connected)


def test_session_ids_grow_with_each_connection(tmp_path: Path, proxy: MqttProxy) -> None:
    with Rig(tmp_path, proxy.port) as rig:
        for number in range(1, 4):
            assert eventually(lambda number=number: rig.publisher.status().sid == BASE_SID + number)
            assert proxy.wait_for(lambda number=number: len(birth_sids(proxy)) == number)
            proxy.links[-1].reset()
        assert birth_sids(proxy)[:3] == [BASE_SID + 1, BASE_SID + 2, BASE_SID + 3]


def birth_sids(proxy: MqttProxy) -> list[int]:
    return [json.loads(one.body[one.body.index(b"{") :])["sid"] for _, one in proxy.published if one.topic == STATUS]


@pytest.mark.fault("N8")
def test_a_broker_killed_and_restarted_in_mid_flight_costs_no_count(tmp_path: Path, broker: Broker) -> None:
    with Subscriber("127.0.0.1", broker.port) as bureau, Rig(tmp_path, broker.port) as rig:
        for _ in range(2):
            assert heals(rig, bureau)
            rig.commit(400)
            assert bureau.wait_until(lambda: total(bureau) > rig.seq - 400, WAIT_S)
            broker.kill()
            rig.commit(100)
            broker.start()
        assert rig.drained()
        assert heals(rig, bureau)


def heals(rig: Rig, bureau: Subscriber) -> bool:
    """What the broker acknowledged and then forgot stands in the next message that the bureau is there to hear."""
    for _ in range(60):
        rig.commit()
        if bureau.wait_until(lambda: total(bureau) == rig.seq, 1):
            return True
    return False


@pytest.mark.fault("N1")
def test_without_a_broker_messages_are_kept_and_sent_when_it_comes(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker")
    with Rig(tmp_path, broker.port) as rig:
        rig.commit(30)
        assert eventually(lambda: rig.publisher.status().reason == "Connection refused")
        assert rig.publisher.status().backlog == 30
        with broker:
            assert rig.drained()


@pytest.mark.fault("N3")
@pytest.mark.parametrize(("way", "most"), [("to_broker", 5000), ("from_broker", 500)])
def test_a_connection_reset_after_any_number_of_bytes_loses_nothing(  # noqa: PLR0917
    tmp_path: Path, proxy: MqttProxy, bureau: Subscriber, thorough: bool, figure: Figure, way: str, most: int
) -> None:
    cuts = range(1, most + 1, 1 if thorough else most // 20)
    with Rig(tmp_path, proxy.port) as rig:
        for cut in cuts:
            assert rig.connected()
            number = len(proxy.links)
            proxy.cut_up, proxy.cut_down = ({number: cut if way == goes else None}.get for goes in WAYS)
            proxy.links[-1].reset()
            assert cut_off(proxy, number, rig)
        assert rig.drained()
        assert nothing_missing(bureau, rig.seq)
        assert rig.publisher.status().set_aside == 0
    figure(**{f"cuts_{way}": len(cuts)}, messages=rig.seq, lost=rig.seq - total(bureau))


def cut_off(proxy: MqttProxy, number: int, rig: Rig) -> bool:
    """Whether that connection comes to be cut, however much must be said until it is, and all is said on the next."""
    rig.commit(40)
    while rig.drained():
        if proxy.links[number].is_cut:
            return True
        rig.commit(40)
    return False


@pytest.mark.fault("N12")
def test_a_missing_puback_ends_the_connection_and_the_message_is_sent_again(
    tmp_path: Path, proxy: MqttProxy, bureau: Subscriber
) -> None:
    dropped = []

    def drop_third(packet: Packet, _link: Link) -> bytes | None:
        if packet.kind == PUBACK and packet.mid == 3 and not dropped:
            dropped.append(packet)
            return None
        return packet.raw

    proxy.down = drop_third
    with Rig(tmp_path, proxy.port, pace=Pace(1e6, puback_deadline_s=0.3)) as rig:
        rig.commit(10)
        assert rig.drained()
        assert len(proxy.links) > 1
        assert nothing_missing(bureau, 10)


@pytest.mark.fault("N12")
def test_unknown_and_reordered_pubacks_do_no_harm(tmp_path: Path, proxy: MqttProxy, bureau: Subscriber) -> None:
    waiting: list[Packet] = []

    def shuffle(packet: Packet, link: Link) -> bytes | None:
        if packet.kind != PUBACK:
            return packet.raw
        link.reply(puback(60_000, 0))
        waiting.append(packet)
        if packet.mid == 1:
            return waiting.pop().raw
        if len(waiting) < 5:
            return None
        out = b"".join(one.raw for one in reversed(waiting))
        waiting.clear()
        return out

    proxy.down = shuffle
    with Rig(tmp_path, proxy.port) as rig:
        assert rig.connected()  # so that each message is live and travels alone: four times five acknowledgements
        rig.commit(20)
        assert rig.drained()
        assert nothing_missing(bureau, 20)
        assert len(proxy.links) == 1
        proxy.down = lambda packet, _link: packet.raw


@pytest.mark.fault("N10")
def test_a_refused_topic_is_held_and_shown_while_the_others_flow_and_flows_once_allowed(tmp_path: Path) -> None:
    mine = f"topic readwrite {IDENTITY.topic('')}"
    acl = [f"topic write {STATUS}", f"{mine}line/north/telemetry", "topic read hubpulse/#"]
    with (
        Broker(tmp_path / "broker", acl=acl) as broker,
        Subscriber("127.0.0.1", broker.port) as bureau,
        Rig(tmp_path, broker.port, pace=Pace(1e6, refused_retry_s=0.3)) as rig,
    ):
        rig.put([telemetry(1, "south"), telemetry(2), telemetry(3, "south"), telemetry(4)])
        rig.seq = 4
        assert bureau.wait_until(lambda: total(bureau) == 4, WAIT_S)
        assert eventually(lambda: rig.publisher.status().denied == ("line/south/telemetry",))
        assert rig.spool.acked == 0
        assert rig.publisher.status().set_aside == 0
        broker.reload([*acl, f"{mine}line/south/telemetry"])
        rig.commit()
        assert rig.drained()
        assert eventually(lambda: rig.publisher.status().denied == ())
        assert nothing_missing(bureau, 5)


@pytest.mark.fault("N10")
def test_a_quota_is_no_acknowledgement(tmp_path: Path, proxy: MqttProxy, bureau: Subscriber) -> None:
    full = threading.Event()
    full.set()

    def quota(packet: Packet, link: Link) -> bytes | None:
        if packet.kind == PUBLISH and "telemetry" in packet.topic and full.is_set():
            link.reply(puback(packet.mid, 0x97))
            return None
        return packet.raw

    proxy.up = quota
    with Rig(tmp_path, proxy.port, pace=Pace(1e6, refused_retry_s=0.2)) as rig:
        assert rig.connected()  # so that each message is live and keeps its topic: late ones would travel in a frame
        rig.commit(5)
        assert eventually(lambda: bool(rig.publisher.status().denied))
        assert rig.spool.acked == 0
        full.clear()
        assert rig.drained()
        assert nothing_missing(bureau, 5)


@pytest.mark.fault("N10")
def test_a_backlog_that_met_a_quota_travels_in_frames_again_after_it(
    tmp_path: Path, proxy: MqttProxy, bureau: Subscriber
) -> None:
    refused: list[str] = []

    def quota(packet: Packet, link: Link) -> bytes | None:
        used_up = sum(topic.endswith("telemetry") for topic in refused) < 5
        if packet.kind == PUBLISH and packet.topic != STATUS and used_up:
            refused.append(packet.topic)
            link.reply(puback(packet.mid, 0x97))
            return None
        return packet.raw

    proxy.up = quota
    rig = Rig(tmp_path, proxy.port, pace=Pace(1e6, refused_retry_s=0.2))
    rig.commit(5)
    with rig:
        assert rig.drained()
        assert nothing_missing(bureau, 5)
        assert refused[0] == proxy.published[-1][1].topic == IDENTITY.topic("backlog")
        assert rig.publisher.status().denied == ("line/north/telemetry",)
        rig.commit()
        assert rig.drained()
        assert eventually(lambda: rig.publisher.status().denied == ())


def test_the_window_never_exceeds_what_the_broker_can_receive(tmp_path: Path) -> None:
    with (
        Broker(tmp_path / "broker", options=["max_inflight_messages 3"]) as broker,
        MqttProxy(broker.port) as proxy,
        Rig(tmp_path, proxy.port) as rig,
    ):
        rig.commit()
        assert rig.drained()
        withheld: list[Packet] = []
        proxy.down = lambda packet, _link: withheld.append(packet) if packet.kind == PUBACK else packet.raw
        rig.commit(40)
        assert eventually(lambda: rig.publisher.status().in_flight == 3 and len(withheld) == 3)
        proxy.down = lambda packet, _link: packet.raw
        for packet in withheld:
            proxy.note_puback(proxy.links[0], packet)
            proxy.links[0].reply(packet.raw)
        assert rig.drained()
        assert proxy.most_pending == 3


@pytest.mark.fault("N4")
def test_live_messages_overtake_a_backlog_which_is_paced_and_marked(
    tmp_path: Path, broker: Broker, bureau: Subscriber, figure: Figure
) -> None:
    rig = Rig(tmp_path, broker.port, pace=Pace(backlog_per_s=400))
    rig.commit(2000)
    order: list[tuple[int, bool]] = []
    listener = Subscriber(
        "127.0.0.1", broker.port, listener=lambda heard: order.append((heard.fields.get("seq"), "hist" in heard.fields))
    )
    with listener, rig:
        assert listener.wait_until(lambda: len(order) > 100, WAIT_S)
        rig.commit()
        assert rig.drained()
        assert listener.wait_until(lambda: len({seq for seq, _ in order if seq}) == 2001, WAIT_S)
    ranks = {seq: rank for rank, (seq, _) in enumerate(order)}
    figure(backlog=2000, overtaken_by_the_live_message=2000 - ranks[2001])
    assert ranks[2001] < 2000
    assert all(hist == (seq <= 2000) for seq, hist in order if seq)


@pytest.mark.fault("N10")
def test_an_account_that_may_not_write_frames_gets_its_backlog_through_one_by_one(tmp_path: Path) -> None:
    acl = [f"topic write {STATUS}", f"topic write {IDENTITY.topic('line/+/telemetry')}", "topic read hubpulse/#"]
    with Broker(tmp_path / "broker", acl=acl) as broker, Subscriber("127.0.0.1", broker.port) as bureau:
        rig = Rig(tmp_path, broker.port)
        rig.commit(300)
        with rig:
            assert rig.drained()
            assert nothing_missing(bureau, 300)
            assert rig.publisher.status().denied == ()


def test_history_never_overwrites_what_the_broker_retains(tmp_path: Path, broker: Broker) -> None:
    old, new = (Message("state", json.dumps({"epoch": EPOCH, "seq": seq}).encode(), retain=True) for seq in (1, 2))
    rig = Rig(tmp_path, broker.port, retained=(new,))
    rig.put([old])
    with rig:
        assert rig.drained()
        assert rig.connected()
    with Subscriber("127.0.0.1", broker.port) as late:
        assert late.wait_until(lambda: "state" in late.read(lambda view: view.site(SITE).latest), WAIT_S)
        assert late.read(lambda view: view.site(SITE).latest["state"])["seq"] == 2


@pytest.mark.fault("N11")
def test_a_message_larger_than_the_broker_announces_is_set_aside_and_the_rest_flows(tmp_path: Path) -> None:
    with (
        Broker(tmp_path / "broker", options=["max_packet_size 2000"]) as broker,
        Subscriber("127.0.0.1", broker.port) as bureau,
        Rig(tmp_path, broker.port) as rig,
    ):
        rig.commit(2)
        rig.commit(1, pad=4000)
        rig.commit(2)
        assert rig.drained()
        assert bureau.wait_until(lambda: total(bureau) == 5, WAIT_S)
        assert eventually(lambda: rig.publisher.status().set_aside == 1)
        assert rig.publisher.status().reconnects == 0
        books = rig.spool.books()
        assert (books.acked, books.corrupt) == (4, 1)


@pytest.mark.fault("N11")
def test_a_broker_that_takes_no_packet_of_any_use_is_left_with_the_reason(tmp_path: Path, proxy: MqttProxy) -> None:
    def tiny(packet: Packet, _link: Link) -> bytes | None:
        return CONNACK_40_BYTES if packet.kind == CONNACK else packet.raw

    proxy.down = tiny
    with Rig(tmp_path, proxy.port) as rig:
        rig.commit(3)
        assert eventually(lambda: "no packet above 40 bytes" in rig.publisher.status().reason)
        assert eventually(lambda: len(proxy.links) > 2), "it is tried again"
        assert (rig.spool.acked, rig.publisher.status().set_aside) == (0, 0)
        proxy.down = lambda packet, _link: packet.raw
        assert rig.drained()


@pytest.mark.fault("P4")
def test_a_bug_that_kills_the_uplink_comes_to_light(tmp_path: Path) -> None:
    def broken(_bureau: Bureau) -> Login | None:
        raise ZeroDivisionError

    rig = Rig(tmp_path, 1)
    bureau = Bureau("127.0.0.1", 1, None, None, None, None, 10.0)
    publisher = Publisher(bureau, IDENTITY, rig.spool, lambda: (0, ()), broken)
    publisher.start()

    def has_come(look: Callable[[], object]) -> bool:
        try:
            look()
        except ZeroDivisionError:
            return True
        return False

    assert eventually(lambda: has_come(publisher.status))
    assert has_come(publisher.wake)
    publisher.stop(1.0)
    rig.spool.close()


@pytest.mark.fault("N11")
def test_a_message_the_broker_hangs_up_on_is_set_aside_after_three_times(
    tmp_path: Path, proxy: MqttProxy, bureau: Subscriber
) -> None:
    def poisoned(packet: Packet, link: Link) -> bytes | None:
        if packet.kind == PUBLISH and b'"seq": 4,' in packet.text:
            link.reply(disconnect(0x95))
            link.close()
            return None
        return packet.raw

    proxy.up = poisoned
    with Rig(tmp_path, proxy.port) as rig:
        rig.commit(8)
        assert rig.drained()
        assert bureau.wait_until(lambda: total(bureau) == 8, WAIT_S)
        assert bureau.totals(SITE).gaps() == {EPOCH: [(4, 4)]}
        assert rig.publisher.status().set_aside == 1
        assert len(proxy.links) >= 4


@pytest.mark.fault("N11")
def test_a_retained_document_the_broker_hangs_up_on_does_not_stop_the_rest(
    tmp_path: Path, proxy: MqttProxy, bureau: Subscriber
) -> None:
    def poisoned(packet: Packet, link: Link) -> bytes | None:
        if packet.kind == PUBLISH and packet.topic.endswith("/meta"):
            link.reply(disconnect(0x99))
            link.close()
            return None
        return packet.raw

    proxy.up = poisoned
    retained = tuple(Message(tail, b'{"epoch":"7-abcdef","seq":9}', retain=True) for tail in ("meta", "state"))
    with Rig(tmp_path, proxy.port, retained=retained) as rig:
        rig.commit(8)
        assert rig.drained()
        assert bureau.wait_until(lambda: "state" in bureau.read(lambda view: view.site(SITE).latest), WAIT_S)
        assert rig.publisher.status().set_aside == 1


@pytest.mark.fault("N10")
def test_an_agent_whose_status_is_refused_still_reports_and_is_born_once_allowed(tmp_path: Path) -> None:
    acl = [f"topic write {IDENTITY.topic('line/#')}", "topic read hubpulse/#"]
    with (
        Broker(tmp_path / "broker", acl=acl) as broker,
        Subscriber("127.0.0.1", broker.port) as bureau,
        Rig(tmp_path, broker.port, pace=Pace(1e6, refused_retry_s=0.3)) as rig,
    ):
        rig.commit(3)
        assert rig.drained()
        assert rig.publisher.status().denied == ("status",)
        broker.reload([*acl, f"topic write {STATUS}"])
        assert bureau.wait_until(lambda: bureau.read(lambda view: view.site(SITE).online) is True, WAIT_S)
        assert rig.publisher.status().reconnects == 0


@pytest.mark.parametrize("plainly", [True, False])
def test_a_broker_without_mqtt_5_is_spoken_to_in_3_1_1(
    tmp_path: Path, proxy: MqttProxy, bureau: Subscriber, plainly: bool
) -> None:
    def old(packet: Packet, link: Link) -> bytes | None:
        if packet.kind == CONNECT:
            proxy.levels.append(packet.level)
            if packet.level == 5:
                if plainly:
                    link.reply(CONNACK_UNACCEPTABLE_VERSION)
                link.close()
                return None
        return packet.raw

    proxy.up = old
    with Rig(tmp_path, proxy.port) as rig:
        rig.commit(20)
        assert rig.drained()
        assert rig.publisher.status().protocol == "3.1.1"
        proxy.links[-1].reset()
        assert eventually(lambda: rig.publisher.status().reconnects == 1)
        assert proxy.levels == [5, 4, 4]
        assert nothing_missing(bureau, 20)


def test_nobody_listening_is_seen(tmp_path: Path, broker: Broker) -> None:
    with Rig(tmp_path, broker.port) as rig:
        rig.commit(3)
        assert rig.drained()
        assert eventually(lambda: rig.publisher.status().no_subscribers)
        with Subscriber("127.0.0.1", broker.port):
            rig.commit(1)
            assert rig.drained()
            assert eventually(lambda: not rig.publisher.status().no_subscribers)


@pytest.mark.fault("N9")
def test_a_second_agent_of_the_same_name_is_an_alarm(tmp_path: Path, proxy: MqttProxy) -> None:
    taken_over = bytes.fromhex("e0028e00")  # DISCONNECT, as MQTT 5 brokers say it; mosquitto 2.0.11 only hangs up
    with Rig(tmp_path, proxy.port) as rig:
        assert rig.connected()
        proxy.links[0].reply(taken_over)
        assert eventually(lambda: rig.publisher.status().duplicate_identity)
        assert eventually(lambda: not rig.publisher.status().connected)
        assert rig.publisher.status().reason == "Session taken over"


@pytest.mark.fault("P1")
def test_stopping_keeps_its_deadline_in_a_black_hole(tmp_path: Path, proxy: MqttProxy) -> None:
    rig = Rig(tmp_path, proxy.port)
    with rig:
        rig.commit(3)
        assert rig.drained()
        proxy.black_hole.set()
        rig.commit(3)
        began_s = clock.boot_seconds()
        rig.publisher.stop(1.0)
        assert clock.boot_seconds() - began_s < EAGER.puback_deadline_s / 2
        assert rig.spool.books().held == 3


@pytest.mark.fault("P1")
def test_stopping_says_so_also_while_all_that_may_be_in_flight_is(
    tmp_path: Path, broker: Broker, proxy: MqttProxy, bureau: Subscriber
) -> None:
    held: list[bytes] = []

    def hold(packet: Packet, _: Link) -> bytes | None:
        if packet.kind != PUBACK:
            return packet.raw
        held.append(packet.raw)
        return None

    def let_go_at_the_farewell(packet: Packet, link: Link) -> bytes:
        if packet.kind == PUBLISH and b"shutdown" in packet.raw:
            proxy.down = lambda packet, _: packet.raw
            link.reply(b"".join(held))
        return packet.raw

    with Rig(tmp_path, proxy.port) as rig:
        assert rig.connected()
        proxy.down, proxy.up = hold, let_go_at_the_farewell
        rig.commit(300)
        assert proxy.wait_for(lambda: len(proxy.links[0].pending) >= FIRST)
        rig.publisher.stop(WAIT_S / 10)
    assert bureau.wait_until(lambda: bureau.read(lambda view: view.site(SITE).online) is False, WAIT_S)
    with Subscriber("127.0.0.1", broker.port) as late:
        assert late.wait_until(lambda: "status" in late.read(lambda view: view.site(SITE).latest), WAIT_S)
        assert late.read(lambda view: view.site(SITE).latest["status"])["reason"] == "shutdown"


@pytest.mark.fault("P1")
def test_stopping_first_sends_what_is_live(tmp_path: Path, broker: Broker, bureau: Subscriber) -> None:
    with Rig(tmp_path, broker.port) as rig:
        assert rig.connected()
        rig.commit(300)
        rig.publisher.stop(WAIT_S)
    assert rig.spool.books().held == 0
    assert nothing_missing(bureau, 300)


@pytest.mark.fault("P1")
def test_stopping_before_anything_was_reached_takes_no_time(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Broker(tmp_path).port)
    with rig:
        rig.commit(3)
    rig.publisher.wake()
    assert rig.spool.books().held == 3
