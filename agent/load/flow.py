"""What passes the counters of one role: totals, and rates that are known of all of them or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from agent.load.meter import Meter
from config.device_settings import CounterRef
from fastpath.following import Following


class Flow(NamedTuple):
    """What the counters of one role saw together: parcels since their baselines, and parcels per hour."""

    total: int
    lo: int
    hi: int | None
    pph_60: float | None
    pph_900: float | None
    fresh: bool
    pph_10: float | None = None


class RoleFlow(Following):
    """The counters of one role together."""

    __slots__ = ()

    def __init__(self, refs: Iterable[CounterRef], meters: Mapping[CounterRef, Meter]) -> None:
        super().__init__(meters[ref] for ref in refs)

    @property
    def begun(self) -> bool:
        """Whether one of its counters was ever read."""
        return any(meter.base for meter in self.meters)

    def draw(self) -> Flow | None:
        """All of it; None of a role without counters, and of one of which none was ever read."""
        if not self.begun:
            return None
        return Flow(self.total, self.lo, self.hi, self.pph_60, self.pph_900, self.fresh, self.pph_10)


def together(rates: Iterable[float | None]) -> float | None:
    """All of them together; None when one is not known."""
    total = 0.0
    for rate in rates:
        if rate is None:
            return None
        total += rate
    return total


def ratio(amount: float | None, of: float | None, least: float = 0.0) -> float | None:
    """One over the other; None where one is not known, or the other is not above `least`."""
    return None if amount is None or of is None or of <= least else amount / of
