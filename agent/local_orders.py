"""An order on its way from somebody on this machine to the beat, which alone obeys, and the answer back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import SimpleQueue

from agent.awaited import WITHIN_S, Awaited
from agent.orders.order import RefusedError


@dataclass(slots=True)
class Asked:
    """An order of `kind` with its fields. The beat sets `answer` or `refused`."""

    kind: str
    fields: Mapping[str, object]
    answer: Mapping[str, object] = field(default_factory=dict)
    refused: RefusedError | None = None
    awaited: Awaited = field(default_factory=Awaited)


class LocalOrders:
    """The orders that wait for the beat."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Asked] = SimpleQueue()

    def hand_over(self, kind: str, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Have it obeyed; what is answered, durable on return. From any thread but the beat's. Raises RefusedError."""
        asked = Asked(kind, fields)
        self._waiting.put(asked)
        if not asked.awaited.within(WITHIN_S):
            raise RefusedError("busy", f"the agent did not come to it within {WITHIN_S:.0f} s")
        if asked.refused is not None:
            raise asked.refused
        return asked.answer

    def serve(self, obey: Callable[[Asked], None]) -> None:
        """The beat's side: have all that wait now obeyed, and tell them; who comes meanwhile has the next beat."""
        for _ in range(self._waiting.qsize()):
            asked = self._waiting.get_nowait()
            if asked.awaited.begin():
                obey(asked)
                asked.awaited.end()
