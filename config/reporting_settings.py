"""How often the bureau is told in each mode, and what is worth a message, as a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.load_settings import Mode

USUAL_S: Mapping[Mode, float] = {"normal": 60.0, "peak": 10.0, "emergency": 10.0, "suspended": 60.0}
"""Seconds between two reports in each mode where the site says nothing else."""

DEADBANDS = (
    "in_pph",
    "out_pph",
    "load_index",
    "fill_ratio",
    "wip",
    "headroom_pph",
    "headroom_parcels",
    "tts_min",
    "backlog",
)
"""The figures that can have a deadband."""


@dataclass(frozen=True, slots=True)
class Reporting:
    """`by_mode` are the seconds between two reports where the site says so for a mode.

    With a `deadband` a line or the site is told only when one of its figures has moved so far since it was told last,
    when its state or quality changed, or at the first report after `heartbeat_s`; without one, at each report.
    """

    by_mode: Mapping[Mode, float] = field(default_factory=dict)
    deadband: Mapping[str, float] = field(default_factory=dict)
    heartbeat_s: float = 300.0

    def interval_s(self, mode: Mode, report_s: float) -> float:
        """Seconds between two reports in a mode; `report_s` is what the site says of ordinary days. A mode usually
        told more often than those is told at least as often as that."""
        urgent = USUAL_S[mode] < USUAL_S["normal"]
        return self.by_mode.get(mode, min(report_s, USUAL_S[mode]) if urgent else report_s)

    def shortest_s(self, report_s: float) -> float:
        """Seconds between two reports in the most urgent mode."""
        return min(self.interval_s(mode, report_s) for mode in USUAL_S)
