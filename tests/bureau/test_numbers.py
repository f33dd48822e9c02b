"""Every number of an epoch has arrived, is missing or is gone: one of the three, as counting each by hand tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.bureau import databases, schema
from agent.bureau.arrival import Gone
from agent.bureau.connection import Cursor, Database
from agent.bureau.numbers import Fate, News, Numbers, after
from agent.bureau.ranges import Range, common, joined, piece, pieces_in, runs, without

EPOCH = ("44/4401/gz-baiyun", "3-abcdef")

spans = st.tuples(st.integers(1, 40), st.integers(0, 9)).map(lambda one: (one[0], one[0] + one[1]))
losses = st.tuples(spans, st.sampled_from(["old", "lost"])).map(lambda one: Gone(EPOCH[1], *one[0], one[1]))
batches = st.builds(News, st.sets(st.integers(1, 50), max_size=8), st.integers(0, 60), st.lists(losses, max_size=3))


def numbers(ranges: Iterable[Range]) -> list[int]:
    return [number for first, last in ranges for number in range(first, last + 1)]


@dataclass
class ByHand:
    """Each number looked at on its own."""

    last: int = 0
    arrived: set[int] = field(default_factory=set)
    gone: dict[int, str] = field(default_factory=dict)

    def learn(self, news: News) -> None:
        self.arrived |= news.arrived
        self.last = max(self.last, news.last, *news.arrived, *(one.last for one in news.gone), 0)
        first_said = list(dict.fromkeys(one.reason for one in news.gone))
        for one in sorted(news.gone, key=lambda one: first_said.index(one.reason)):
            for number in range(one.first, one.last + 1):
                self.gone.setdefault(number, one.reason)
        self.gone = {number: why for number, why in self.gone.items() if number not in self.arrived}

    @property
    def missing(self) -> list[int]:
        return [n for n in range(1, self.last + 1) if n not in self.arrived and n not in self.gone]

    @property
    def watermark(self) -> int:
        return min(self.missing, default=self.last + 1) - 1


@given(st.lists(spans, max_size=8), st.lists(spans, max_size=8), st.integers(1, 5))
def test_ranges_are_the_sets_of_their_numbers(these: list[Range], those: list[Range], most: int) -> None:
    one, other = joined(these), joined(those)
    assert numbers(one) == sorted(set(numbers(these)))
    assert runs(numbers(these)) == one
    assert numbers(without(one, other)) == sorted(set(numbers(these)) - set(numbers(those)))
    assert numbers(common(one, other)) == sorted(set(numbers(these)) & set(numbers(those)))
    pieces = [piece(whole, most, number) for whole in one for number in range(pieces_in(whole, most))]
    assert numbers(pieces) == numbers(one)
    assert all(last - first < most for first, last in pieces)


@given(st.lists(batches, max_size=8))
def test_each_number_has_arrived_or_is_missing_or_gone_whatever_comes_in_which_order(batches: list[News]) -> None:
    fate, by_hand = Fate(0, (), ()), ByHand()
    for news in batches:
        fate = after(fate, news)
        by_hand.learn(news)
        gone = {number: why for first, last, why in fate.gone for number in range(first, last + 1)}
        assert (fate.last, sorted(numbers(fate.missing)), gone) == (by_hand.last, by_hand.missing, by_hand.gone)
        assert len(gone) == sum(last - first + 1 for first, last, _ in fate.gone), "a number twice"


class Counting:
    """A database that counts the rows it has read and written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.statements = 0

    def execute(self, statement: str, values: Iterable[object] = ()) -> Cursor:
        self.statements += 1
        return self._database.execute(statement, tuple(values))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = databases.SqliteDatabase(tmp_path / "numbers.db")
    for table in schema.TABLES:
        opened.execute(table)
    yield opened
    opened.close()


@given(batches=st.lists(batches, max_size=8))
def test_the_tables_hold_what_counting_each_number_tells(batches: list[News]) -> None:
    database = databases.SqliteDatabase(Path(":memory:"))
    for table in schema.TABLES:
        database.execute(table)
    kept, by_hand = Numbers(database), ByHand()
    for news in batches:
        kept.learn(EPOCH, news)
        by_hand.learn(news)
    missing = numbers((first, last) for _, _, first, last in database.execute(schema.MISSING).fetchall())
    gone = {
        n: why for _, _, first, last, why in database.execute(schema.GONE).fetchall() for n in range(first, last + 1)
    }
    assert (missing, gone) == (by_hand.missing, by_hand.gone)
    marks = [mark for _, _, mark in database.execute(schema.WATERMARKS).fetchall()]
    assert marks == ([by_hand.watermark] if batches else [])
    database.close()


def test_what_comes_in_order_costs_one_statement_however_much_is_kept(database: Database) -> None:
    counting = Counting(database)
    kept = Numbers(counting)  # type: ignore[arg-type]
    kept.learn(EPOCH, News({1}))
    for number in range(2, 200):
        before = counting.statements
        kept.learn(EPOCH, News({number}))
        assert counting.statements == before + 1


def test_a_gap_far_below_costs_a_late_message_nothing(database: Database) -> None:
    counting = Counting(database)
    kept = Numbers(counting)  # type: ignore[arg-type]
    kept.learn(EPOCH, News({5}))
    costs = []
    for number in (*range(6, 100), 10**6):
        before = counting.statements
        kept.learn(EPOCH, News({number}))
        costs.append(counting.statements - before)
    assert max(costs) <= 7
