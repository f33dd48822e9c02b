"""What became of every number of an epoch: it has arrived, it is missing, or it is gone; never two of them.

Only what is missing and what is gone are stored, as ranges; all else up to the last number has arrived. News change
the ranges they touch and no others, however many messages are kept. A number that was said to be gone and arrives all
the same has arrived; one that has arrived cannot be gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from agent.bureau import schema
from agent.bureau.arrival import Arrival, Gone, Receipt
from agent.bureau.connection import Cursor, Database
from agent.bureau.ranges import Range, common, joined, runs, without

Epoch: TypeAlias = tuple[str, str]
"""A site, and one of its epochs."""

Loss: TypeAlias = tuple[int, int, str]
"""Numbers `first` to `last` that will never come, and the agent's reason."""

One = TypeVar("One", Range, Loss)


@dataclass(slots=True)
class News:
    """What a batch tells of one epoch: numbers that arrived, the last known to exist, and what the agent has not."""

    arrived: set[int] = field(default_factory=set)
    last: int = 0
    gone: list[Gone] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Fate:
    """The numbers of an epoch from 1 to `last` that did not arrive, each range disjoint from every other."""

    last: int
    missing: Sequence[Range]
    gone: Sequence[Loss]


def news_of(arrivals: Iterable[Arrival], receipts: Iterable[Receipt] = ()) -> dict[Epoch, News]:
    """By epoch in order: two writers then never wait for each other in a ring."""
    found: dict[Epoch, News] = {}
    for one in arrivals:
        found.setdefault((one.site, one.report.epoch), News()).arrived.add(one.report.seq)
        for epoch, last in one.before:
            _there_is(found, one.site, epoch, last)
        for gone in one.gone:
            found.setdefault((one.site, gone.epoch), News()).gone.append(gone)
    for receipt in receipts:
        for epoch, upto in receipt.upto:
            _there_is(found, receipt.site, epoch, upto)
    return dict(sorted(found.items()))


def _there_is(found: dict[Epoch, News], site: str, epoch: str, last: int) -> None:
    news = found.setdefault((site, epoch), News())
    news.last = max(news.last, last)


def after(fate: Fate, news: News) -> Fate:
    """What is missing and gone once the news are known. `fate` may leave out ranges that the news do not touch."""
    arrived = runs(news.arrived)
    last = max(fate.last, news.last, *(end for _, end in arrived), *(one.last for one in news.gone))
    new = [(fate.last + 1, last)] if last > fate.last else []
    missing = list(without([*fate.missing, *new], arrived))
    gone = [(*left, why) for first, end, why in fate.gone for left in without([(first, end)], arrived)]
    for why in dict.fromkeys(one.reason for one in news.gone):
        said = joined((one.first, one.last) for one in news.gone if one.reason == why)
        gone += [(*lost, why) for lost in common(missing, said)]
        missing = list(without(missing, said))
    return Fate(last, missing, sorted(gone))


class Numbers:
    """The fates of all epochs, in a database. Each method is part of the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def learn(self, epoch: Epoch, news: News) -> None:
        """Take the news in. Another writer of that epoch waits until this transaction is over."""
        if not self._goes_on(epoch, news):
            self._execute(schema.BEGIN_EPOCH, epoch)
            self._change(epoch, self._touched(epoch, news), news)

    def _goes_on(self, epoch: Epoch, news: News) -> bool:
        """Nearly always nothing is missing and the news are the next numbers: then this is all."""
        first, last = min(news.arrived, default=0), max(news.arrived, default=0)
        if not news.arrived or news.gone or news.last > last or last - first >= len(news.arrived):
            return False
        return self._execute(schema.GO_ON, (last, last, *epoch, first - 1)).rowcount == 1

    def _touched(self, epoch: Epoch, news: News) -> Fate:
        """What is known of the numbers that the news are about."""
        ((last,),) = self._execute(schema.LAST_OF, epoch).fetchall()
        about = [*news.arrived, *(one.first for one in news.gone), *(one.last for one in news.gone)]
        hull = (*epoch, min(about, default=0), max(about, default=0))
        missing = [(first, end) for first, end in self._execute(schema.MISSING_WITHIN, hull).fetchall()]
        gone = [(first, end, why) for first, end, why in self._execute(schema.GONE_WITHIN, hull).fetchall()]
        return Fate(last, missing, gone)

    def _change(self, epoch: Epoch, before: Fate, news: News) -> None:
        now = after(before, news)
        for first, end in _only(before.missing, now.missing):
            self._execute(schema.FORGET_MISSING, (*epoch, first, end))
        for first, end, _ in _only(before.gone, now.gone):
            self._execute(schema.FORGET_GONE, (*epoch, first, end))
        for first, end in _only(now.missing, before.missing):
            self._execute(schema.KEEP_MISSING, (*epoch, first, end))
        for loss in _only(now.gone, before.gone):
            self._execute(schema.KEEP_GONE, (*epoch, *loss))
        self._execute(schema.MOVE_EPOCH, (now.last, *epoch, now.last, *epoch))

    def _execute(self, statement: str, values: Sequence[object]) -> Cursor:
        return self._database.execute(statement, values)


def _only(these: Iterable[One], those: Iterable[One]) -> list[One]:
    return sorted(set(these) - set(those))
