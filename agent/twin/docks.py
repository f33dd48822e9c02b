"""The docks of a site: what its lines got was unloaded before, what left them is loaded, each parcel counted once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.twin.flow import Gate


class Dock:
    """The counters of one direction. `parcels` tells how many came through in all."""

    def __init__(self, gates: Sequence[Gate], parcels: Callable[[], int]) -> None:
        self._gates = gates
        self._parcels = parcels
        self._passed = 0
        self._at_s = 0.0

    def advance(self, to_s: float) -> None:
        """Count what came until `to_s`, as far as the counters are fast enough; what waits is counted later."""
        due = self._parcels() - self._passed if self._gates else 0
        for _ in range(due):
            gate = min(self._gates, key=lambda one: one.free_s)
            at_s = max(gate.free_s, self._at_s)
            if at_s > to_s:
                break
            gate.let_pass(at_s)
            self._passed += 1
        self._at_s = to_s
