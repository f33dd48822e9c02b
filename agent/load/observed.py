"""What a line was seen to do: the rate that 95 of a hundred quarter hours of the last two weeks stay below.

Kept as shares of the design capacity in steps of a fortieth, older quarter hours weighing less: by e in two weeks.
"""

from __future__ import annotations

import math

QUARTER_S = 900.0
STEPS = 40
MOST = 80
"""Twice the design capacity."""

FADES_QUARTERS = 14 * 96.0
ENOUGH = 90.0
"""A day's quarter hours, nearly."""

SHARE = 0.95


class ObservedCapacity:
    """Learns from a quarter hour's rate at a time."""

    def __init__(self, design_pph: float) -> None:
        self._design_pph = design_pph
        self._weights: dict[int, float] = {}
        self._at_s: float | None = None

    def advance(self, at_s: float, out_pph: float | None) -> None:
        """Take in the rate over the last quarter of an hour, once in that time."""
        if out_pph is None or (self._at_s is not None and 0 <= at_s - self._at_s < QUARTER_S):
            return
        self._at_s = at_s
        fade = math.exp(-1.0 / FADES_QUARTERS)
        self._weights = {step: weight * fade for step, weight in self._weights.items() if weight > 0.01}
        step = min(MOST, math.ceil(STEPS * out_pph / self._design_pph))
        self._weights[step] = self._weights.get(step, 0.0) + 1.0

    @property
    def pph(self) -> float | None:
        """The upper border of the step in which that share is reached; None until a day was seen, or where nothing
        was done."""
        seen = sum(self._weights.values())
        if seen < ENOUGH:
            return None
        below = 0.0
        for step in sorted(self._weights):
            below += self._weights[step]
            if below >= SHARE * seen:
                return step * self._design_pph / STEPS or None
        return None

    def kept(self) -> list[object]:
        """What must outlive the process, JSON-able."""
        return [[step, round(weight, 2)] for step, weight in sorted(self._weights.items())]

    def restore(self, kept: object) -> None:
        """Go on from `kept()`; ValueError, and nothing changed, for anything else."""
        if not isinstance(kept, list) or not all(isinstance(one, list) and len(one) == 2 for one in kept):
            raise ValueError("no observed capacity")
        if not all(step in range(MOST + 1) and isinstance(weight, int | float) for step, weight in kept):
            raise ValueError("no observed capacity")
        self._weights = {int(step): min(float(weight), FADES_QUARTERS) for step, weight in kept}
