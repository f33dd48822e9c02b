"""A line's scans as fields of its telemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.uplink.contract import Json

if TYPE_CHECKING:  # a site without scanners does without the counter
    from agent.load.scans import ScanLoad

UNITS = {
    "scan_total scan_d scan_recirc": "parcels since the epoch began, since the report before, come round again",
    "scan_duplicate scan_multi scan_bad": "lines of a scanner since the epoch began",
    "scan_no_read": "parcels since the epoch began",
    "scan_forgotten": "codes since the epoch began",
    "scan_peak": "parcels/s, the most of one second of the window",
    "chutes_used": "chutes that got parcels in the window",
    "noread_rate": "1",
    "events": "since the epoch began, per stream: <line>.scan.<what> in lines, <line>.carrier.<whose> in parcels",
}


def scan_fields(load: ScanLoad, previous: ScanLoad | None) -> Json:
    """What the scanners of a line read, and what changed since its report before (`previous`; None: there was none).

    `events` are the authoritative counts. What is not known is None, what never happened of the rare is left out.
    """
    return {
        "scan_total": load.total,
        "scan_d": None if previous is None else load.total - previous.total,
        "scan_pph": None if load.pph_60 is None else round(load.pph_60, 1),
        "scan_pph_900": None if load.pph_900 is None else round(load.pph_900, 1),
        "scan_recirc": load.recirculated,
        "scan_duplicate": load.duplicate,
        "scan_no_read": load.no_read,
        "scan_multi": load.multi or None,
        "scan_bad": load.bad or None,
        "scan_forgotten": load.forgotten or None,
        "scan_peak": load.peak_per_s,
        "chutes_used": load.chutes_used,
        "noread_rate": None if load.no_read_rate is None else round(load.no_read_rate, 4),
        "events": load.streams,
    }
