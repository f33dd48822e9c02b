"""What is in force on a site at one moment, by what was ordered or by the settings."""

from __future__ import annotations

from dataclasses import dataclass

from agent.load.conditions import Conditions
from config.load_settings import Mode


@dataclass(frozen=True, slots=True)
class Steer:
    """What is ordered at one moment; each message says so. `by` is who ordered the mode, in force from `from_ms` to
    `to_ms`, as the plan is between its own two."""

    mode: Mode = "normal"
    suspended: str = ""
    plan: str = ""
    line: str = ""
    capacity_pph: float | None = None
    exercise: bool = False
    by: str = ""
    from_ms: int | None = None
    to_ms: int | None = None
    plan_from_ms: int | None = None
    plan_to_ms: int | None = None

    def window(self) -> dict[str, int]:
        """From when to when what was ordered is in force, Unix ms; what is not known or open is left out."""
        ends = {"mode_from": self.from_ms, "mode_to": self.to_ms}
        ends |= {"plan_from": self.plan_from_ms, "plan_to": self.plan_to_ms}
        return {name: at_ms for name, at_ms in ends.items() if at_ms is not None}

    def conditions(self, line: str = "", run: bool | None = None, *, jammed: bool = False) -> Conditions:
        """How `line` is judged by it; "" is the site."""
        capacity_pph = self.capacity_pph if self.line == line else None
        return Conditions(self.mode, run, self.suspended, self.plan, capacity_pph, jammed, self.exercise)
