"""A stock-take on its way from whoever counted to the beat, which alone may change the backlog, and the answer back."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

from agent.awaited import WITHIN_S, Awaited


class StockTakeRefusedError(ValueError):
    """A stock-take that was not taken over; the message says why."""


@dataclass(slots=True)
class StockTake:
    """So many parcels are on the floor, says `by`. `id` tells one request from another, also over a restart.

    The beat sets `before`, what the backlog was thought to be, or `refused`.
    """

    parcels: int
    by: str
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    before: int | None = None
    refused: str = ""
    awaited: Awaited = field(default_factory=Awaited)


class StockTakes:
    """The stock-takes that wait for the beat."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[StockTake] = SimpleQueue()

    def hand_over(self, parcels: int, by: str) -> int | None:
        """Have the backlog begin anew; what it was thought to be, None where nothing was. Durable on return.

        From any thread but the beat's. Raises StockTakeRefusedError.
        """
        asked = StockTake(parcels, by)
        self._waiting.put(asked)
        if not asked.awaited.within(WITHIN_S):
            raise StockTakeRefusedError(f"the agent did not come to it within {WITHIN_S:.0f} s")
        if asked.refused:
            raise StockTakeRefusedError(asked.refused)
        return asked.before

    def serve(self, take_over: Callable[[StockTake], None]) -> None:
        """The beat's side: have all that wait now taken over, and tell them; who comes meanwhile has the next beat."""
        for _ in range(self._waiting.qsize()):
            asked = self._waiting.get_nowait()
            if asked.awaited.begin():
                take_over(asked)
                asked.awaited.end()
