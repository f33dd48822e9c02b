"""What a line did over the last hour, beside its rates: how evenly, at what energy, and where it stood still."""

from __future__ import annotations

from agent.load.conditions import Conditions
from agent.load.flow import RoleFlow, ratio
from agent.load.instant import Instant
from agent.load.rates import Bins
from agent.load.standstill import Standstill
from fastpath.rates import WindowRate

HOUR_S = 3600.0
BIN_S, BINS = 300.0, 12


class LineHistory:
    """Follows the flows of a line, at each of its samples."""

    def __init__(self, induct: RoleFlow, discharge: RoleFlow, reject: RoleFlow, energy: RoleFlow) -> None:
        self._induct, self._discharge, self._reject, self._energy = induct, discharge, reject, energy
        self._kwh, self._sorted = WindowRate(HOUR_S), WindowRate(HOUR_S)
        self._in_bins, self._out_bins = Bins(BIN_S, BINS), Bins(BIN_S, BINS)
        self._breaks = 0
        self.standstill = Standstill()

    def advance(self, at: Instant, breaks: int, wip: int | None, conditions: Conditions) -> None:
        """`wip` parcels are known to be on the line; its totals continue while `breaks` stays."""
        came, went = self._induct.fresh, self._discharge.fresh
        for flow, fresh, bins in ((self._induct, came, self._in_bins), (self._discharge, went, self._out_bins)):
            if breaks != self._breaks or not fresh:
                bins.restart()
            else:
                bins.advance(at.boot_s, flow.total)
        if breaks != self._breaks:
            self._kwh.restart()
            self._sorted.restart()
        self._breaks = breaks
        if went and self._energy.fresh:
            self._kwh.advance(at.boot_s, self._energy.total)
            self._sorted.advance(at.boot_s, self._discharge.total)
        if came and went:
            gone = self._discharge.total + self._reject.total
            self.standstill.advance(at.boot_s, self._induct.total, gone, conditions, occupied=bool(wip))
        else:
            self.standstill.silent()

    @property
    def smoothness(self) -> float | None:
        """How even the discharge was, of 1."""
        return self._out_bins.evenness

    @property
    def ramp_pph_min(self) -> float | None:
        """Between the last two bins of the inductions, per minute."""
        rates = self._in_bins.rates
        return (rates[-1] - rates[-2]) / (BIN_S / 60.0) if len(rates) > 1 else None

    def energy_per_1000(self, kwh_per_count: float) -> float | None:
        """kWh a thousand sorted parcels, over the last hour, from half of it on; None while the meter or a counter of
        them is silent."""
        used = self._kwh.per_hour if self._discharge.fresh and self._energy.fresh else None
        if used is None or self._kwh.span_s < HOUR_S / 2:
            return None
        return ratio(1000.0 * kwh_per_count * used, self._sorted.per_hour)
