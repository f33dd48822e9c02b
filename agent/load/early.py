"""Early warnings: the time to saturation passes below four, two and one hour, each told once an episode."""

from __future__ import annotations

from dataclasses import dataclass

from agent.load.forecast import TimeToSaturation

LEVELS_MIN = (240, 120, 60)
HOLD_S = 600.0
CLEAR_S = 900.0
CLEAR_FACTOR = 1.25
"""A warning ends when the time to saturation was this much longer, or not told, for CLEAR_S."""


@dataclass(frozen=True, slots=True)
class EarlyWarning:
    """The warning of `level_min` minutes begins (`raised`) or ends; `tts` is what was forecast then."""

    level_min: int
    raised: bool
    tts: TimeToSaturation | None


class EarlyWarnings:
    """Which warnings stand: `active` are their minutes."""

    __slots__ = ("_since", "active")

    def __init__(self) -> None:
        self.active: set[int] = set()
        self._since: dict[int, float] = {}

    @property
    def most_urgent(self) -> int | None:
        """The least minutes warned of; None where there is no warning."""
        return min(self.active, default=None)

    def advance(self, at_s: float, tts: TimeToSaturation | None, settled: bool) -> list[EarlyWarning]:
        """Judge the forecast at boot-clock second `at_s`; until `settled` none says nothing."""
        if tts is None and not self.active:
            self._since.clear()
            return []
        return [found for level in LEVELS_MIN if (found := self._judge(level, at_s, tts, settled))]

    def _judge(self, level: int, at_s: float, tts: TimeToSaturation | None, settled: bool) -> EarlyWarning | None:
        active = level in self.active
        over = settled if tts is None else tts.min > level * CLEAR_FACTOR
        if not (over if active else tts is not None and tts.min <= level):
            self._since.pop(level, None)
            return None
        if at_s - self._since.setdefault(level, at_s) < (CLEAR_S if active else HOLD_S):
            return None
        del self._since[level]
        self.active ^= {level}
        return EarlyWarning(level, not active, tts)

    def kept(self) -> list[int]:
        """What must outlive the process, JSON-able."""
        return sorted(self.active)

    def restore(self, kept: object) -> None:
        """Go on from `kept()`; what is no warning is left out."""
        self.active = {level for level in LEVELS_MIN if isinstance(kept, list) and level in kept}
