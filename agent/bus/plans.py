"""What a device is asked now: its reads by number, parted where it refuses them; what it lacks is tried at times."""

from __future__ import annotations

from collections.abc import Iterable

from agent.bus.identity import IDENTITY
from config.bus_settings import Framing
from config.device_settings import Device
from drivers import Ask
from drivers.modbus import read_ask
from drivers.plan import NOTHING, Cut, Learned, Run, holes, plan, refused
from drivers.wire import Price

ABSENT_PERIODS = 3
"""A device is away when nothing came of it for this many of its periods."""

REFUSED = frozenset({"exception_2", "exception_3"})
"""Misses that tell that the device does not have what was asked (ILLEGAL DATA ADDRESS, ILLEGAL DATA VALUE)."""

FIRST_RETRY_S = 15.0
LONGEST_RETRY_S = 600.0
"""How long until a missing point is asked again, twice as long each time: programs of controllers change."""

BELIEVED = 3
"""Refusals in a row after which a read without holes is taken to ask for something that is not there.

A controller that takes a new program refuses everything for a moment. To part a read at its holes loses
nothing, so there the first refusal is enough.
"""


class DevicePlan:
    """The reads of one device. Numbers are not used again, so an answer always tells which read it is of."""

    def __init__(self, device: Device, framing: Framing, price: Price, cuts: Iterable[Cut] = ()) -> None:
        known = set(cuts)
        starts: list[Cut] = [(point.area, point.address) for point in device.points]
        self.device = device
        self.learned = Learned(frozenset(start for start in starts if start in known))
        self.asks: dict[int, Ask] = {}
        self._framing: Framing = framing
        self._price = price
        self._runs: dict[int, Run] = {}
        self._refusals: dict[int, int] = {}
        self._tried: frozenset[str] = frozenset()
        self._retry_s = 0.0
        self._wait_s = FIRST_RETRY_S
        self._identity = _identity_ask(device, framing)
        self._next = len(self._identity)
        self._plan()

    @property
    def missing(self) -> tuple[str, ...]:
        """Points that the device does not have, as far as is known."""
        return tuple(sorted(self.learned.unsupported | self._tried))

    def away(self, last_s: float, now_s: float) -> bool:
        """Whether the device, heard last at `last_s`, counts as absent."""
        return now_s - last_s >= ABSENT_PERIODS * self.device.period_s

    def missed(self, number: int, reason: str, now_s: float) -> bool:
        """Read `number` brought nothing; True when the device is asked differently from now on."""
        return reason in REFUSED and self.refused(number, now_s)

    def refused(self, number: int, now_s: float) -> bool:
        """The device refused read `number` for its address or length; True when it is asked differently from now on."""
        run = self._runs.get(number)
        if run is None:
            return False
        self._refusals[number] = self._refusals.get(number, 0) + 1
        if not holes(run) and self._refusals[number] < BELIEVED:
            return False
        before, self.learned = self.learned, refused(run, self.learned)
        if self.learned.unsupported != before.unsupported:
            self._tried -= self.learned.unsupported
            self._retry_s = now_s + self._wait_s
        self._plan()
        return True

    def answered(self, number: int, now_s: float) -> bool:
        """Read `number` was answered; True when that proves that the device has changed, and it is planned anew."""
        self._refusals.pop(number, None)
        if not self._tried or number not in self.asks or self._tried.isdisjoint(self.asks[number].points):
            return False
        self.learned, self._tried, self._wait_s = NOTHING, frozenset(), FIRST_RETRY_S
        self._plan()
        return True

    def retry(self, now_s: float) -> bool:
        """Ask for the missing points again when it is time to; True when they are asked from now on."""
        if not self.learned.unsupported or now_s < self._retry_s:
            return False
        self._tried |= self.learned.unsupported
        self._wait_s = min(2 * self._wait_s, LONGEST_RETRY_S)
        self.learned = Learned(self.learned.cuts)
        self._plan()
        return True

    def _plan(self) -> None:
        """Number the reads of the plan; one that stays as it was keeps its number and its refusals."""
        known = {run: number for number, run in self._runs.items()}
        runs: dict[int, Run] = {}
        for run in plan(self.device, self._price, self.learned):
            number = known.get(run, self._next)
            self._next += run not in known
            runs[number] = run
        kept = self.asks
        reads = {n: kept.get(n) or read_ask(self.device.unit, run, self._framing) for n, run in runs.items()}
        self.asks = {**self._identity, **reads}
        self._runs = runs
        self._refusals = {number: count for number, count in self._refusals.items() if number in runs}


def _identity_ask(device: Device, framing: Framing) -> dict[int, Ask]:
    """The read that asks who the device is, under its number; none in a device without a fingerprint."""
    if device.fingerprint is None:
        return {}
    return {IDENTITY: read_ask(device.unit, (device.fingerprint.point,), framing)}
