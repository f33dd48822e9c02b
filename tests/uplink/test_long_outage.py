"""An outage of a week: the card's bound holds, what goes is counted, what stays is drained, the books are exact."""

from __future__ import annotations

from pathlib import Path

import pytest
from broker import Broker
from fault_matrix import Figure
from mqtt_proxy import MqttProxy
from ports import free_port
from uplink_rig import EPOCH, IDENTITY, Rig

from agent.bureau.subscriber import Subscriber
from agent.clock import boot_seconds

A_WEEK = 604_800
"""A message a second; nobody waits for the seconds."""
A_COMMIT = 20


@pytest.mark.fault("N5")
def test_a_week_is_kept_on_the_card_and_drained_to_the_last_message_with_exact_books(
    tmp_path: Path, thorough: bool, figure: Figure
) -> None:
    messages, bound_bytes = (A_WEEK, 256 << 20) if thorough else (8000, 16 << 20)
    with Broker(tmp_path / "broker") as broker, Subscriber("127.0.0.1", broker.port) as bureau:
        nobody = free_port()
        with MqttProxy(nobody) as way, Rig(tmp_path, way.port, spool_bytes=bound_bytes) as rig:
            outage(rig, messages)
            card_bytes = on_card(tmp_path)
            way.target = broker.port
            began_s = boot_seconds()
            assert rig.drained(300)
            drained_s = boot_seconds() - began_s
            assert bureau.wait_until(lambda: bureau.totals(IDENTITY.site).messages >= messages, 120)
            books = rig.spool.books()
        totals = bureau.totals(IDENTITY.site)
    assert (books.written, books.acked, books.dropped, books.residual) == (messages, messages, 0, 0)
    assert totals.counted("eye.di0").total == messages
    assert totals.gaps().get(EPOCH, []) == []
    assert card_bytes <= bound_bytes
    figure(messages=messages, card_mb=card_bytes / 2**20, drained_s=drained_s, dropped=0, residual=0)


@pytest.mark.fault("N5")
def test_of_an_outage_longer_than_the_card_is_large_the_newest_are_kept_and_the_oldest_counted(
    tmp_path: Path, thorough: bool, figure: Figure
) -> None:
    messages, bound_bytes = (A_WEEK, 4 << 20) if thorough else (8000, 1 << 17)
    broker = Broker(tmp_path / "broker")
    with Rig(tmp_path, broker.port, spool_bytes=bound_bytes) as rig:
        outage(rig, messages)
        assert on_card(tmp_path) <= bound_bytes
        with broker:
            assert rig.drained(300)
        books = rig.spool.books()
    assert (books.written, books.held, books.residual) == (messages, 0, 0)
    assert books.acked + books.dropped == messages
    assert min(books.acked, books.dropped) > 0
    figure(dropped_of_a_small_card=books.dropped, residual=books.residual)


def outage(rig: Rig, messages: int) -> None:
    for _ in range(messages // A_COMMIT):
        rig.commit(A_COMMIT, pad=40)


def on_card(folder: Path) -> int:
    return sum(file.stat().st_size for file in (folder / "spool").iterdir())
