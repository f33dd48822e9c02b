"""Sorting lines of the site: which counters see their parcels, and what they were built for, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from config.device_settings import CounterRef

Role = Literal["induct", "discharge", "recirculation", "reject", "manual", "energy"]


@dataclass(frozen=True, slots=True)
class Line:
    """A sorting line: which counters see its parcels, what it was built for and what its floor can hold.

    `manual` counts parcels keyed by hand, `energy` is a meter's counter of which one step is `kwh_per_count`. Where
    `induct_counts_passes`, a parcel that comes round again passes the induct counters again. `capacity_observed`
    lets what the line was seen to do stand for its capacity where that is less.
    """

    id: str
    name_zh: str
    name_en: str
    induct: tuple[CounterRef, ...]
    discharge: tuple[CounterRef, ...]
    recirculation: tuple[CounterRef, ...]
    reject: tuple[CounterRef, ...]
    capacity_pph: float
    buffer_parcels: int
    manual: tuple[CounterRef, ...] = ()
    energy: tuple[CounterRef, ...] = ()
    kwh_per_count: float = 1.0
    induct_counts_passes: bool = False
    capacity_observed: bool = False

    def counters(self) -> tuple[tuple[Role, CounterRef], ...]:
        """Every counter of the line with its role, parcels first, in the order of the roles."""
        return (
            *(("induct", ref) for ref in self.induct),
            *(("discharge", ref) for ref in self.discharge),
            *(("recirculation", ref) for ref in self.recirculation),
            *(("reject", ref) for ref in self.reject),
            *(("manual", ref) for ref in self.manual),
            *(("energy", ref) for ref in self.energy),
        )
