"""Commands from the bureau: few, small and unambiguous ones are heard; floods and strange bytes change nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.publish as mqtt_publish
import pytest
from broker import Broker
from hypothesis import given
from hypothesis import strategies as st
from uplink_rig import EPOCH, IDENTITY, Rig, eventually

from agent.uplink.contract import Json, compact
from agent.uplink.hearing import Heard
from agent.uplink.inbox import BURST, FLOOD, MAX_BYTES, Command, Inbox, parsed
from agent.uplink.resend import RETAINED

MODE, RESEND = IDENTITY.topic("cmd/mode"), IDENTITY.topic("cmd/resend")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


@given(st.binary(max_size=60))
@pytest.mark.fault("M2")
def test_whatever_bytes_are_commanded_they_are_an_object_or_a_fault(payload: bytes) -> None:
    try:
        fields = parsed(payload)
    except ValueError as fault:
        assert str(fault)
    else:
        assert isinstance(fields, dict)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"{" + b" " * MAX_BYTES + b"}", "larger than"),
        (b"[" * 4000, "without end"),
        (b"[]", "no object"),
        (b"{", "no JSON"),
        (b"\xff\xfe\xfd", "no UTF-8"),
        (b'{"seq":NaN}', "no number"),
        (b'{"seq":-Infinity}', "no number"),
        (b'{"mode":"peak","mode":"normal"}', "twice"),
    ],
)
@pytest.mark.fault("M2")
def test_what_two_readers_could_take_two_ways_is_refused(payload: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parsed(payload)


@pytest.mark.fault("M9")
def test_a_burst_is_heard_and_then_one_a_second() -> None:
    inbox = Inbox(IDENTITY.topic)
    command = Heard(MODE, b'{"mode":"peak"}', False)
    heard = [inbox.read(command, now_s) for now_s in [100.0] * (BURST + 5) + [101.1, 101.2]]
    assert sum(one is not None for one in heard) == BURST + 1
    assert (inbox.dropped, inbox.strange) == (6, 0)


def test_a_command_that_cannot_be_read_is_handed_on_with_its_fault() -> None:
    command = Inbox(IDENTITY.topic).read(Heard(MODE, b"peak", True), 100.0)
    assert command == Command("mode", {}, True, "no JSON: Expecting value at 0")


@pytest.mark.parametrize("version", ["2", '"1"', "null"])
def test_a_receipt_and_a_request_in_another_schema_are_a_fault_and_an_order_s_v_is_left_alone(version: str) -> None:
    heard = {
        name: Inbox(IDENTITY.topic).read(
            Heard(IDENTITY.topic(f"cmd/{name}"), b'{"v":%s}' % version.encode(), False), 1.0
        )
        for name in ("receipt", "resend", "mode", "plan", "alarm")
    }
    faults = {name: one.fault for name, one in heard.items() if one is not None}
    assert set(faults) == set(heard)
    assert {name for name, fault in faults.items() if fault} == {"receipt", "resend"}


def test_only_our_own_commands_are_heard_and_a_command_taken_back_is_none() -> None:
    inbox = Inbox(IDENTITY.topic)
    for topic in (IDENTITY.topic("cmd/reboot"), IDENTITY.topic("cmd/ack"), "hubpulse/v1/44/4401/other/cmd/mode", ""):
        assert inbox.read(Heard(topic, b"{}", False), 100.0) is None
    assert inbox.read(Heard(MODE, b"", True), 100.0) is None
    assert inbox.strange == 4


def test_a_retained_command_is_heard_at_every_connection(broker: Broker, tmp_path: Path) -> None:
    payload = json.dumps({"mode": "peak", "seq": 4})
    mqtt_publish.single(MODE, payload, qos=1, retain=True, port=broker.port)
    with Rig(tmp_path, broker.port) as rig:
        heard: list[Command] = []
        assert eventually(lambda: bool(heard.extend(rig.publisher.take_commands()) or heard))
        broker.kill()
        broker.start()
        mqtt_publish.single(MODE, payload, qos=1, retain=True, port=broker.port)
        assert eventually(lambda: bool(heard.extend(rig.publisher.take_commands()) or heard[1:]))
    assert heard[0] == Command("mode", {"mode": "peak", "seq": 4}, True)


@pytest.mark.fault("M8")
def test_a_request_to_send_again_that_the_broker_keeps_is_never_obeyed_and_refused_once(tmp_path: Path) -> None:
    asked, answers, heard = compact({"epoch": EPOCH, "from": 1, "to": 3}), list[Json](), list[Command]()

    def ask_at_its_next_connection(rig: Rig) -> None:
        """With the retained order it is subscribed: what is sent from then on comes behind the retained request."""
        known, told = len(heard), len(answers)
        assert eventually(lambda: bool(heard.extend(rig.publisher.take_commands()) or heard[known:]))
        mqtt_publish.single(RESEND, asked, qos=1, port=rig.port)
        assert eventually(lambda: answers.extend(rig.publisher.take_answers()) or "sent" in str(answers[told:]))

    with Broker(tmp_path / "broker", persistence=True) as broker:
        kept = [(MODE, compact({"mode": "peak"}), 1, True), (RESEND, asked, 1, True)]
        mqtt_publish.multiple(kept, port=broker.port)
        with Rig(tmp_path, broker.port) as rig:
            rig.commit(3)
            assert rig.drained()
            ask_at_its_next_connection(rig)
            broker.stop()
            broker.start()
            ask_at_its_next_connection(rig)
    sent = {"cmd": "resend", "of": EPOCH, "from": 1, "to": 3, "sent": 3, "gone": []}
    assert answers == [{"cmd": "resend", "refused": RETAINED}, sent, sent]


@pytest.mark.fault("M9")
def test_a_broker_that_floods_commands_is_left_and_messages_are_delivered_all_the_same(
    broker: Broker, tmp_path: Path
) -> None:
    with Rig(tmp_path, broker.port) as rig:
        assert rig.connected()
        mqtt_publish.multiple([(MODE, b"{}", 0, False)] * (FLOOD + BURST + 100), port=broker.port)
        assert eventually(lambda: rig.publisher.status().reconnects >= 1)
        rig.commit(20)
        assert rig.drained()
        assert rig.publisher.status().commands_dropped > FLOOD
        assert len(rig.publisher.take_commands()) <= 64
