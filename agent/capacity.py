"""Whether the wires of a site can carry what is asked on them: the checked files, judged by the budget of each line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import config
from config import profiles
from config.bus_settings import Bus, SerialBus
from config.faults import Ledger, Place
from config.settings import Settings
from drivers.budget import FULL, Budget, Fix, fixes

OVERFULL = "E2361"
"""The fault of a line that cannot carry its reads. The agent starts all the same: the devices may be quicker."""


def budgets(settings: Settings) -> tuple[Budget, ...]:
    """The budget of each bus that has devices and on which we ask."""
    on_bus = {bus.id: [device for device in settings.devices if device.bus == bus.id] for bus in settings.buses}
    return tuple(Budget.of(bus, on_bus[bus.id]) for bus in settings.buses if on_bus[bus.id] and not listens(bus))


def listens(bus: Bus) -> bool:
    """Whether another master asks on that bus, and we only listen."""
    return isinstance(bus, SerialBus) and bus.role == "listen"


def overfull(found: Sequence[Budget]) -> list[Budget]:
    """The serial lines that cannot carry their reads.

    What a TCP connection carries cannot be known from the files, so none is among them.
    """
    return [budget for budget in found if isinstance(budget.bus, SerialBus) and not budget.fits]


def judged(report: config.Report, found: Sequence[Budget], most_registers: Mapping[str, int]) -> config.Report:
    """`report` with a fault for each serial line that cannot carry its reads, a notice where one barely can."""
    ledger = Ledger()
    for budget in found:
        if isinstance(budget.bus, SerialBus):
            _judge(budget, report.buses[budget.bus.id], most_registers, ledger)
    faults, notices = (*report.faults, *ledger.faults), (*report.notices, *ledger.notices)
    return replace(report, settings=None if faults else report.settings, faults=faults, notices=notices)


def longest_reads(settings: Settings, profile_dirs: Sequence[Path]) -> dict[str, int]:
    """The longest read that the profile of each device allows, for devices that have one."""
    most = {name: profiles.load(name, profile_dirs) for name in {one.profile for one in settings.devices} if name}
    return {one.id: most[one.profile].max_read_registers for one in settings.devices if one.profile}


def worst(budget: Budget) -> tuple[int, float]:
    """How many silent devices use most of the bus, and how much of it is used then."""
    shares = ((budget.with_silent(count), -count) for count in range(1, len(budget.devices) + 1))
    share, count = max(shares)
    return -count, share


def _judge(budget: Budget, place: Place, most_registers: Mapping[str, int], ledger: Ledger) -> None:
    assert isinstance(budget.bus, SerialBus)
    count, share = worst(budget)
    said = {"bus": budget.bus.id, "baud": budget.bus.baud, "devices": len(budget.devices), "most": f"{FULL:.0%}"}
    said |= {"needed": f"{budget.utilisation:.0%}", "cycle": f"{budget.cycle_s:.3g}", "reads": reads_of(budget)}
    if not budget.fits:
        best: Fix = fixes(budget, most_registers)[0]
        ledger.add(OVERFULL, place, first="; ".join(map(str, best.changes)), after=f"{best.utilisation:.0%}", **said)
    elif share > FULL:
        ledger.add("W2411", place, count=count, share=f"{share:.0%}", **said)


def reads_of(budget: Budget) -> int:
    """How many requests it takes to read every device once."""
    return sum(len(runs) for runs in budget.plans.values())
