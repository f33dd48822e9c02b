"""A broker may say anything: the connection ends or goes on, nothing crashes, nothing is collected."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from broker import Broker
from fault_matrix import Figure
from hypothesis import given, settings
from hypothesis import strategies as st
from impostor import CONNACK, Impostor
from packet_fuzz import spoilt, storm
from ports import free_port
from uplink_rig import Rig

from agent.uplink.connection import Address, Connection, RefusedError
from agent.uplink.dialect import Version
from agent.uplink.hearing import Accepted, Acknowledged, Ended, Heard, Subscribed

ANNOUNCES_256_MIB = b"\x30\xff\xff\xff\x7f"
QOS_2 = b"\x34\x07\x00\x01a\x00\x01\x00x"

versions: st.SearchStrategy[Version] = st.sampled_from(["5", "3.1.1"])


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """Something like a packet: a true kind, any flags, a length that is mostly right."""
    body = draw(st.binary(max_size=40))
    length = draw(st.sampled_from([len(body)] * 4 + [0, len(body) + 1, 127]))
    return bytes([draw(st.integers(1, 15)) << 4 | draw(st.sampled_from([0, 0, 2, 3, 15])), length]) + body


speeches = st.lists(packets() | st.binary(max_size=30) | st.sampled_from([b"\x40\x02\x00\x01", QOS_2]), max_size=8)


@pytest.fixture(scope="module")
def impostor() -> Iterator[Impostor]:
    with Impostor() as made:
        yield made


@settings(max_examples=400, deadline=None)
@given(versions, st.booleans(), speeches)
@pytest.mark.fault("N15")
def test_any_bytes_end_the_connection_in_order(
    impostor: Impostor, version: Version, greeted: bool, speech: list[bytes]
) -> None:
    events = impostor.hear(version, (CONNACK[version] if greeted else b"") + b"".join(speech))
    assert [isinstance(event, Ended) for event in events] == [False] * (len(events) - 1) + [True]
    assert not any(isinstance(event, Acknowledged) for event in events)
    assert isinstance(events[0], Accepted) or not greeted


@pytest.mark.fault("N15")
def test_spoilt_packets_of_every_kind_are_ignored_or_end_the_connection(thorough: bool, figure: Figure) -> None:
    found = storm(15, 100_000 if thorough else 2000)
    figure(cases=found.cases, ignored=found.ignored, connections_ended=found.ended, crashes=found.crashes)
    figure(memory_grown_kb=found.grown_kb)
    assert (found.crashes, found.untrue) == (0, 0), found.first
    assert found.ignored + found.ended == found.cases
    assert min(found.ignored, found.ended) > found.cases // 10
    assert found.grown_kb < 4096


@pytest.mark.fault("N15")
def test_a_publisher_outlives_a_broker_of_nonsense_and_delivers_to_one_of_sense(
    tmp_path: Path, thorough: bool, figure: Figure
) -> None:
    connections, packets = 400 if thorough else 40, 10
    with socket.create_server(("127.0.0.1", free_port())) as listener, Rig(tmp_path, listener.getsockname()[1]) as rig:
        rig.commit(5)
        speaking = threading.Thread(target=_speak_nonsense, args=(listener, connections, packets))
        speaking.start()
        speaking.join(60)
        assert not speaking.is_alive()
        listener.close()
        broker = Broker(tmp_path / "broker")
        broker.port = rig.port
        with broker:
            assert rig.drained()
    figure(publisher_cases=connections * packets)


def _speak_nonsense(listener: socket.socket, connections: int, packets: int) -> None:
    """Greet each client in the version it speaks, and then say spoilt packets to it."""
    random = Random(15)
    for _ in range(connections):
        client, _ = listener.accept()
        with client:
            version: Version = "5" if client.recv(65536)[8:9] == b"\x05" else "3.1.1"
            nonsense = (spoilt(random, version) for _ in range(packets))
            client.sendall(CONNACK[version] + b"".join(nonsense))


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("speech", [ANNOUNCES_256_MIB, QOS_2])
@pytest.mark.fault("N15")
def test_what_nobody_asked_for_is_not_collected(impostor: Impostor, version: Version, speech: bytes) -> None:
    events = impostor.hear(version, CONNACK[version] + speech, hang_up=False)
    assert events[-1] == Ended("the broker sends what nobody asked for")


def test_limits_of_the_broker_are_heard(impostor: Impostor) -> None:
    connack = b"\x20\x0b\x00\x00\x08\x21\x00\x03\x27\x00\x00\x10\x00"
    assert impostor.hear("5", connack)[0] == Accepted(3, 4096)
    assert impostor.hear("3.1.1", CONNACK["3.1.1"])[0] == Accepted(65_535, None)


def test_a_refusal_carries_its_reason(impostor: Impostor) -> None:
    assert impostor.hear("5", b"\x20\x03\x00\x86\x00") == [Ended("Bad user name or password", 0x86)]
    assert impostor.hear("3.1.1", b"\x20\x02\x00\x05") == [Ended("Not authorized", 0x87)]
    assert impostor.hear("5", b"\x20\x02\x00\x01") == [Ended("Unsupported protocol version", 0x84)]


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 1), ("no-such-host.invalid", 1883), ("x" * 300, 1883), ("127.0.0.1", 0)]
)
def test_a_place_where_no_broker_is_has_a_reason(host: str, port: int) -> None:
    connection = Connection(Address(host, port, "site", "status", b"gone"), "5", None, None)
    with pytest.raises(RefusedError) as caught:
        connection.open(-1)
    assert caught.value.reason


def test_a_topic_that_we_may_not_hear_is_named(impostor: Impostor) -> None:
    suback = b"\x90\x05\x00\x01\x00\x01\x87"
    events = impostor.hear("5", CONNACK["5"] + suback, topics=("cmd/mode", "cmd/plan"))
    assert events[1] == Subscribed(("cmd/plan",))


def test_a_message_comes_with_its_topic_and_whether_it_was_kept(impostor: Impostor) -> None:
    events = impostor.hear("3.1.1", CONNACK["3.1.1"] + b"\x31\x05\x00\x01ahi\x30\x05\x00\x01\xffhi")
    assert events[1:-1] == [Heard("a", b"hi", True)]
