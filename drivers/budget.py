"""Whether what is asked on a line fits on it: its use by the reads, with silent devices too, and what would help."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from config.bus_settings import Bus, SerialBus
from config.device_settings import Device
from drivers.modbus_frames import MOST_REGISTERS
from drivers.plan import Run, plan, run_s
from drivers.wire import price

MISSES_TO_OPEN = 3
"""Silences in a row after which a device is held off."""

DEAD_SHARE = 0.1
"""The part of a bus's time that probes of silent devices may take together."""

FIRST_HOLD_S = 1.0
"""The shortest time between two probes of a silent device; each is twice the last."""

QUIET_SHARE = 0.5
"""How long, in time-outs, a serial line is kept quiet for the late reply after each silence."""

FULL = 0.95
"""The part of a line's time that reads can use: what an owner reaches with the silences held (`bench_bus`)."""

_ROOMY = 0.8
_FASTER = (9600, 19200, 38400, 57600, 115200)
_LATENCY_S = 0.001  # of an FTDI adapter whose latency timer is set to its least


@dataclass(frozen=True, slots=True)
class Budget:
    """What the reads of `devices` cost on `bus`: times in seconds, shares as part of the bus's time.

    `cycle_s` is every device read once, `utilisation` the share that the reads take at their periods,
    `silence_s` what one ask costs that nobody answers.
    """

    bus: Bus
    devices: tuple[Device, ...]
    plans: Mapping[str, tuple[Run, ...]]
    reads_s: Mapping[str, float]
    silence_s: float

    @classmethod
    def of(cls, bus: Bus, devices: Sequence[Device]) -> Budget:
        """The budget of a bus with these devices on it."""
        cost = price(bus)
        plans = {device.id: plan(device, cost) for device in devices}
        reads_s = {name: sum(run_s(run, cost) for run in runs) for name, runs in plans.items()}
        waited = 1 + QUIET_SHARE if isinstance(bus, SerialBus) else 1.0
        return cls(bus, tuple(devices), plans, reads_s, cost.read_s + waited * bus.timeout_s)

    @property
    def cycle_s(self) -> float:
        return sum(self.reads_s.values())

    @property
    def utilisation(self) -> float:
        return sum(self._shares())

    @property
    def fits(self) -> bool:
        """Whether every read can keep its period while all devices answer."""
        return self.utilisation <= FULL

    def with_silent(self, count: int) -> float:
        """The share in use at worst while `count` devices are held off: those whose reads take least."""
        living = sorted(self._shares(), reverse=True)[: max(0, len(self.devices) - count)]
        probes = min(count, len(self.devices)) * self.silence_s / FIRST_HOLD_S
        return sum(living) + min(probes, DEAD_SHARE)

    def outage_s(self, count: int) -> float:
        """How much of the line's time `count` devices cost that fall silent together, before they are held off."""
        return min(count, len(self.devices)) * MISSES_TO_OPEN * self.silence_s

    def _shares(self) -> Iterator[float]:
        return (self.reads_s[device.id] / device.period_s for device in self.devices)


@dataclass(frozen=True, slots=True)
class Change:
    """One key of the operator's files: `key` of the table [`group`.`name`] becomes `value`."""

    group: str
    name: str
    key: str
    value: float

    def __str__(self) -> str:
        return f"[{self.group}.{self.name}] {self.key} = {self.value:g}"


@dataclass(frozen=True, slots=True)
class Fix:
    """Changes that belong together, what kind they are, and the share in use after them."""

    kind: str
    changes: tuple[Change, ...]
    utilisation: float

    @property
    def fits(self) -> bool:
        return self.utilisation <= FULL


def fixes(budget: Budget, most_registers: Mapping[str, int]) -> tuple[Fix, ...]:
    """What makes an overfull line emptier, best first: those that alone are enough, then by what they gain.

    `most_registers` is the longest read of each device's model where one is known. Longer periods always suffice.
    """
    found = (*_longer_reads(budget, most_registers), *_low_latency(budget), *_baud(budget), *_periods(budget))
    useful = [fix for fix in found if fix.utilisation < budget.utilisation]
    return tuple(sorted(useful, key=lambda fix: (not fix.fits, fix.utilisation)))


def _longer_reads(budget: Budget, most_registers: Mapping[str, int]) -> Iterator[Fix]:
    """Fewer requests: every device on the line read in pieces as long as its model takes."""
    longest = {device.id: most_registers.get(device.id, MOST_REGISTERS) for device in budget.devices}
    short = [device for device in budget.devices if device.max_read_registers < longest[device.id]]
    longer = {device.id: replace(device, max_read_registers=longest[device.id]) for device in short}
    better = Budget.of(budget.bus, [longer.get(device.id, device) for device in budget.devices])
    fewer = [name for name in longer if len(better.plans[name]) < len(budget.plans[name])]
    if fewer:
        changes = (Change("device", name, "max_read_registers", longest[name]) for name in fewer)
        yield Fix("merge", tuple(changes), better.utilisation)


def _low_latency(budget: Budget) -> Iterator[Fix]:
    """An adapter that hands over at once what it receives."""
    bus = budget.bus
    if isinstance(bus, SerialBus) and bus.adapter_latency_s > _LATENCY_S:
        better = Budget.of(replace(bus, adapter_latency_s=_LATENCY_S), budget.devices)
        yield Fix("latency", (Change("bus", bus.id, "adapter_latency_s", _LATENCY_S),), better.utilisation)


def _baud(budget: Budget) -> Iterator[Fix]:
    """A faster line: the slowest speed that leaves room, or the fastest usual one."""
    bus = budget.bus
    faster = [baud for baud in _FASTER if isinstance(bus, SerialBus) and baud > bus.baud]
    for baud in faster:
        assert isinstance(bus, SerialBus)
        better = Budget.of(replace(bus, baud=baud), budget.devices).utilisation
        if better <= _ROOMY or baud == faster[-1]:
            yield Fix("baud", (Change("bus", bus.id, "baud", baud),), better)
            return


def _periods(budget: Budget) -> Iterator[Fix]:
    """Reading less often: the device that takes most of the line if that is enough, else all of them."""
    busiest = max(budget.devices, key=lambda device: budget.reads_s[device.id] / device.period_s, default=None)
    if busiest is None:
        return
    share = budget.reads_s[busiest.id] / busiest.period_s
    spare = _ROOMY - (budget.utilisation - share)
    one_s = _round_up(budget.reads_s[busiest.id] / spare) if spare > 0 else math.inf
    factor = budget.utilisation / _ROOMY
    if one_s <= 2 * factor * busiest.period_s:
        yield _slower(budget, {busiest.id: one_s})
    else:
        yield _slower(budget, {device.id: _round_up(device.period_s * factor) for device in budget.devices})


def _slower(budget: Budget, periods_s: Mapping[str, float]) -> Fix:
    slower = [replace(one, period_s=periods_s.get(one.id, one.period_s)) for one in budget.devices]
    changes = tuple(Change("device", name, "period_s", period_s) for name, period_s in periods_s.items())
    return Fix("period", changes, Budget.of(budget.bus, slower).utilisation)


def _round_up(period_s: float) -> float:
    """The next period that a person would write: two digits."""
    digit = 10.0 ** (math.floor(math.log10(period_s)) - 1)
    return float(round(math.ceil(round(period_s / digit, 6)) * digit, 6))
