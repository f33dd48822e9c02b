"""One moment on both clocks, as the pure rooms receive it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

ClockQuality = Literal["none", "rtc", "ntp"]

CLOCK_QUALITIES: dict[str, ClockQuality] = {quality: quality for quality in get_args(ClockQuality)}
_MAX_SECONDS = 1e12  # beyond any clock; NaN is refused by the same comparison

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

    def rounded(self, digits: int) -> Instant:
        """The same moment with so many decimals of a second."""
        return Instant(self.boot_id, round(self.boot_s, digits), round(self.wall_s, digits), self.quality)

    def to_list(self) -> list[object]:
        """The moment as JSON holds it."""
        return [self.boot_id, self.boot_s, self.wall_s, self.quality]

    @classmethod
    def from_list(cls, values: object) -> Instant:
        """The moment in `values`; ValueError for anything `to_list` cannot have made."""
        if not isinstance(values, list) or len(values) != 4:
            raise ValueError("no moment")
        boot_id, boot_s, wall_s, said = values
        quality = CLOCK_QUALITIES.get(said) if isinstance(said, str) else None
        if not isinstance(boot_id, str) or quality is None:
            raise ValueError("no moment")
        return cls(boot_id, _seconds(boot_s), _seconds(wall_s), quality)


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MAX_SECONDS:
        raise ValueError("no moment")
    return float(value)
