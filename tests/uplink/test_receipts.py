"""What a receipt frees: what the bureau can have, whatever is committed meanwhile, whatever order the epochs are in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.load.instant import Instant
from agent.uplink.contract import Message, compact
from agent.uplink.hearing import Heard
from agent.uplink.lanes import Lanes
from agent.uplink.orders import Orders
from agent.uplink.resend import UNREAD
from agent.uplink.search import Stretches, received_upto
from agent.uplink.shipping import Shipping
from agent.uplink.spool import Spool
from agent.uplink.spool.disk import CardDisk

RUN = "7-abcdef"


def test_a_receipt_that_cannot_be_read_frees_nothing_and_takes_back_no_advice(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    lanes = Lanes(spool, epoch=RUN, by_receipt=True)
    spool.commit([record(RUN, seq) for seq in range(1, 11)], b"")
    while (one := lanes.next_live(())) is not None:
        lanes.settle(one.position)
    advised: list[object] = []
    shipping = Shipping(lanes, 1500.0, lambda: Instant("boot", 1.0, 0.0, "none"))
    shipping.advise = advised.append  # type: ignore[method-assign]
    orders = Orders(str, lanes, shipping)
    for payload in (
        b'{"v":1,"epochs":{"%s":4},"backlog_per_s":300}',
        b'{"v":2,"epochs":{"%s":10}}',
        b'{"v":2,"epochs":{"%s":9}}',
        b"%s",
    ):
        orders.hear(Heard("cmd/receipt", payload % RUN.encode(), True), 1.0)
    assert (spool.acked, advised) == (4, [300])
    refused = [one for one in lanes.resends.answers if one["cmd"] == "receipt_refused"]
    assert len(refused) == 2, "once for each reason, however far the watermarks move"
    orders.hear(Heard("cmd/receipt", b'{"v":1,"epochs":{},"backlog_per_s":300}', True), 1.0)
    orders.hear(Heard("cmd/receipt", b"again", True), 1.0)
    assert len(lanes.resends.answers) == 3
    spool.close()


def record(epoch: str, seq: int) -> bytes:
    return Message("line/north/telemetry", compact({"epoch": epoch, "seq": seq})).encode()


def opened(directory: Path) -> Spool:
    return Spool.open(directory, 1 << 20)


class Busy(Spool):
    """A spool into which the beat commits while the uplink looks something up in it."""

    news: tuple[bytes, ...] = ()

    def look(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]:
        found = super().look(start, max_messages, max_bytes)
        if self.news:
            self.commit(self.news, b"")
            self.news = ()
        return found


@pytest.mark.fault("N17")
def test_what_is_committed_while_a_receipt_is_looked_up_is_not_freed_by_it(tmp_path: Path) -> None:
    spool = Busy.open(tmp_path, 1 << 20)
    assert isinstance(spool, Busy)
    lanes = Lanes(spool, epoch=RUN, by_receipt=True)
    spool.commit([record(RUN, seq) for seq in range(1, 11)], b"")
    while (one := lanes.next_live(())) is not None:
        lanes.settle(one.position)
    spool.news = (record(RUN, 11),)
    lanes.received({RUN: 10})
    assert (spool.acked, spool.next_position) == (10, 11)
    assert [one and one.position for one in (lanes.next_live(()), lanes.next_live(()))] == [10, None], (
        "sent as any other"
    )
    spool.close()


@pytest.mark.fault("N17")
def test_a_receipt_frees_nothing_of_this_run_that_was_never_sent(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.commit([record("6-abcdef", seq) for seq in range(1, 5)], b"")
    lanes = Lanes(spool, epoch=RUN, by_receipt=True)
    spool.commit([record(RUN, seq) for seq in range(1, 11)], b"")
    ahead = {"6-abcdef": 4, RUN: 1000}
    lanes.received(ahead)
    assert spool.acked == 4, "an earlier run may have sent them"
    for _ in range(3):
        lanes.next_live(())
    lanes.received(ahead)
    assert spool.acked == 7, "these are sent, whether or not the broker has said so"
    spool.close()


# Epochs of any numbers one after the other: one that began in memory was numbered by a clock that may have been behind;
# a number perhaps twice, where a card took no note of the first.
epochs = st.builds("{}-{}".format, st.integers(1, 5), st.sampled_from(("abcdef", "123456")))
histories = st.lists(st.tuples(epochs, st.integers(1, 9)), min_size=1, max_size=6, unique_by=lambda one: one[0])


class Shelf:
    """A spool in memory that holds all of it."""

    is_known = True

    def __init__(self, history: list[tuple[str, int]]) -> None:
        self.identities = [(epoch, seq) for epoch, last in history for seq in range(1, last + 1)]
        self.next_position = len(self.identities)

    def look(self, start: int, max_messages: int, max_bytes: int) -> list[tuple[int, bytes]]:
        found = [(position, record(*one)) for position, one in enumerate(self.identities)]
        return found[start : start + max_messages]


@given(histories, st.dictionaries(epochs, st.integers(0, 10)))
@pytest.mark.fault("S12")
def test_a_receipt_is_understood_in_whatever_order_the_epochs_are(
    history: list[tuple[str, int]], watermarks: dict[str, int]
) -> None:
    shelf = Shelf(history)
    kept = [position for position, (epoch, seq) in enumerate(shelf.identities) if seq > watermarks.get(epoch, 0)]
    assert received_upto(shelf, 0, watermarks) == min(kept, default=shelf.next_position)


@given(histories, epochs, st.integers(1, 10))
@pytest.mark.fault("S12")
def test_what_is_asked_for_again_is_found_in_whatever_order_the_epochs_are(
    history: list[tuple[str, int]], epoch: str, first: int
) -> None:
    shelf = Shelf(history)
    there = [position for position, (of, seq) in enumerate(shelf.identities) if of == epoch and seq >= first]
    stretches = Stretches(shelf)
    while not stretches.walk():
        pass
    found = stretches.find(epoch, first)
    assert (found[0] if found else None) == min(there, default=None)


class AwayDisk(CardDisk):
    """A card that is not there yet."""

    is_away = True

    def attach(self) -> None:
        if self.is_away:
            raise OSError("the card is not there yet")
        super().attach()


@pytest.mark.fault("S12")
def test_what_a_card_holds_that_cannot_be_read_yet_is_not_said_to_be_gone_and_comes_once_it_can(tmp_path: Path) -> None:
    earlier = opened(tmp_path)
    earlier.commit([record("6-abcdef", seq) for seq in range(1, 11)], b"")
    earlier.acknowledge(10)
    earlier.close()
    disk = AwayDisk(tmp_path)
    spool = Spool.open(tmp_path, 1 << 20, disk=disk, clock=lambda: 0.0)
    lanes = Lanes(spool, epoch=RUN)
    spool.commit([record(RUN, 1)], b"")
    wanted = {"epoch": "6-abcdef", "from": 3, "to": 5, "run": RUN}
    lanes.resends.ask(wanted)
    assert lanes.next_live(()) is not None
    assert lanes.next_late((), ()) is None
    assert list(lanes.resends.answers) == [{"cmd": "resend", "of": "6-abcdef", "refused": UNREAD}]
    disk.is_away = False
    spool.tick()
    assert spool.condition.place == "disk"
    lanes.resends.ask(wanted)
    again = [lanes.next_late((), ()) for _ in range(3)]
    assert [one and one.message.payload for one in again] == [
        Message.decode(record("6-abcdef", seq)).payload for seq in (3, 4, 5)
    ]
    spool.close()
