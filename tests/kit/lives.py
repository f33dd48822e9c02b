"""Many lives, each independent of the others and known by its number, on as many processors as there are."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import count

from spool_history import Broken


@dataclass
class Tally:
    """What became of so many crash states: how many broke which promise, and the first that did."""

    states: int = 0
    failed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: str = ""

    def add(self, faults: Iterable[Broken], where: str) -> None:
        """One state's."""
        kinds = {fault.kind: fault.what for fault in faults}
        self.states += 1
        self.failed += bool(kinds)
        self.kinds.update(kinds.keys())
        if kinds and not self.first:
            self.first = f"{where}: {', '.join(kinds.values())}"

    def merge(self, other: Tally) -> None:
        """The states of another life."""
        self.states += other.states
        self.failed += other.failed
        self.kinds.update(other.kinds)
        self.first = self.first or other.first


Life = Callable[[int], Tally]
"""All crash states of the life of that number. For other processors it must be a function of a module."""


def gathered(
    life: Life, seed: int, wanted: int, say: Callable[[int], None] = lambda _: None, processors: int = 1
) -> Tally:
    """So many crash states or a few more, over as many lives as that takes; the same whatever the `processors`."""
    tally = Tally()
    for one in _lived(life, seed * 100_000, processors):
        tally.merge(one)
        say(tally.states)
        if tally.states >= wanted:
            return tally
    raise AssertionError


def _lived(life: Life, first: int, processors: int) -> Iterator[Tally]:
    """Life after life, in their order."""
    if processors == 1:
        yield from map(life, count(first))
        return
    pool = ProcessPoolExecutor(processors)
    try:
        ahead = deque[Future[Tally]]()
        for number in count(first):
            ahead.append(pool.submit(life, number))
            if len(ahead) > processors:
                yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))
