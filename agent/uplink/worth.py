"""Whether a report is worth its bytes: something has moved beyond its deadband, or nothing was said for a while."""

from __future__ import annotations

from typing import NamedTuple

from agent.uplink.contract import Json
from config.reporting_settings import Reporting

ALWAYS = ("state", "warn_min")
"""What is told whenever it is another."""

_HALF_BEAT_S = 0.5


class _Told(NamedTuple):
    """What was said of a place, and when."""

    at_s: float
    quality: str
    fields: Json


class Worth:
    """Remembers what was told of each place. Nothing is lost by what is not told: every message that goes has the
    whole totals, and `d` and `win` reach back to the one that went before it."""

    def __init__(self, reporting: Reporting) -> None:
        self._reporting = reporting
        self._told: dict[str, _Told] = {}

    @property
    def asked(self) -> bool:
        """Whether some reports are left out at all."""
        return bool(self._reporting.deadband)

    def is_told(self, place: str, now_s: float, quality: str, fields: Json) -> bool:
        """Whether these figures of `place` go now; what goes is remembered."""
        before = self._told.get(place)
        if before is not None and before.quality == quality and not self._moved(before, now_s, fields):
            return False
        self._told[place] = _Told(now_s, quality, fields)
        return True

    def _moved(self, before: _Told, now_s: float, fields: Json) -> bool:
        if now_s - before.at_s >= self._reporting.heartbeat_s - _HALF_BEAT_S:
            return True
        if any(fields.get(name) != before.fields.get(name) for name in ALWAYS):
            return True
        bands = self._reporting.deadband.items()
        return any(_beyond(before.fields.get(name), fields.get(name), band) for name, band in bands)


def _beyond(before: object, now: object, band: float) -> bool:
    if isinstance(before, int | float) and isinstance(now, int | float):
        return abs(now - before) > band
    return before != now
