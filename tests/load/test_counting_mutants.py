"""The counting model can fail: twelve classic mistakes each break a promise in a directed history, the product none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from counting_histories import HISTORIES
from counting_mistakes import MISTAKES, RULE, broken_promises
from counting_model import World


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
@pytest.mark.fault("C2")
def test_the_product_keeps_every_promise_in(history: Callable[[Callable[..., World]], None]) -> None:
    history(lambda **k: World(RULE, **k))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_this_mistake_is_caught(mistake: str) -> None:
    assert broken_promises(MISTAKES[mistake])
