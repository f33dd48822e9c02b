"""The broker ends up with the newest of each retained document, whenever the uplink connects or asks again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from agent import clock
from agent.uplink.contract import Message
from agent.uplink.hearing import Accepted, Acknowledged
from agent.uplink.lanes import Lanes
from agent.uplink.session import Memory, Pace, Session
from agent.uplink.shipping import Shipping
from agent.uplink.spool import Spool

OLD, NEW = (Message("dev/eye-1/state", b'{"seq":%d}' % seq, retain=True) for seq in (1, 2))
REFUSED = 0x87


class Wire:
    """A broker that keeps what is retained, and takes what it is told to take."""

    def __init__(self) -> None:
        self.retained: dict[str, bytes] = {}
        self.refuses: set[str] = set()
        self.pubacks: list[Acknowledged] = []

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> int | None:
        packet = len(self.pubacks) + 1
        self.pubacks.append(Acknowledged(packet, REFUSED if topic in self.refuses else 0))
        if retain and topic not in self.refuses:
            self.retained[topic] = payload
        return packet

    def cut(self, reason: str) -> None:
        raise AssertionError(reason)


class Talk:
    """A session over a real spool; `documents` is what the reporter says, which may lag behind the spool."""

    def __init__(self, spool: Spool) -> None:
        self.spool, self.wire = spool, Wire()
        self.documents: tuple[int, Sequence[Message]] = (self.put(OLD) + 1, (OLD,))
        lanes = Lanes(spool)
        self.session = Session(
            self.wire,
            Accepted(100, None),
            str,
            lanes,
            Shipping(lanes, 1e6, clock.now),
            lambda: self.documents,
            Memory(),
            Pace(1e6, refused_retry_s=60.0),
        )
        self._heard = 0

    def put(self, message: Message) -> int:
        return self.spool.commit([message.encode()], b"")

    def go_on(self, now_s: float) -> None:
        self.session.keep_deadlines(now_s)
        for _ in range(5):
            for puback in self.wire.pubacks[self._heard :]:
                self.session.acknowledged(puback, now_s)
            self._heard = len(self.wire.pubacks)
            self.session.send(now_s)


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    spool = Spool.open(tmp_path / "spool", 1 << 20)
    yield Talk(spool)
    spool.close()


def test_a_document_committed_while_the_uplink_connects_is_the_one_that_stays(talk: Talk) -> None:
    position = talk.put(NEW)
    talk.session.open(b"{}", 0.0)
    talk.documents = position + 1, (NEW,)
    talk.go_on(0.0)
    assert talk.wire.retained[NEW.tail] == NEW.payload
    assert talk.spool.acked == talk.spool.next_position


def test_a_document_committed_while_a_refused_topic_is_asked_for_again_is_the_one_that_stays(talk: Talk) -> None:
    talk.wire.refuses = {NEW.tail}
    talk.session.open(b"{}", 0.0)
    talk.go_on(0.0)
    talk.put(NEW)
    talk.go_on(1.0)
    talk.wire.refuses = set()
    talk.go_on(61.0)
    assert talk.wire.retained[NEW.tail] == NEW.payload
    assert talk.spool.acked == talk.spool.next_position


def test_asking_again_for_one_topic_leaves_the_other_documents_as_they_are(talk: Talk) -> None:
    talk.wire.refuses = {"meta"}
    talk.documents = talk.documents[0], (OLD, Message("meta", b"{}", retain=True))
    talk.session.open(b"{}", 0.0)
    talk.go_on(0.0)
    talk.put(NEW)
    talk.go_on(1.0)
    talk.wire.refuses = set()
    talk.go_on(61.0)
    assert talk.wire.retained[NEW.tail] == NEW.payload
    assert "meta" in talk.wire.retained
