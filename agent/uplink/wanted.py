"""One request of the bureau for messages, and what became of each of them: its books, and what the bureau is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.uplink.contract import Json

ANSWER_RANGES = 50
"""An answer names at most so many ranges that are gone, some 2 KB; what is more is told in several."""

Loss = tuple[int, int, str]
"""Numbers `first` to `last` that are gone, and why."""


@dataclass(slots=True)
class Wanted:
    """Numbers `first` to `last` of one epoch. `run` is the epoch in which the bureau believes this site to run.

    `due` is the next number that is looked for, `position` where; `under_way` are handed out and not yet acknowledged.
    """

    epoch: str
    first: int
    last: int
    run: str | None = None
    due: int = field(init=False)
    position: int | None = None
    is_read: bool = False
    under_way: set[int] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    gone: list[Loss] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.due = self.first

    @property
    def range(self) -> tuple[str, int, int]:
        """What was asked for."""
        return self.epoch, self.first, self.last

    @property
    def is_over(self) -> bool:
        """Nothing more is to be sent or waited for."""
        return self.is_read and not self.under_way

    def find(self, seq: int, position: int) -> None:
        """The message `seq` is at `position`; what comes next is looked for behind it."""
        self.due, self.position = seq + 1, position + 1

    def miss(self, upto: int, reason: str) -> None:
        """From `due` to `upto` nothing is there."""
        if upto >= self.due:
            self.gone.append((self.due, upto, reason))
            self.due = upto + 1

    def again(self) -> None:
        """Nobody knows what became of the messages under way: all from the first of them on is looked for again."""
        if self.under_way:
            self.due, self.position, self.is_read = min(self.under_way), None, False
            self.gone = [one for one in self.gone if one[1] < self.due]
            self.under_way.clear()

    def answers(self) -> Iterator[Json]:
        """What the bureau is told when it is over: together they are about the whole range, each about its part."""
        gone = sorted(self.gone)
        start = self.first
        while len(gone) > ANSWER_RANGES:
            part, gone = gone[:ANSWER_RANGES], gone[ANSWER_RANGES:]
            yield self._answer(start, part[-1][1], part)
            start = part[-1][1] + 1
        yield self._answer(start, self.last, gone)

    def _answer(self, first: int, last: int, gone: Sequence[Loss]) -> Json:
        return {
            "cmd": "resend",
            "of": self.epoch,
            "from": first,
            "to": last,
            "sent": sum(first <= seq <= last for seq in self.sent),
            "gone": [list(one) for one in gone],
        }
