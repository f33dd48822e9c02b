"""Bins of a total: comparable only where they follow each other, and how even they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.load.rates import Bins, evenness


def test_bins_begin_at_a_border_follow_each_other_and_end_with_a_silence() -> None:
    bins = Bins(300.0, 3)
    ended = [second for second in range(100, 1600, 5) if bins.advance(float(second), second)]
    assert ended == [600, 900, 1200, 1500]
    assert list(bins.rates) == [3600.0] * 3
    assert bins.evenness == 1.0
    bins.advance(5000.0, 5000)
    assert (list(bins.rates), bins.evenness) == ([], None)


@given(st.lists(st.floats(0, 1e5), max_size=12))
def test_evenness_is_a_share_and_one_where_all_are_alike(rates: list[float]) -> None:
    found = evenness(rates)
    assert found is None or 0.0 <= found <= 1.0
    assert evenness([7.0] * 5) == 1.0
