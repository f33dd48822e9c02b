"""What people on this machine order waits for the beat, and never holds it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from uplink_rig import eventually

from agent import local_orders, stocktake
from agent.awaited import Awaited
from agent.local_orders import LocalOrders
from agent.orders.order import RefusedError
from agent.stocktake import StockTakeRefusedError, StockTakes

MOST = 8
"""So many come one after the other, where nobody stops them."""


@pytest.mark.parametrize(
    ("orders", "order"),
    [
        (LocalOrders(), lambda orders: orders.hand_over("survey", {})),
        (StockTakes(), lambda orders: orders.hand_over(100, "li")),
    ],
)
def test_who_comes_while_the_beat_serves_waits_for_the_next_beat(orders: Any, order: Callable[[Any], object]) -> None:
    served: list[object] = []
    with ThreadPoolExecutor(MOST) as others:

        def come() -> None:
            others.submit(order, orders)
            assert eventually(lambda: orders._waiting.qsize() > 0)

        def obey_while_another_comes(asked: object) -> None:
            served.append(asked)
            if len(served) < MOST:
                come()

        come()
        orders.serve(obey_while_another_comes)
        at_first = len(served)
        orders.serve(served.append)
    assert (at_first, len(served)) == (1, 2)


@pytest.mark.parametrize(
    ("orders", "order"),
    [
        (LocalOrders(), lambda orders: orders.hand_over("survey", {})),
        (StockTakes(), lambda orders: orders.hand_over(100, "li")),
    ],
)
def test_what_was_told_to_have_come_to_nothing_is_never_done_later(
    orders: Any, order: Callable[[Any], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in (local_orders, stocktake):
        monkeypatch.setattr(room, "WITHIN_S", 0.01)
    with pytest.raises((RefusedError, StockTakeRefusedError), match="did not come to it"):
        order(orders)
    served: list[object] = []
    orders.serve(served.append)
    assert served == []


def test_who_asked_waits_for_what_the_beat_has_begun() -> None:
    awaited = Awaited()
    assert awaited.begin()
    with ThreadPoolExecutor(1) as others:
        told = others.submit(awaited.within, 0.0)
        with pytest.raises(TimeoutError):
            told.result(0.05)
        awaited.end()
        assert told.result(30.0) is True
