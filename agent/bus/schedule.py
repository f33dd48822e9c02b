"""When each ask is due: on multiples of its period since the start; what was missed is skipped, never queued."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Protocol

from agent.bus.identity import RECHECK_S, is_identity
from config.device_settings import Device
from drivers import Ask

_GIVE_WAY_S = 5.0


class Station(Protocol):
    """Who is asked on a bus every `period_s`: a device, or a lock board."""

    @property
    def id(self) -> str: ...

    @property
    def bus(self) -> str: ...

    @property
    def period_s(self) -> float: ...


class Slot:
    """Ask number `index` of `device`, and its place in time. `waiting`: it is due and others go first.

    `first`: it goes before all others that are due. An `errand` is asked for by people: a unit held off is asked all
    the same, and its silence does not hold it off.
    """

    __slots__ = ("ask", "bus", "cycle", "device", "entry", "first", "index", "period_s", "unit", "waiting")
    errand = False

    def __init__(self, bus: str, device: str, index: int, ask: Ask, period_s: float) -> None:
        self.bus = bus
        self.device = device
        self.index = index
        self.ask = ask
        self.unit = ask.unit
        self.period_s = period_s
        self.cycle = 0
        self.entry = 0
        self.waiting = False
        self.first = False

    def deadline_s(self, due_s: float) -> float:
        """Until when it should have been asked that is due at `due_s`: within its period, or at once."""
        return due_s if self.first else due_s + self.period_s


def _slot(device: Station, number: int, ask: Ask) -> Slot:
    slot = Slot(device.bus, device.id, number, ask, device.period_s)
    if isinstance(device, Device) and is_identity(device, number):
        slot.first, slot.period_s = True, max(device.period_s, RECHECK_S)
    return slot


def slots_of(devices: Iterable[tuple[Station, Sequence[Ask]]]) -> list[Slot]:
    """A slot for each ask, devices and asks in the order given."""
    return [_slot(device, index, ask) for device, asks in devices for index, ask in enumerate(asks)]


def replan(slots: list[Slot], device: Station, asks: Mapping[int, Ask]) -> tuple[list[Slot], list[Slot]]:
    """Make `slots` ask `device` just `asks`, by number; gives the slots that went and those that came."""
    of_device = {slot.index: slot for slot in slots if slot.device == device.id}
    gone = [slot for number, slot in of_device.items() if number not in asks]
    fresh = [_slot(device, number, ask) for number, ask in asks.items() if number not in of_device]
    slots[:] = [slot for slot in slots if slot not in gone] + fresh
    return gone, fresh


def next_cycle(cycle: int, period_s: float, elapsed_s: float) -> int:
    """The first period after `cycle` that has not begun `elapsed_s` after the start."""
    return max(cycle, int(elapsed_s / period_s)) + 1


class DeadlineSchedule:
    """One wire's asks: of those due, the one whose period ends first."""

    def __init__(self, slots: Iterable[Slot], start_s: float) -> None:
        self._start_s = start_s
        self._slots = list(slots)
        self._due: list[tuple[float, int, Slot]] = []
        self._ready: list[tuple[float, int, Slot]] = []
        self._entries = count(1)
        for slot in self._slots:
            self._put(self._due, start_s, slot)

    def _put(self, heap: list[tuple[float, int, Slot]], key_s: float, slot: Slot) -> None:
        slot.entry = next(self._entries)
        heapq.heappush(heap, (key_s, slot.entry, slot))

    def next_due_s(self) -> float:
        """When the next ask becomes due; infinity when there is none."""
        return self._due[0][0] if self._due else float("inf")

    def take(self, now_s: float) -> Slot | None:
        """The most urgent ask that is due, taken out until `done`, `postpone` or `give_way` puts it back."""
        while self._due and self._due[0][0] <= now_s:
            due_s, entry, slot = heapq.heappop(self._due)
            if entry == slot.entry:
                self._put(self._ready, slot.deadline_s(due_s), slot)
        while self._ready:
            _, entry, slot = heapq.heappop(self._ready)
            if entry == slot.entry:
                return slot
        return None

    def done(self, slot: Slot, now_s: float) -> None:
        """The ask had its turn; it is due again when the next period begins."""
        slot.waiting = False
        slot.cycle = next_cycle(slot.cycle, slot.period_s, now_s - self._start_s)
        self._put(self._due, self._start_s + slot.cycle * slot.period_s, slot)

    def postpone(self, slot: Slot, until_s: float) -> bool:
        """The ask keeps its turn, but not before `until_s`; False when its period is over by then."""
        if until_s >= self._start_s + (slot.cycle + 1) * slot.period_s:
            return False
        self._put(self._due, until_s, slot)
        return True

    def give_way(self, slot: Slot, now_s: float) -> bool:
        """Let everything else that is due go first, for a few seconds; False when nothing is or it did so before."""
        if slot.waiting or not self._ready:
            return False
        slot.waiting = True
        self._put(self._ready, slot.deadline_s(now_s) + _GIVE_WAY_S, slot)
        return True

    def all_due(self, now_s: float) -> None:
        """A link came back: everything is due at once."""
        for slot in self._slots:
            self._put(self._ready, slot.deadline_s(now_s), slot)

    def replan(self, device: Station, asks: Mapping[int, Ask], now_s: float) -> None:
        """From now on `device` is asked `asks`; what is new of it is due at once."""
        gone, fresh = replan(self._slots, device, asks)
        for slot in gone:
            slot.entry = 0  # its place in a heap counts no more
        for slot in fresh:
            slot.cycle = int((now_s - self._start_s) / slot.period_s)
            self._put(self._ready, slot.deadline_s(now_s), slot)

    def hurry(self, device: str) -> None:
        """All asks of `device` are due at once and before all others."""
        for slot in self._slots:
            if slot.device == device:
                self._put(self._ready, 0.0, slot)


class Tick:
    """All asks of one period: they are due at the same moments, so that few wake-ups serve them."""

    __slots__ = ("_start_s", "cycle", "due_s", "period_s", "slots")

    def __init__(self, period_s: float, slots: Iterable[Slot], start_s: float) -> None:
        self.period_s = period_s
        self.slots = list(slots)
        self.cycle = 0
        self.due_s = self._start_s = start_s

    def done(self, now_s: float) -> None:
        """The asks were sent; they are due again when the next period begins."""
        self.cycle = next_cycle(self.cycle, self.period_s, now_s - self._start_s)
        self.due_s = self._start_s + self.cycle * self.period_s


def ticks_of(slots: Iterable[Slot], start_s: float) -> list[Tick]:
    """The slots by period."""
    by_period: dict[float, list[Slot]] = {}
    for slot in slots:
        by_period.setdefault(slot.period_s, []).append(slot)
    return [Tick(period_s, members, start_s) for period_s, members in by_period.items()]
