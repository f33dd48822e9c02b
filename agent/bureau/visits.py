"""How long a broker bears us: that it hangs up again and again, a moment after it let us in, has one likely cause."""

from __future__ import annotations

from dataclasses import dataclass

BRIEF_S = 10.0
IN_A_ROW = 3
"""So many brief visits are no broker that is started anew: somebody comes under our name, and each throws the other
out. MQTT 5 has a word for it (0x8E), which mosquitto 2.0 does not say."""


@dataclass(slots=True)
class Visits:
    """The visits of one client to its broker, by a monotonic clock."""

    was_let_in: bool = False
    _came_s: float = 0.0
    _brief: int = 0

    def came(self, now_s: float) -> None:
        """The broker let us in."""
        self.was_let_in, self._came_s = True, now_s

    def went(self, now_s: float) -> bool:
        """That visit is over; whether it made the row of brief ones long enough to tell somebody."""
        self._brief = self._brief + 1 if now_s - self._came_s < BRIEF_S else 0
        return self._brief == IN_A_ROW
