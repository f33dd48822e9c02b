"""One moment on both clocks, as the pure rooms receive it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ClockQuality = Literal["none", "rtc", "ntp"]

BETWEEN_BOOTS_S = 2.0
"""How far two disciplined wall clocks may be wrong against each other over a reboot."""


@dataclass(frozen=True, slots=True)
class Instant:
    """Seconds on the boot-time clock of boot `boot_id`, and what the wall clock said with what right."""

    boot_id: str
    boot_s: float
    wall_s: float
    quality: ClockQuality

    @property
    def wall_trusted(self) -> bool:
        """True when the wall clock was disciplined by NTP."""
        return self.quality == "ntp"

    def since_s(self, earlier: Instant) -> float | None:
        """The most seconds that can have gone by since `earlier`; None where no clock tells."""
        if self.boot_id == earlier.boot_id:
            return self.boot_s - earlier.boot_s
        if self.wall_trusted and earlier.wall_trusted and self.wall_s >= earlier.wall_s - BETWEEN_BOOTS_S:
            return self.wall_s - earlier.wall_s + BETWEEN_BOOTS_S
        return None
