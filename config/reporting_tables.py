"""Reads how often the bureau is told: [reporting]."""

from __future__ import annotations

from config.load_settings import MODES, Mode
from config.reporting_settings import DEADBANDS, Reporting
from config.table import Table


def reporting(table: Table) -> Reporting:
    """Every key has a default: without the table everything is told each `report_s`, in a peak and an emergency
    at least each 10 s."""
    modes: dict[Mode, str] = {mode: f"{mode}_s" for mode in MODES if mode != "normal"}
    bands = table.table("deadband")
    made = Reporting(
        by_mode={mode: table.number(key, 10.0, 1, 3600) for mode, key in modes.items() if key in table},
        deadband={name: bands.number(name, 0.0, 0, 1_000_000) for name in DEADBANDS if name in bands},
        heartbeat_s=table.number("heartbeat_s", 300.0, 10, 3600),
    )
    bands.end()
    table.end()
    return made
