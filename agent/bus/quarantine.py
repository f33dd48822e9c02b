"""Which units may still owe a late reply, and when an answer of theirs can be believed.

RTU frames carry no number: a reply that comes after its time-out looks like the answer to the next ask of the
same unit. A unit answers in the order it was asked, so what it owes is a queue. While it owes, it is left alone
long enough for a late reply to fall into the pause, where it is known for what it is and paid off; and the
first answer then only proves that the unit lives. It may be as late as the oldest ask it can belong to, so
the unit is left alone for as long again, and what it answers after that is believed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

OWED_AT_MOST_S = 10.0
"""A reply slower than this does not exist."""
_MARGIN = 1.25
_FORGET = 0.9995


@dataclass(slots=True)
class _Debt:
    """What one unit owes: when it was asked in vain; `latest_s` is the slowest reply heard, slowly forgotten."""

    asked_s: deque[float] = field(default_factory=deque)
    pause_s: float = 0.0
    until_s: float = 0.0
    latest_s: float = 0.0
    proved: bool = False

    def expire(self, now_s: float) -> None:
        while self.asked_s and now_s - self.asked_s[0] > OWED_AT_MOST_S:
            self.asked_s.popleft()


class Quarantine:
    """The units of one line and what they owe."""

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
        """An ask sent at `sent_s` was not answered within `timeout_s`; each such pause is twice the last."""
        debt = self._debts.setdefault(unit, _Debt())
        debt.expire(sent_s)
        debt.asked_s.append(sent_s)
        debt.proved = False
        debt.pause_s = min(max(2 * timeout_s, 2 * debt.pause_s, 2 * debt.latest_s), OWED_AT_MOST_S)
        debt.until_s = sent_s + debt.pause_s

    def late(self, unit: int, now_s: float) -> None:
        """A reply of the unit came when none was awaited: the oldest debt is paid, and it is slower than believed."""
        debt = self._debts.get(unit)
        if debt is None or not debt.asked_s:
            return
        debt.latest_s = max(debt.latest_s, now_s - debt.asked_s.popleft())
        debt.proved = False
        debt.until_s = max(debt.until_s, now_s + _MARGIN * debt.latest_s) if debt.asked_s else now_s

    def answered(self, unit: int, sent_s: float, now_s: float) -> bool:
        """The ask sent at `sent_s` was answered in time; True when no earlier ask can have caused that answer."""
        debt = self._debts.get(unit)
        if debt is None:
            return True
        debt.expire(now_s)
        if debt.asked_s and not debt.proved:
            slowest_s = _MARGIN * (now_s - debt.asked_s.popleft())
            debt.asked_s.append(sent_s)
            debt.proved = True
            debt.until_s = sent_s + max(debt.pause_s, slowest_s)
            return False
        debt.asked_s.clear()
        debt.pause_s = 0.0
        debt.latest_s *= _FORGET
        return True
