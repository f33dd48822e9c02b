"""What a worker has received and not kept yet: bounded in messages and in bytes, so that no site fills its memory."""

from __future__ import annotations

import threading
from collections import deque

from agent.bureau.reception import Received


class Waiting:
    """A queue between two threads. Who puts into a full one waits, and with it the broker: nothing is dropped."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._queue: deque[Received] = deque()
        self._changed = threading.Condition()
        self._is_woken = False
        self.bytes = 0
        """What waits now."""

    def put(self, received: Received, timeout_s: float) -> bool:
        """Whether there was room within `timeout_s`. One that is larger than all the room goes in alone."""
        size_bytes = len(received.payload) + len(received.topic)

        def has_room() -> bool:
            return not self._queue or (len(self._queue) < self._most and self.bytes + size_bytes <= self._most_bytes)

        with self._changed:
            if not self._changed.wait_for(has_room, timeout_s):
                return False
            self._queue.append(received)
            self.bytes += size_bytes
            self._changed.notify_all()
        return True

    def take(self, most: int, most_bytes: int, timeout_s: float) -> list[Received]:
        """The oldest, at least one where any comes within `timeout_s`; none when nothing does, or after `wake`."""
        taken: list[Received] = []
        left_bytes = most_bytes
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._is_woken, timeout_s)
            while self._queue and len(taken) < most and left_bytes > 0:
                one = self._queue.popleft()
                taken.append(one)
                left_bytes -= len(one.payload)
                self.bytes -= len(one.payload) + len(one.topic)
            self._changed.notify_all()
        return taken

    def wake(self) -> None:
        """Nobody who takes waits any more."""
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()
