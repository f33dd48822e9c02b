"""Somebody who asked the beat for something and waits a while: it is done once, or given up and then never done."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

WITHIN_S = 10.0
"""For so long whoever asks waits for the beat to come to it."""


@dataclass(slots=True)
class Awaited:
    """For both threads: of `begin` and giving up only the first counts."""

    _done: threading.Event = field(default_factory=threading.Event)
    _claim: threading.Lock = field(default_factory=threading.Lock)

    def within(self, seconds: float) -> bool:
        """Wait until it is done; False where the beat did not come to it in that time, and it never will be."""
        if self._done.wait(seconds):
            return True
        if self._claim.acquire(blocking=False):
            return False
        return self._done.wait()

    def begin(self) -> bool:
        """The beat comes to it; False where it was given up."""
        return self._claim.acquire(blocking=False)

    def end(self) -> None:
        """It is done."""
        self._done.set()
