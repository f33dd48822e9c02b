"""Which units may still owe a late reply, and when an answer of theirs can be believed.

RTU frames carry no number: a reply that comes after its time-out looks like the answer to the next ask of
the same unit. So a unit that kept silent is left alone for a while (a late reply then falls into the pause
and is known for what it is), each further silence doubles the while, and the first answer after a silence
only proves that the unit lives. The ask after that is believed: had the first answer been a late one, this
one's would be late as well.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_S = 60.0
_FORGET = 0.99


@dataclass(slots=True)
class _Debt:
    """What one unit may owe: `latest_s` is the slowest reply heard from it, slowly forgotten."""

    doubted: bool = False
    sent_s: float = 0.0
    pause_s: float = 0.0
    until_s: float = 0.0
    latest_s: float = 0.0


class Quarantine:
    """The units of one line and what they may owe."""

    __slots__ = ("_debts",)

    def __init__(self) -> None:
        self._debts: dict[int, _Debt] = {}

    def until_s(self, unit: int) -> float:
        """The unit must not be asked before this moment."""
        debt = self._debts.get(unit)
        return debt.until_s if debt is not None else 0.0

    def latest_s(self, unit: int) -> float:
        """How long after its ask the latest reply of the unit came; 0 when none was late."""
        debt = self._debts.get(unit)
        return debt.latest_s if debt is not None else 0.0

    def silent(self, unit: int, sent_s: float, timeout_s: float) -> None:
        """An ask sent at `sent_s` was not answered within `timeout_s`."""
        debt = self._debts.setdefault(unit, _Debt())
        debt.doubted = True
        debt.sent_s = sent_s
        debt.pause_s = min(max(2 * timeout_s, 2 * debt.pause_s, 2 * debt.latest_s), LONGEST_S)
        debt.until_s = sent_s + debt.pause_s

    def late(self, unit: int, now_s: float) -> None:
        """A reply of the unit came when none was awaited: it is slower than believed, and may owe more."""
        debt = self._debts.setdefault(unit, _Debt(sent_s=now_s))
        debt.doubted = True
        if debt.pause_s:
            debt.latest_s = min(max(debt.latest_s, now_s - debt.sent_s), LONGEST_S)
        debt.until_s = max(debt.until_s, now_s + debt.latest_s)

    def answered(self, unit: int) -> bool:
        """The unit answered in time; True when nothing earlier can have caused that answer."""
        debt = self._debts.get(unit)
        if debt is None:
            return True
        if debt.doubted:
            debt.doubted = False
            return False
        debt.pause_s = 0.0
        debt.latest_s *= _FORGET
        return True
