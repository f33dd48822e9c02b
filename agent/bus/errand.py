"""An exchange that somebody asks for between the polls: one at a time, bounded, its result handed back to the asker."""

from __future__ import annotations

import threading
from collections import deque
from itertools import count

from agent.bus.outcomes import Answered, Missed, Outcome
from agent.bus.schedule import Slot
from agent.clock import boot_seconds
from drivers import Ask
from drivers.wire import Price

MOST_WAITING = 16
PATIENCE_S = 2.0
"""An errand waits for a pause between polls, but not longer than this: then one poll comes a little later."""

SHARE = 0.25
"""The part of a wire's time that errands nobody answers may take."""

FREE = Price(0.0, 0.0)
_numbers = count(1)


class Errand:
    """One ask on `bus`. The owner finishes it once; its name is one that no device can have."""

    __slots__ = ("_done", "_outcome", "abandoned", "slot")

    def __init__(self, bus: str, ask: Ask) -> None:
        self.slot = _ErrandSlot(bus, f"errand {next(_numbers)}", 0, ask, float("inf"))
        self.abandoned = False
        self._done = threading.Event()
        self._outcome: Answered | Missed | None = None

    def finish(self, outcome: Answered | Missed) -> None:
        """What became of it; from the owner's thread."""
        self._outcome = outcome
        self._done.set()

    def wait(self, timeout_s: float) -> Answered | Missed | None:
        """What became of it; None when nothing did in that time, and nothing will any more if it has not begun."""
        if not self._done.wait(timeout_s):
            self.abandoned = True
        return self._outcome


class _ErrandSlot(Slot):
    __slots__ = ()
    errand = True


class Errands:
    """The errands of one owner. `offer` is called from any thread, the rest from the owner's."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Errand, float]] = deque()
        self._running: Errand | None = None
        self._began_s = 0.0
        self._not_before_s = 0.0

    def offer(self, errand: Errand, now_s: float) -> bool:
        """Put it in line; False when the line is too long already."""
        if len(self._waiting) >= MOST_WAITING:
            return False
        self._waiting.append((errand, now_s + PATIENCE_S))
        return True

    def next_s(self) -> float:
        """When `take` could give one; infinity when none waits or one is on its way."""
        return self._not_before_s if self._waiting and self._running is None else float("inf")

    def pressing(self, now_s: float) -> bool:
        """Whether the first has waited long enough to go before the polls."""
        return bool(self._waiting) and self.next_s() <= now_s >= self._waiting[0][1]

    def take(self, now_s: float, busy_s: float = float("inf"), price: Price = FREE) -> Errand | None:
        """The next one, if it fits in before `busy_s` at that price or is pressing; its outcome must be told."""
        while self._waiting and self.next_s() <= now_s:
            errand, pressing_s = self._waiting[0]
            if now_s < pressing_s and now_s + price.of(errand.slot.ask.reply_length) > busy_s:
                self._not_before_s = busy_s
                return None
            self._waiting.popleft()
            if not errand.abandoned:
                self._running, self._began_s = errand, now_s
                return errand
        return None

    def hold(self, until_s: float) -> None:
        """The errand just taken goes back to its place: its unit must not be asked before `until_s`."""
        if self._running is not None:
            self._waiting.appendleft((self._running, 0.0))
        self._running, self._not_before_s = None, until_s

    def claims(self, outcome: Outcome) -> bool:
        """Whether this is the outcome of the errand on its way, which is finished by it.

        One that nobody answered is paid for: errands pause until it took no more than their share.
        """
        errand = self._running
        if errand is None or not isinstance(outcome, Answered | Missed) or outcome.device != errand.slot.device:
            return False
        if isinstance(outcome, Missed) and not outcome.reason.startswith("exception"):
            now_s = boot_seconds()
            self._not_before_s = now_s + (now_s - self._began_s) * (1 / SHARE - 1)
        self._running = None
        errand.finish(outcome)
        return True
