"""The books of the spool: what they would say is what they say then, and asking moves nothing."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.uplink.spool.ledger import Ledger

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6)


def ledger(lost: list[tuple[int, int]], acked: int) -> Ledger:
    books = Ledger(0)
    books.write(50)
    for start, end in lost:
        books.lose(start, end)
    books.acknowledge(acked)
    return books


@given(spans, st.integers(0, 60), st.integers(0, 60))
def test_what_the_books_would_say_is_what_they_say_once_it_is_so(
    lost: list[tuple[int, int]], acked: int, below: int
) -> None:
    books = ledger(lost, acked)
    before, would = books.marks(), books.marks(below)
    assert books.marks() == before
    books.drop(below)
    assert books.marks() == would
    assert books.books().residual == 0


def test_nobody_sees_a_watermark_pass_that_is_only_asked_about() -> None:
    books, seen = ledger([(3, 5)], 0), set[int]()

    def look(_frame: FrameType, event: str, _what: object) -> Any:
        """At each line: what another thread would read there."""
        if event == "line":
            seen.add(books.acked)
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        books.marks(40)
    finally:
        sys.settrace(before)
    assert seen == {0}
