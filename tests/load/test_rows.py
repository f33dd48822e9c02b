"""Rows of numbers in memory that is taken once: a deque of the same length is the model."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.load.rows import Rows

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False)
STEPS = st.lists(st.tuples(NUMBERS, NUMBERS) | st.sampled_from(["popleft", "clear"]), max_size=40)


@given(STEPS, st.integers(1, 6))
def test_what_was_put_in_last_is_there_exactly_and_in_order(steps: list[tuple[float, float] | str], most: int) -> None:
    rows, model = Rows(2, most), deque[tuple[float, float]](maxlen=most)
    for step in steps:
        if isinstance(step, tuple):
            rows.append(*step)
            model.append(step)
        elif step == "clear":
            rows.clear()
            model.clear()
        elif model:
            assert rows.popleft() == model.popleft()
        assert list(rows) == list(model)
        assert [rows[-1 - n] for n in range(len(model))] == [*reversed(model)]


def test_a_row_that_is_not_there_and_one_of_another_width_are_refused() -> None:
    rows = Rows(2, 3)
    rows.append(1, 2)
    for row in (1, -2):
        with pytest.raises(IndexError):
            rows[row]
    with pytest.raises(ValueError, match="2 numbers"):
        rows.append(1)
    rows.clear()
    with pytest.raises(IndexError):
        rows.popleft()
