"""What people on this machine order waits for the beat, and never holds it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from uplink_rig import eventually

from agent.local_orders import LocalOrders
from agent.stocktake import StockTakes

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
