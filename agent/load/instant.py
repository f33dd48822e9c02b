"""One moment on both clocks, as the pure rooms receive it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ClockQuality = Literal["none", "rtc", "ntp"]


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
