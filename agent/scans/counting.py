"""A line's counter, as large as the line can need, and its scanners as sources of that counter."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from agent.scans import UnsoundScannerError
from config.line_settings import Line
from config.scanner_settings import Scanner
from drivers.scanner import CARRIERS, S10_CARRIER, framing
from fastpath.scans import ScanCounter, Source

LANES, CHUTES = 16, 400
"""The highest a lane or chute field names where the site does not say."""

_SPARE = 4
_LIVE_LEAST, _LIVE_MOST = 1 << 14, 1 << 20


def source(scanner: Scanner) -> Source:
    """How that scanner's lines are read. Raises UnsoundScannerError."""
    try:
        return framing(scanner).listen(scanner.lane)
    except ValueError as reason:
        raise UnsoundScannerError(scanner.id, str(reason)) from reason


def counter(line: Line, scanners: Sequence[Scanner]) -> ScanCounter:
    """The counter of a line, all of whose scanners agree on its windows and its carrier; with a key of its own."""
    one = scanners[0]
    longest_s = max(one.duplicate_s, *(one.loop_s or (0.0,)))
    return ScanCounter(
        lanes=1 + max(map(highest_lane, scanners)),
        chutes=max(map(highest_chute, scanners)),
        key=secrets.token_bytes(32),
        carriers=CARRIERS,
        s10=S10_CARRIER,
        numeric=one.carrier or "",
        live_codes=_live_codes(line.capacity_pph * longest_s / 3600),
        duplicate_ms=round(1000 * one.duplicate_s),
        loop_ms=(round(1000 * one.loop_s[0]), round(1000 * one.loop_s[1])) if one.loop_s else None,
    )


def highest_lane(scanner: Scanner) -> int:
    """The highest lane that counts."""
    told = (scanner.lanes or LANES) if "lane" in framing(scanner).fields else 0
    return max(scanner.lane, told)


def highest_chute(scanner: Scanner) -> int:
    """The highest chute that counts; 0 where it tells none."""
    if "chute" not in framing(scanner).fields:
        return 0
    return CHUTES if scanner.chutes is None else scanner.chutes


def _live_codes(parcels: float) -> int:
    """How many codes must be remembered for the time that this many parcels pass in, with room for a bad day."""
    return max(_LIVE_LEAST, min(round(_SPARE * parcels), _LIVE_MOST))
