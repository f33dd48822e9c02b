"""What `hubpulse check` says of the wires: how full each one is, what would help, and the plan of its reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.capacity import budgets, listens, longest_reads, overfull, reads_of, worst
from config import messages
from config.bus_settings import Bus, SerialBus
from config.device_settings import Device
from config.messages import Language
from config.settings import Settings
from drivers.budget import Budget, fixes
from drivers.plan import Run, run_s, spread
from drivers.wire import price


@dataclass(frozen=True, slots=True)
class Wires:
    """The budgets of a site's buses, and the longest read of each device's model; none where the files have faults.

    `listened` are the buses that another master asks on.
    """

    budgets: tuple[Budget, ...]
    longest: Mapping[str, int]
    listened: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings | None, profile_dirs: Sequence[Path]) -> Wires:
        """Those of `settings`."""
        if settings is None:
            return cls((), {})
        listened = tuple(bus.id for bus in settings.buses if listens(bus))
        return cls(budgets(settings), longest_reads(settings, profile_dirs), listened)

    def summary(self, lang: Language) -> list[str]:
        """A line for each bus."""
        listened = (messages.word("wire_listened", lang, bus=name) for name in self.listened)
        return [*(_summary(budget, lang) for budget in self.budgets), *listened]

    def help(self, lang: Language) -> list[str]:
        """A block for each line that is asked for more than it can carry."""
        return [_help_for(budget, self.longest, lang) for budget in overfull(self.budgets)]

    def plans(self, lang: Language) -> list[str]:
        """A block for each bus with all of its reads."""
        return [_plan_of(budget, lang) for budget in self.budgets]

    def as_json(self) -> list[dict[str, object]]:
        """All of it for machines."""
        listened = ({"bus": name, "listens": True} for name in self.listened)
        return [*(_as_json(budget, self.longest) for budget in self.budgets), *listened]


def _summary(budget: Budget, lang: Language) -> str:
    """One bus in one line."""
    count, share = worst(budget)
    return messages.word(
        "wire_use",
        lang,
        bus=budget.bus.id,
        reads=reads_of(budget),
        cycle=f"{budget.cycle_s:.3g}",
        used=f"{budget.utilisation:.0%}",
        count=count,
        share=f"{share:.0%}",
    )


def _help_for(budget: Budget, most_registers: Mapping[str, int], lang: Language) -> str:
    """What would make an overfull line fit, best first, each with what it gains."""
    rows = [messages.word("wire_help", lang, bus=budget.bus.id)]
    for fix in fixes(budget, most_registers):
        kind = messages.word(f"fix_{fix.kind}", lang)
        rows.append(f"  {budget.utilisation:.0%} → {fix.utilisation:.0%}  {kind}")
        rows += [f"      {change}" for change in fix.changes]
    return "\n".join(rows)


def _plan_of(budget: Budget, lang: Language) -> str:
    """Every read of a bus: where, how long, how often, which points; and what silent devices cost."""
    bus = budget.bus
    rows = [messages.word("wire_plan", lang, bus=bus.id, speed=_speed(bus))]
    for device in budget.devices:
        each = messages.word("each_period", lang, unit=device.unit, seconds=f"{device.period_s:g}")
        rows.append(f"  {device.id}{messages.word('colon', lang)}{each}")
        rows += [f"    {row}" for row in _reads(budget, device, lang)]
    for count in _counts(len(budget.devices)):
        share, outage = f"{budget.with_silent(count):.0%}", f"{budget.outage_s(count):.3g}"
        rows.append("  " + messages.word("wire_silent", lang, count=count, share=share, outage=outage))
    return "\n".join(rows)


def _speed(bus: Bus) -> str:
    """What kind of wire it is: 9600 baud, 9600 baud ASCII, TCP, RTU over TCP, TLS."""
    if isinstance(bus, SerialBus):
        return f"{bus.baud} baud" + (" ASCII" if bus.framing == "ascii" else "")
    if bus.framing != "tcp":
        return f"{bus.framing.upper()} over TCP"
    return "TLS" if bus.tls else "TCP"


def _as_json(budget: Budget, most_registers: Mapping[str, int]) -> dict[str, object]:
    """The budget and the plan of a bus for machines."""
    counts = range(1, len(budget.devices) + 1)
    return {
        "bus": budget.bus.id,
        "fits": budget.fits,
        "utilisation": round(budget.utilisation, 4),
        "cycle_s": round(budget.cycle_s, 4),
        "silence_s": round(budget.silence_s, 4),
        "with_silent": [round(budget.with_silent(count), 4) for count in counts],
        "plan": {name: [_run_as_json(budget, run) for run in runs] for name, runs in budget.plans.items()},
        "fixes": [
            {
                "kind": fix.kind,
                "utilisation": round(fix.utilisation, 4),
                "changes": [[change.group, change.name, change.key, change.value] for change in fix.changes],
            }
            for fix in (fixes(budget, most_registers) if not budget.fits else ())
        ],
    }


def _run_as_json(budget: Budget, run: Run) -> dict[str, object]:
    first, quantity = spread(run)
    seconds = round(run_s(run, price(budget.bus)), 5)
    return {
        "area": run[0].area,
        "address": first,
        "quantity": quantity,
        "seconds": seconds,
        "points": [point.name for point in run],
    }


def _reads(budget: Budget, device: Device, lang: Language) -> Iterator[str]:
    for run in budget.plans[device.id]:
        first, quantity = spread(run)
        milliseconds = f"{1000 * run_s(run, price(budget.bus)):.3g}"
        where = f"{run[0].area} {first}-{first + quantity - 1}"
        length = messages.word("read_length", lang, quantity=quantity, milliseconds=milliseconds)
        names = " ".join(point.name for point in run)
        yield f"{where:<22}{length}{messages.word('colon', lang)}{names}"


def _counts(devices: int) -> list[int]:
    """1, 2, 4, … and all."""
    powers = [2**n for n in range(devices.bit_length()) if 2**n < devices]
    return [*powers, devices]
