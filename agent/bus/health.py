"""Which units of one bus are worth wire time: a circuit for each, growing back-off, a capped share for the dead."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.budget import DEAD_SHARE, FIRST_HOLD_S, MISSES_TO_OPEN

LONGEST_HOLD_S = 60.0


@dataclass(slots=True)
class Circuit:
    """One unit: closed while it answers, open after misses in a row, then one probe at a time at growing distance."""

    misses: int = 0
    hold_s: float = 0.0
    probe_at_s: float = 0.0
    passed_over: bool = False

    @property
    def open(self) -> bool:
        """True while the unit is held off."""
        return self.misses >= MISSES_TO_OPEN

    def missed(self, now_s: float) -> None:
        """Count a silence; from the third on each doubles the hold-off, up to a minute."""
        self.misses += 1
        if self.open:
            self.hold_s = min(max(2 * self.hold_s, FIRST_HOLD_S), LONGEST_HOLD_S)
            self.probe_at_s = now_s + self.hold_s
            self.passed_over = False


class BusHealth:
    """The circuits of one bus. Units of the same number on two buses have nothing in common (one object a bus)."""

    __slots__ = ("_circuits", "_probe_at_s")

    def __init__(self) -> None:
        self._circuits: dict[int, Circuit] = {}
        self._probe_at_s = 0.0

    def may_ask(self, unit: int, now_s: float) -> bool:
        """Whether `unit`, due now, may be asked; False means it is silent and its time for a probe has not come.

        A held-off unit is passed over at least once between probes, however slowly it is polled, and the
        probes of all silent units share `DEAD_SHARE` of the time.
        """
        circuit = self._circuits.get(unit)
        if circuit is None or not circuit.open:
            return True
        ripe = circuit.passed_over and now_s >= circuit.probe_at_s and now_s >= self._probe_at_s
        circuit.passed_over = True
        return ripe

    def is_open(self, unit: int) -> bool:
        """True while `unit` is held off."""
        circuit = self._circuits.get(unit)
        return circuit is not None and circuit.open

    def is_doubted(self, unit: int) -> bool:
        """True while the last that was asked of `unit` was not answered."""
        return unit in self._circuits

    def answered(self, unit: int) -> None:
        """The unit lives: forget its misses."""
        self._circuits.pop(unit, None)

    def missed(self, unit: int, now_s: float, cost_s: float) -> None:
        """The unit kept silent, which took `cost_s` of the bus up to `now_s`."""
        circuit = self._circuits.setdefault(unit, Circuit())
        if circuit.open:
            self._probe_at_s = now_s + cost_s * (1 / DEAD_SHARE - 1)
        circuit.missed(now_s)

    def fresh_start(self) -> None:
        """A new link: what was silent on the old one gets its chance."""
        self._circuits.clear()
        self._probe_at_s = 0.0
