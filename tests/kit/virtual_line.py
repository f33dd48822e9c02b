"""A serial line in virtual time, an `agent.bus.line_port.Port`: hours of traffic and thousands of faults a second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import pytest
from slaves import rtu_count

from agent.bus import Outcome, serial_line
from agent.bus.serial_line import SerialOwner
from agent.bus.turn import Turn, plain_turn
from agent.bus.waiter import Stopped
from config.bus_settings import SerialBus
from config.device_settings import Device
from drivers.modbus import asks
from drivers.wire import Wire

NO_TIME = Wire(0.0, 0.0)
Pieces = Iterable[tuple[float, bytes]]


class VirtualLine:
    """Queueing units that answer with the number of the request, `delay_s(unit)` after it, one after the other.

    Requests and replies take their time on `wire`. With `strict`, requests that break the silence of 3.5 characters
    are not heard and counted as `early`. Tests may set what becomes of bytes on their way: `spoil(request)` is what the
    unit hears, nothing unless it is the request; `reply(octets)` are pairs of a delay and bytes; and what a unit says:
    `answer(request, number of the request)`. `asked` is when each unit was asked.
    """

    def __init__(self, delay_s: Callable[[int], float], wire: Wire = NO_TIME, *, strict: bool = False) -> None:
        self.wire = wire
        self.strict = strict
        self.early = 0
        self.received: dict[int, int] = defaultdict(int)
        self.asked: dict[int, list[float]] = defaultdict(list)
        self.spoil: Callable[[bytes], bytes] = bytes
        self.reply: Callable[[bytes], Pieces] = lambda octets: ((0.0, octets),)
        self.answer: Callable[[bytes, int], bytes] = rtu_count
        self._now_s = 1000.0
        self._delay_s = delay_s
        self._arriving: list[tuple[float, bytes]] = []
        self._last_s: dict[int, float] = defaultdict(float)
        self._ended_s: list[float] = []

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
        if not self._arriving:
            return b""
        arrived = sorted(each for each in self._arriving if each[0] <= self._now_s)
        self._arriving = [each for each in self._arriving if each[0] > self._now_s]
        return b"".join(octets for _, octets in arrived)

    def turn(self, request: bytes, begin_s: float, reply_s: float) -> Turn | None:
        return plain_turn(self, request, begin_s, reply_s)

    def send(self, request: bytes) -> None:
        unit = request[0]
        self.asked[unit].append(self._now_s)
        early = self._breaks_silence() and self.strict
        self.early += early
        heard_s = self._now_s + self.wire.frame_s(len(request))
        self._ended_s.append(heard_s)
        if early:
            return
        delay_s = self._delay_s(unit)
        if delay_s == float("inf") or self.spoil(request) != request:
            return
        self.received[unit] += 1
        begins_s = self._last_s[unit] = max(self._last_s[unit], heard_s + delay_s)
        for pause_s, octets in self.reply(self.answer(request, self.received[unit])):
            begins_s += pause_s + self.wire.frame_s(len(octets))
            self._arriving.append((begins_s, octets))
            self._ended_s.append(begins_s)

    def _breaks_silence(self) -> bool:
        """Whether the last byte that could be heard ended less than 3.5 characters ago."""
        recent_s = self._now_s - self.wire.gap_s + 1e-9
        self._ended_s = [ended_s for ended_s in self._ended_s if ended_s > recent_s]
        return any(ended_s <= self._now_s for ended_s in self._ended_s)

    def close(self) -> None:
        self._arriving.clear()


class VirtualWaiter:
    """A `Waiter` that never sleeps: the line's time goes on instead, to its end."""

    def __init__(self, line: VirtualLine, end_s: float, each_round: Callable[[], None]) -> None:
        self._line = line
        self._end_s = end_s
        self._each_round = each_round
        self.progress_s = 0.0

    def alive(self) -> float:
        self._each_round()
        if self._line.now() >= self._end_s:
            raise Stopped
        return self._line.now()

    def wait(self, fd: int | None, until_s: float) -> bool:
        self._line.pause(min(until_s, self._end_s) + 1e-6)
        return False


class VirtualOwner(SerialOwner):
    """The owner of a serial line, whole and real, whose port and clock are those of a virtual line."""

    def __init__(
        self, bus: SerialBus, devices: Sequence[Device], line: VirtualLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        super().__init__(bus, [(device, asks(device, "rtu")) for device in devices])
        self.line = line
        monkeypatch.setattr(serial_line, "boot_seconds", line.now)
        self._way = lambda _: line

    def run(self, seconds: float, hear: Callable[[Outcome], None] = lambda _: None) -> list[Outcome]:
        """What happens in so many seconds of the line's time; `hear` is told of each at once."""
        seen: list[Outcome] = []

        def fetch() -> None:
            for outcome in self.take():
                seen.append(outcome)
                hear(outcome)

        for slot in self._slots:
            slot.cycle = 0  # a thread serves once; here its life goes on
        with suppress(Stopped):
            self._work(VirtualWaiter(self.line, self.line.now() + seconds, fetch))  # type: ignore[arg-type]
        fetch()
        return seen
