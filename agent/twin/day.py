"""A whole site's day: every line's flow and every counter's exact count, from one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from agent.twin.arrivals import Arrivals, DayKind
from agent.twin.flow import Gate, Habits, LineFlow
from config.settings import CounterRef, Line, Role

ROLES: tuple[Role, ...] = ("induct", "discharge", "recirculation", "reject")

UNASSIGNED = "-"
"""The flow of a site that has counters and no line: they count as inductions do."""

_UNASSIGNED_LOAD = 0.1
_PEAK = Habits(recirculated=0.07, rejected=0.02, jam_every_s=800.0)


class Day:
    """The parcels of a site. `rates` names every counter with its plausible rate; same seed, same day.

    `gates` hold the exact counts, `roles` tell which counters see a line's parcels, `flows` where these are.
    A counter that no line names is like an input without a cable, it stands still.
    """

    def __init__(
        self, lines: Sequence[Line], rates: Mapping[CounterRef, float], seed: int, kind: DayKind = "normal"
    ) -> None:
        self._seed = seed
        self._kind: DayKind = kind
        self.gates = {ref: Gate(rate) for ref, rate in rates.items()}
        self.roles: dict[str, dict[Role, Sequence[CounterRef]]] = {line.id: _by_role(line) for line in lines}
        capacities_pph = {line.id: line.capacity_pph for line in lines}
        if rates and not lines:
            self.roles[UNASSIGNED] = {role: tuple(rates) if role == "induct" else () for role in ROLES}
            capacities_pph[UNASSIGNED] = _UNASSIGNED_LOAD * 3600.0 * sum(rates.values())
        self.flows = {name: self._flow(name, roles, capacities_pph[name]) for name, roles in self.roles.items()}

    def advance(self, to_s: float) -> None:
        """Let happen everything up to second `to_s` after the start; never goes back."""
        for flow in self.flows.values():
            flow.advance(to_s)

    def pace(self, speed: float) -> None:
        """From now on a second of the wall clock is `speed` seconds of the day."""
        for gate in self.gates.values():
            gate.pace(speed)
        for flow in self.flows.values():
            flow.changed()

    def _flow(self, name: str, roles: Mapping[Role, Sequence[CounterRef]], capacity_pph: float) -> LineFlow:
        rng = Random(f"{self._seed} {name}")  # noqa: S311, a simulation is meant to be repeatable
        gates: dict[Role, list[Gate]] = {role: [self.gates[ref] for ref in refs] for role, refs in roles.items()}
        habits = _PEAK if self._kind == "peak" else Habits()
        return LineFlow(Arrivals(rng, capacity_pph, self._kind), gates, capacity_pph, habits, rng)


def _by_role(line: Line) -> dict[Role, Sequence[CounterRef]]:
    return {
        "induct": line.induct,
        "discharge": line.discharge,
        "recirculation": line.recirculation,
        "reject": line.reject,
    }
