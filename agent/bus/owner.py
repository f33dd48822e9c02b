"""The life of an owner's thread: start, stop, what it hands over and what it is told."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence

from agent.bus.counts import BusCounts
from agent.bus.ear import Ears
from agent.bus.errand import Errand, Errands
from agent.bus.outcomes import Outcome
from agent.bus.waiter import Stopped, Waiter
from agent.clock import boot_seconds
from drivers import Ask

_KEPT_AT_LEAST = 1024
_KEPT_PER_ASK = 64
_STOP_S = 1.0


class OwnerThread(ABC):
    """A thread that owns wires. A subclass says what one round of its work is.

    Outcomes nobody fetches are bounded: the oldest goes, and `dropped` counts it.
    """

    def __init__(self, name: str, ask_count: int) -> None:
        self.name = name
        self.dropped = 0
        self._outcomes: deque[Outcome] = deque(maxlen=max(_KEPT_AT_LEAST, _KEPT_PER_ASK * ask_count))
        self._hurried: deque[str] = deque(maxlen=_KEPT_AT_LEAST)
        self._replanned: deque[tuple[str, Mapping[int, Ask]]] = deque()
        self._errands = Errands()
        self._waiter: Waiter | None = None
        self._thread: threading.Thread | None = None
        self._bug: BaseException | None = None

    @abstractmethod
    def counts(self) -> Mapping[str, BusCounts]:
        """What went over each bus since the owner was made."""

    @abstractmethod
    def _work(self, waiter: Waiter) -> None:
        """Serve the wires until `waiter` raises Stopped; close them on the way out."""

    @property
    def progress_s(self) -> float:
        """When the thread last showed life, on the boot-time clock; 0 before it was started."""
        return self._waiter.progress_s if self._waiter is not None else 0.0

    def start(self) -> None:
        """Begin to serve the wires; once in an owner's life."""
        if self._thread is not None:
            raise RuntimeError(f"{self.name} was started before")
        self._waiter = waiter = Waiter()
        self._thread = threading.Thread(target=self._live, args=(waiter,), name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end and wait for it, at most a second; the wires are closed."""
        if self._thread is None or self._waiter is None:
            return
        if self._thread.is_alive():
            self._waiter.stop()
            self._thread.join(_STOP_S)
        if not self._thread.is_alive():
            self._waiter.close()
            self._waiter, self._thread = None, None

    def take(self) -> Sequence[Outcome]:
        """What happened since the last call, oldest first. A bug that killed the thread is raised here."""
        if self._bug is not None:
            raise self._bug
        return [self._outcomes.popleft() for _ in range(len(self._outcomes))]

    def hurry(self, device: str) -> None:
        """Read `device` again as soon as its wire is free."""
        self._hurried.append(device)
        self._wake()

    def replan(self, device: str, asks: Mapping[int, Ask]) -> None:
        """From now on ask `device` just these, by number; what is new among them as soon as its wire is free."""
        self._replanned.append((device, asks))
        self._wake()

    def ears(self) -> Mapping[str, Ears]:
        """Who listens in on each bus; none where nobody can."""
        return {}

    def run_errand(self, errand: Errand) -> bool:
        """Put it on the wire as soon as the polls leave room; False when too many wait already."""
        offered = self._errands.offer(errand, boot_seconds())
        self._wake()
        return offered

    def _wake(self) -> None:
        """Have the thread look at what it was given; `stop` may be called at this very moment."""
        waiter = self._waiter
        if waiter is not None:
            waiter.wake()

    def _tell(self, outcome: Outcome | None) -> None:
        if outcome is None or self._errands.claims(outcome):
            return
        if len(self._outcomes) == self._outcomes.maxlen:
            self.dropped += 1
        self._outcomes.append(outcome)

    def _live(self, waiter: Waiter) -> None:
        try:
            self._work(waiter)
        except Stopped:
            pass
        except BaseException as bug:  # noqa: BLE001  handed to the beat, which ends the process
            self._bug = bug
