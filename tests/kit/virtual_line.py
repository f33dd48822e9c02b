"""A serial line in virtual time, a `agent.bus.serial_talk.Port`: thousands of late replies in a second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from slaves import rtu_count


class VirtualLine:
    """Queueing units that answer with the number of the request, `delay_s(unit)` after it, one after the other."""

    def __init__(self, delay_s: Callable[[int], float]) -> None:
        self._now_s = 1000.0
        self._delay_s = delay_s
        self._arriving: list[tuple[float, bytes]] = []
        self._last_s: dict[int, float] = defaultdict(float)
        self.received: dict[int, int] = defaultdict(int)

    def now(self) -> float:
        return self._now_s

    def pause(self, until_s: float) -> None:
        self._now_s = max(self._now_s, until_s)

    def wait(self, until_s: float) -> bool:
        first_s = min((at for at, _ in self._arriving), default=float("inf"))
        if first_s <= max(until_s, self._now_s):
            self._now_s = max(self._now_s, first_s)
            return True
        self._now_s = max(self._now_s, until_s) + 1e-6
        return False

    def read(self) -> bytes:
        arrived = sorted(each for each in self._arriving if each[0] <= self._now_s)
        self._arriving = [each for each in self._arriving if each[0] > self._now_s]
        return b"".join(octets for _, octets in arrived)

    def send(self, request: bytes) -> None:
        unit = request[0]
        self.received[unit] += 1
        delay_s = self._delay_s(unit)
        if delay_s == float("inf"):
            return
        at_s = self._last_s[unit] = max(self._last_s[unit], self._now_s + delay_s)
        self._arriving.append((at_s, rtu_count(request, self.received[unit])))
