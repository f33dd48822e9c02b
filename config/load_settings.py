"""How the load of a site is judged: thresholds per mode, the floor, shifts, waves and the season, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from config.device_settings import CounterRef

Mode = Literal["normal", "peak", "emergency", "suspended"]
MODES: tuple[Mode, ...] = get_args(Mode)

DAY_MIN = 1440


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a line or a site is called busy, saturated, overflowing, and when no more.

    `busy`, `saturated`, `overflow` are load indices (0 to 200), `_fill` ratios of the floor, `_tts_min` minutes to
    saturation; what ends with `_leave` is where the state ends. `_s` are the seconds that it must hold.
    """

    busy: float = 80.0
    busy_leave: float = 70.0
    saturated: float = 95.0
    saturated_leave: float = 85.0
    overflow: float = 110.0
    overflow_leave: float = 95.0
    overflow_fill: float = 1.0
    overflow_fill_leave: float = 0.9
    saturated_tts_min: float = 120.0
    saturated_tts_leave_min: float = 180.0
    busy_s: float = 300.0
    busy_leave_s: float = 600.0
    saturated_s: float = 300.0
    saturated_tts_s: float = 600.0
    saturated_leave_s: float = 900.0
    overflow_s: float = 900.0
    overflow_fill_s: float = 120.0
    overflow_leave_s: float = 900.0


NORMAL = Thresholds()

DEFAULTS: Mapping[Mode, Thresholds] = {
    "normal": NORMAL,
    "peak": replace(NORMAL, busy=85.0, busy_leave=75.0, saturated=98.0, saturated_leave=88.0, overflow=115.0),
    "emergency": replace(
        NORMAL,
        busy=70.0,
        busy_leave=60.0,
        saturated=85.0,
        saturated_leave=75.0,
        overflow=100.0,
        overflow_leave=85.0,
        busy_s=120.0,
        saturated_s=120.0,
        saturated_tts_s=300.0,
        overflow_s=300.0,
        overflow_fill_s=60.0,
    ),
    "suspended": NORMAL,
}
"""The thresholds of each mode where the site says nothing else."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The site's floor: what is unloaded onto it and loaded from it, what it holds, what the site can sort.

    `capacity_pph` None is the sum of the lines'; `miscount` is the share of parcels that a dock counter may miss.
    """

    unload: tuple[CounterRef, ...] = ()
    load: tuple[CounterRef, ...] = ()
    buffer_parcels: int | None = None
    capacity_pph: float | None = None
    miscount: float = 0.002

    def counters(self) -> tuple[CounterRef, ...]:
        """Every counter at the docks."""
        return self.unload + self.load


@dataclass(frozen=True, slots=True)
class Span:
    """A part of each day in local time, minutes after midnight; one that ends where or before it begins ends the next
    day. A wave also has the minute `clear_by` at which its parcels must have left, after its end."""

    id: str
    name_zh: str
    name_en: str
    from_min: int
    to_min: int
    clear_by_min: int | None = None

    @property
    def length_min(self) -> int:
        """From its beginning to its end, or to its cut-off where it has one."""
        end = self.to_min if self.clear_by_min is None else self.clear_by_min
        return (end - self.from_min) % DAY_MIN or DAY_MIN


SHIFTS = (
    Span("c", "C 班", "shift C", 0, 480),
    Span("a", "A 班", "shift A", 480, 960),
    Span("b", "B 班", "shift B", 960, 1440),
)
"""The shifts of a site that names none (0 to 8, 8 to 16, 16 to 24 o'clock)."""


@dataclass(frozen=True, slots=True)
class Season:
    """The peak season, from its first day to its last, as days since 1970-01-01 in local time, and the mode of the site
    then where nobody orders another."""

    first_day: int
    last_day: int
    mode: Mode = "normal"


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """Everything by which load is judged and counted up."""

    floor: Floor = field(default_factory=Floor)
    thresholds: Mapping[Mode, Thresholds] = field(default_factory=lambda: DEFAULTS)
    shifts: tuple[Span, ...] = SHIFTS
    waves: tuple[Span, ...] = ()
    season: Season | None = None
