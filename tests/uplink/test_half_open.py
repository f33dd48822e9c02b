"""A connection whose packets vanish while nobody hangs up: noticed in time, busy or idle, and nothing is lost."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import cable
import paho.mqtt.client as mqtt
import pytest
from broker import Broker
from cable import FAR, Cable
from fault_matrix import Figure
from mqtt_proxy import MqttProxy
from uplink_rig import EAGER, Rig, eventually

from agent.clock import boot_seconds
from agent.uplink import connection
from agent.uplink.session import Pace

PORT = 1883


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[MqttProxy]:
    with Broker(tmp_path / "broker") as broker, MqttProxy(broker.port) as running:
        yield running


@pytest.fixture
def pace(thorough: bool, monkeypatch: pytest.MonkeyPatch) -> Pace:
    """Everything a fifth as patient in the suite, as patient as it is under `./dev faults`."""
    if thorough:
        return EAGER
    monkeypatch.setattr(connection, "KEEPALIVE_S", 4)
    monkeypatch.setattr(connection, "PING_ANSWER_S", 2.0)
    monkeypatch.setattr(connection, "USER_TIMEOUT_MS", 1000)
    return Pace(EAGER.backlog_per_s, puback_deadline_s=1.4)


@pytest.mark.fault("N2")
@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
def test_a_half_open_connection_is_noticed_and_what_was_sent_into_it_is_sent_again(  # noqa: PLR0917
    tmp_path: Path, proxy: MqttProxy, pace: Pace, busy: bool, thorough: bool, figure: Figure
) -> None:
    with Rig(tmp_path, proxy.port, pace=pace) as rig:
        rig.commit(3)
        assert rig.drained()
        proxy.black_hole.set()
        began_s = boot_seconds()
        if busy:
            rig.commit(5)
        assert eventually(lambda: not rig.publisher.status().connected)
        noticed_s = boot_seconds() - began_s
        assert rig.publisher.status().reason == (
            "the broker stopped acknowledging" if busy else "the broker does not answer a ping"
        )
        proxy.black_hole.clear()
        rig.commit(1)
        assert rig.drained()
    if thorough:
        figure(**{f"noticed_{'busy' if busy else 'idle'}_s": noticed_s})


@pytest.mark.fault("N2")
@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
def test_a_cut_cable_between_two_machines_is_noticed_and_nothing_is_lost(  # noqa: PLR0917
    tmp_path: Path, two_machines: Cable, pace: Pace, busy: bool, thorough: bool, figure: Figure
) -> None:
    broker = Broker(tmp_path / "broker", options=[f"listener {PORT} {FAR}"])
    with two_machines.far(), broker, two_machines.near(), Rig(tmp_path, PORT, host=FAR, pace=pace) as rig:
        rig.commit(3)
        assert rig.drained()
        two_machines.cut()
        began_s = boot_seconds()
        if busy:
            rig.commit(5)
        assert eventually(lambda: not rig.publisher.status().connected)
        noticed_s = boot_seconds() - began_s
        two_machines.mend()
        rig.commit(1)
        assert rig.drained()
    if thorough:
        figure(**{f"packets_dropped_noticed_{'busy' if busy else 'idle'}_s": noticed_s})


@pytest.fixture
def two_machines() -> Iterator[Cable]:
    if reason := cable.why_not():
        pytest.skip(f"{reason}; the proxy's figures stand for it")
    with Cable() as between:
        yield between


def test_an_idle_connection_that_answers_pings_stays(tmp_path: Path, proxy: MqttProxy, pace: Pace) -> None:
    with Rig(tmp_path, proxy.port, pace=pace) as rig:
        assert rig.connected()
        silence_s = connection.KEEPALIVE_S + connection.PING_ANSWER_S
        assert not eventually(lambda: not rig.publisher.status().connected, 1.5 * silence_s)
        assert rig.publisher.status().reconnects == 0


def test_what_was_in_flight_when_a_connection_broke_goes_with_it_and_waits_for_no_collector(
    tmp_path: Path, proxy: MqttProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "USER_TIMEOUT_MS", 1000)
    gc.collect()
    gc.disable()
    try:
        with Rig(tmp_path, proxy.port, pace=Pace(EAGER.backlog_per_s, puback_deadline_s=1.0)) as rig:
            rig.commit(1)
            assert rig.drained()
            proxy.black_hole.set()
            rig.commit(50)
            assert eventually(lambda: not rig.publisher.status().connected)
            assert rig.publisher.status().reason == "the broker stopped acknowledging"
            proxy.black_hole.clear()
            assert rig.drained()
            assert eventually(lambda: not messages_of_paho())
    finally:
        gc.enable()


def messages_of_paho() -> list[object]:
    """What paho keeps of each message until it is acknowledged: a lock, a queue and more, two kilobytes a message."""
    return [one for one in gc.get_objects() if isinstance(one, mqtt.MQTTMessageInfo)]
