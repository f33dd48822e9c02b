"""A line's scans as fields of its telemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.load.metric_rows import SCAN
from agent.uplink.contract import Json

if TYPE_CHECKING:  # a site without scanners does without the counter
    from agent.load.scans import ScanLoad

UNITS = SCAN.units() | {
    "scan_d": "parcels",
    "events": "since the epoch began, per stream: <line>.scan.<what> in lines, <line>.carrier.<whose> in parcels",
}


def scan_fields(load: ScanLoad, previous: ScanLoad | None) -> Json:
    """What the scanners of a line read, and what changed since its report before (`previous`; None: there was none).

    `events` are the authoritative counts. What is not known is None, what never happened of the rare is left out.
    """
    return SCAN.fields(load) | {
        "scan_d": None if previous is None else load.total - previous.total,
        "events": load.streams,
    }
