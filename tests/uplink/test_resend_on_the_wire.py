"""What is sent again over connections that break, to brokers that refuse it or hang up: the bureau is told what was."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import clock
from agent.uplink.contract import Json, Message
from agent.uplink.hearing import Accepted, Acknowledged
from agent.uplink.lanes import Lanes
from agent.uplink.late import TAIL
from agent.uplink.resend import NOT_TAKEN
from agent.uplink.session import Memory, Pace, Session
from agent.uplink.shipping import Shipping
from agent.uplink.spool import Spool
from agent.uplink.thin import TOO_LARGE

REFUSED, PACKET_TOO_LARGE = 0x87, 0x95
LARGEST_BYTES = 600


class Broker:
    """It hangs up on number `poison`, and refuses the topics in `refuses`."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.poison = self.packet = 0
        self.refuses: set[str] = set()
        self.pubacks: list[Acknowledged] = []
        self.hangs_up = False

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> int | None:
        seqs = [fields["seq"] for fields in inside(topic, payload)]
        self.packet += 1
        self.hangs_up = self.hangs_up or self.poison in seqs
        if not self.hangs_up:
            self.heard += seqs if topic not in self.refuses else []
            self.pubacks.append(Acknowledged(self.packet, REFUSED if topic in self.refuses else 0))
        return self.packet

    def cut(self, reason: str) -> None:
        raise AssertionError(reason)


def inside(topic: str, payload: bytes) -> list[dict[str, int]]:
    if topic == "status":
        return []
    return (
        [one for _, one in json.loads(zlib.decompress(payload))["messages"]] if topic == TAIL else [json.loads(payload)]
    )


class Site:
    """An uplink whose spool holds ten messages of an earlier epoch, all acknowledged."""

    def __init__(self, spool: Spool) -> None:
        for seq in range(1, 11):
            pad = "x" * 1000 if seq == 7 else ""
            fields = {"epoch": "1-abcdef", "seq": seq, "pad": pad}
            spool.commit([Message(f"line/{seq}/event", json.dumps(fields).encode()).encode()], b"")
        spool.acknowledge(spool.next_position)
        self.lanes = Lanes(spool, epoch="2-abcdef")
        self.shipping = Shipping(self.lanes, 1e6, clock.now)
        self.broker, self.memory = Broker(), Memory()

    def asked(self) -> list[Json]:
        """The answers to being asked for all ten."""
        self.lanes.resends.ask({"epoch": "1-abcdef", "from": 1, "to": 10})
        for _ in range(30):
            if not self.connected():
                break
        return list(self.lanes.resends.answers)

    def connected(self) -> bool:
        """One connection; whether the broker hung up."""
        self.broker.pubacks, self.broker.hangs_up = [], False
        session = Session(
            self.broker, Accepted(100, LARGEST_BYTES), str, self.lanes, self.shipping, lambda: (10, ()), self.memory,
            Pace(1e6),
        )  # fmt: skip
        session.open(b"{}", 0.0)
        acknowledged = 0
        while acknowledged < len(self.broker.pubacks):
            session.acknowledged(self.broker.pubacks[acknowledged], 0.0)
            acknowledged += 1
            if not self.broker.hangs_up:
                session.send(0.0)
        if self.broker.hangs_up:
            session.ended(PACKET_TOO_LARGE)
        return self.broker.hangs_up


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    spool = Spool.open(tmp_path / "spool", 1 << 20)
    yield Site(spool)
    spool.close()


def test_what_is_too_large_for_the_broker_is_gone_and_not_counted_as_sent(site: Site) -> None:
    (answer,) = site.asked()
    assert (answer["sent"], answer["gone"]) == (9, [[7, 7, TOO_LARGE]])
    assert site.broker.heard == [1, 2, 3, 4, 5, 6, 8, 9, 10]


def test_what_brokers_hang_up_on_is_gone_and_the_others_come(site: Site) -> None:
    site.broker.poison = 4
    (answer,) = site.asked()
    assert (answer["sent"], answer["gone"]) == (8, [[4, 4, NOT_TAKEN], [7, 7, TOO_LARGE]])
    assert set(site.broker.heard) == {1, 2, 3, 5, 6, 8, 9, 10}


def test_what_the_broker_refuses_is_neither_sent_nor_gone(site: Site) -> None:
    site.shipping.framed = False
    site.broker.refuses = {"line/3/event"}
    (answer,) = site.asked()
    assert (answer["sent"], answer["gone"]) == (8, [[7, 7, TOO_LARGE]])


def test_where_frames_are_refused_each_comes_alone(site: Site) -> None:
    site.broker.refuses = {TAIL}
    (answer,) = site.asked()
    assert (answer["sent"], answer["gone"]) == (9, [[7, 7, TOO_LARGE]])
    assert set(site.broker.heard) == {1, 2, 3, 4, 5, 6, 8, 9, 10}
