"""A whole site's day: every line's flow and every counter's exact count, from one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from random import Random

from agent.twin.arrivals import Arrivals
from agent.twin.docks import Dock
from agent.twin.flow import FULL_YARD, Gate, Habits, LineFlow
from agent.twin.script import ORDINARY_DAY, Script
from config.device_settings import CounterRef
from config.line_settings import Line, Role
from config.load_settings import Floor

ROLES: tuple[Role, ...] = ("induct", "discharge", "recirculation", "reject")

UNASSIGNED = "-"
"""The flow of a site that has counters and no line: they count as inductions do."""

NO_FLOOR = Floor()
"""A site that counts nothing at its docks."""

_UNASSIGNED_LOAD = 0.1
_PEAK = Habits(recirculated=0.07, rejected=0.02, jam_every_s=800.0)


class Day:
    """The parcels of a site. `rates` names every counter with its plausible rate; same seed, same day.

    `gates` hold the exact counts, `roles` tell which counters see a line's parcels, `flows` where these are.
    A counter that no line names is like an input without a cable, it stands still.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        rates: Mapping[CounterRef, float],
        seed: int,
        script: Script = ORDINARY_DAY,
        floor: Floor = NO_FLOOR,
    ) -> None:
        self._seed = seed
        self._script = script
        self._floor = floor
        self.gates = {ref: Gate(rate) for ref, rate in rates.items()}
        self.roles: dict[str, dict[Role, Sequence[CounterRef]]] = {line.id: _by_role(line) for line in lines}
        capacities_pph = {line.id: line.capacity_pph for line in lines}
        if rates and not lines:
            self.roles[UNASSIGNED] = {role: tuple(rates) if role == "induct" else () for role in ROLES}
            capacities_pph[UNASSIGNED] = _UNASSIGNED_LOAD * 3600.0 * sum(rates.values())
        self.flows = {name: self._flow(name, roles, capacities_pph[name]) for name, roles in self.roles.items()}
        self._plan(lines)
        self._unload = Dock([self.gates[ref] for ref in floor.unload], lambda: self.arrived)
        self._load = Dock([self.gates[ref] for ref in floor.load], lambda: self.gone)
        self._full_s: float | None = None

    def _plan(self, lines: Sequence[Line]) -> None:
        """The first line has what happens to one, every line what happens to the site."""
        for place, line in enumerate(lines):
            self.flows[line.id].plan(self._script.of("stop", "jam", "mains") if not place else self._script.of("mains"))

    @property
    def arrived(self) -> int:
        """Parcels that came to the site."""
        return sum(flow.arrived for flow in self.flows.values())

    @property
    def gone(self) -> int:
        """Parcels that its lines are done with."""
        return sum(flow.passed("discharge") + flow.passed("reject") for flow in self.flows.values())

    def advance(self, to_s: float) -> None:
        """Let happen everything up to second `to_s` after the start; never goes back."""
        for flow in self.flows.values():
            flow.advance(to_s)
        self._unload.advance(to_s)
        self._load.advance(to_s)
        if self._full_s is None and self._floor.buffer_parcels and self.level >= self._floor.buffer_parcels:
            self._full_s = to_s

    @property
    def level(self) -> int:
        """Parcels on the floor and on the lines."""
        return self.arrived - self.gone

    def truth(self) -> dict[str, object]:
        """The day itself: its kind, what has come and is there, when the floor first was full, and what happens when,
        in seconds since its start."""
        return {
            "kind": self._script.kind,
            "arrived": self.arrived,
            "level": self.level,
            "full_s": self._full_s,
            "episodes": [asdict(one) for one in self._script.episodes],
        }

    def docks(self) -> dict[str, Sequence[CounterRef]]:
        """Which counters stand at the docks."""
        return {"unload": self._floor.unload, "load": self._floor.load} if self._floor.counters() else {}

    def pace(self, speed: float) -> None:
        """From now on a second of the wall clock is `speed` seconds of the day."""
        for gate in self.gates.values():
            gate.pace(speed)
        for flow in self.flows.values():
            flow.changed()

    def _flow(self, name: str, roles: Mapping[Role, Sequence[CounterRef]], capacity_pph: float) -> LineFlow:
        rng = Random(f"{self._seed} {name}")  # noqa: S311, a simulation is meant to be repeatable
        gates: dict[Role, list[Gate]] = {role: [self.gates[ref] for ref in refs] for role, refs in roles.items()}
        habits = _PEAK if self._script.kind == "peak" else Habits()
        yard = max(FULL_YARD, 2 * (self._floor.buffer_parcels or 0))
        return LineFlow(Arrivals(rng, capacity_pph, self._script), gates, capacity_pph, habits, rng, yard)


def _by_role(line: Line) -> dict[Role, Sequence[CounterRef]]:
    return {
        "induct": line.induct,
        "discharge": line.discharge,
        "recirculation": line.recirculation,
        "reject": line.reject,
    }
