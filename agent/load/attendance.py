"""For how long each device answered in an hour and in a day, and for how much of that nobody knows.

Times are of the boot clock; the wall clock only says where hours and days begin, and what it said when a time server
last vouched for it goes on being true. Time in which the agent did not run, was held up, had not asked yet or never
learned the hour is unknown: it counts neither as answered nor as away, and lowers `known_pct`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.load.instant import Instant
from agent.load.periods import Days, Hours, Period

STALL_S = 30.0
"""Two beats so far apart: in between nobody listened."""

KEPT_S = 60.0
"""What is remembered over a restart is at most so old."""

_MOST = 2**40
"""Seconds or times that no site lives to see. A day may have more than a day's: a clock set back lives it again."""

_HOURS, _DAYS = Hours(), Days()


@dataclass(frozen=True, slots=True)
class Attended:
    """How a device, or all of a site together, answered over some time. `avail_pct` is of the time that is known,
    `known_pct` says how much that is; `away_n` is how often a device that had answered ceased to. All of these are None
    where nobody knows which time that is."""

    answered_s: float | None
    away_s: float | None
    away_n: int | None
    avail_pct: float | None
    known_pct: float | None
    devices: int | None = None
    online: int | None = None


@dataclass(frozen=True, slots=True)
class Attendance:
    """What one device did in a `period` of `kind` that is over; all of them together where `device` is None."""

    kind: str
    period: Period
    device: str | None
    attended: Attended


@dataclass(slots=True)
class _Sum:
    answered_s: float = 0.0
    away_s: float = 0.0
    away_n: int = 0

    def add(self, online: bool, lasted_s: float) -> None:
        if online:
            self.answered_s += lasted_s
        else:
            self.away_s += lasted_s


@dataclass(slots=True)
class _Device:
    """`online` since some time; what lies before `until_s` of the boot clock is added up."""

    online: bool | None = None
    until_s: float = -math.inf
    hour: _Sum = field(default_factory=_Sum)
    day: _Sum = field(default_factory=_Sum)

    def reach(self, at_s: float) -> None:
        """Add up what was until then."""
        if self.online is not None and at_s > self.until_s > -math.inf:
            self.hour.add(self.online, at_s - self.until_s)
            self.day.add(self.online, at_s - self.until_s)
        self.until_s = max(self.until_s, at_s)


class Register:
    """Adds up the attendance of the devices of a site. Only changes and the ends of hours cost anything."""

    def __init__(self, devices: Iterable[str]) -> None:
        self._devices = {device: _Device() for device in devices}
        self._hour: Period | None = None
        self._day: Period | None = None
        self._ahead_s: float | None = None
        self._beat_s: float | None = None
        self._kept: dict[str, object] = {}
        self._kept_s = -math.inf

    def wake(self, at: Instant) -> None:
        """A beat begins, before anything is noted in it: where it comes late, nobody knows what was meanwhile."""
        before, self._beat_s = self._beat_s, at.boot_s
        if before is not None and at.boot_s - before > STALL_S:
            self._skip(before, at.boot_s)

    def note(self, device: str, online: bool, since_s: float) -> None:
        """It answers, or it does not, since that second of the boot clock."""
        one = self._devices[device]
        if self._ahead_s is not None:
            one.reach(since_s)
            gone = one.online is True and not online
            one.hour.away_n += gone
            one.day.away_n += gone
        else:
            one.until_s = since_s
        one.online = online

    def advance(self, at: Instant) -> list[Attendance]:
        """The beat ends, after what was noted in it; the hours and days that are over by it."""
        self.wake(at)
        if at.wall_trusted:
            self._ahead_s = at.wall_s - at.boot_s
        if self._ahead_s is None:
            return []
        wall_s = at.boot_s + self._ahead_s
        if self._hour is not None and self._hour.begin_s <= wall_s < self._hour.end_s:
            return []
        return self._turn(wall_s, at.boot_s, self._ahead_s)

    def _skip(self, from_s: float, to_s: float) -> None:
        for one in self._devices.values():
            if self._ahead_s is not None:
                one.reach(from_s)
            one.until_s = max(one.until_s, to_s)

    def _turn(self, wall_s: float, at_s: float, ahead_s: float) -> list[Attendance]:
        """Another hour has begun, and perhaps another day."""
        hour, day, over = _HOURS.at(wall_s), _DAYS.at(wall_s), list[Attendance]()
        if self._hour is not None:
            for one in self._devices.values():
                one.reach(min(self._hour.end_s - ahead_s, at_s))
            over += self._close(self._hour, "hour")
        if self._day is not None and self._day != day:
            over += self._close(self._day, "day")
        for one in self._devices.values():  # an hour that nobody saw the beginning of is known from where it is
            one.until_s = max(one.until_s, hour.begin_s - ahead_s)
        self._hour, self._day, self._kept_s = hour, day, -math.inf
        return over

    def _close(self, period: Period, kind: str) -> list[Attendance]:
        sums: dict[str, _Sum] = {device: getattr(one, kind) for device, one in self._devices.items()}
        for one in self._devices.values():
            setattr(one, kind, _Sum())
        lasted_s = period.end_s - period.begin_s
        over = [Attendance(kind, period, device, _attended([one], lasted_s)) for device, one in sums.items()]
        together = _attended(sums.values(), lasted_s * len(sums), len(sums))
        return [*over, Attendance(kind, period, None, together)] if over else []

    def draw(self, at: Instant) -> Attended:
        """All devices together, in the local day so far; while nobody knows the day, how many there are and answer."""
        devices = self._devices.values()
        online = sum(one.online is True for one in devices)
        if self._day is None or self._ahead_s is None:
            return Attended(None, None, None, None, None, len(devices), online)
        self._reach(at.boot_s)
        so_far_s = at.boot_s + self._ahead_s - self._day.begin_s
        return _attended([one.day for one in devices], so_far_s * len(devices), len(devices), online)

    def _reach(self, at_s: float) -> None:
        """Add up what was until then, and nothing after the last beat: nobody listened."""
        if self._ahead_s is not None and self._beat_s is not None:
            for one in self._devices.values():
                one.reach(min(at_s, self._beat_s))

    def kept(self, at_s: float) -> dict[str, object]:
        """What must outlive the process, JSON-able, as it was at most KEPT_S ago: what is lost so is unknown."""
        if self._hour is not None and self._day is not None and at_s - self._kept_s >= KEPT_S:
            self._reach(at_s)
            self._kept_s = at_s
            sums = {name: [*_kept(one.hour), *_kept(one.day)] for name, one in self._devices.items()}
            self._kept = {"hour": self._hour.begin_s, "day": self._day.begin_s, "of": sums}
        return self._kept

    def restore(self, kept: object) -> None:
        """Go on from `kept()` of an earlier run, before the first beat; ValueError, and nothing changed, for anything
        else. Devices that are no more are forgotten."""
        if kept is None or kept == {}:
            return
        if not isinstance(kept, Mapping) or not isinstance(kept.get("of"), Mapping):
            raise ValueError("no attendance")
        hour, day = _HOURS.at(_border(kept.get("hour"))), _DAYS.at(_border(kept.get("day")))
        sums = {name: _sums(one) for name, one in kept["of"].items() if name in self._devices}
        for name, (of_hour, of_day) in sums.items():
            self._devices[name].hour, self._devices[name].day = of_hour, of_day
        self._hour, self._day = hour, day


def _attended(sums: Iterable[_Sum], of_s: float, devices: int | None = None, online: int | None = None) -> Attended:
    """Those together; `of_s` is what they would add up to if all were known."""
    answered_s = away_s = 0.0
    away_n = 0
    for one in sums:
        answered_s, away_s, away_n = answered_s + one.answered_s, away_s + one.away_s, away_n + one.away_n
    known_s = answered_s + away_s
    avail_pct = 100.0 * answered_s / known_s if known_s > 0 else None
    known_pct = min(100.0, 100.0 * known_s / of_s) if of_s > 0 else None
    return Attended(answered_s, away_s, away_n, avail_pct, known_pct, devices, online)


def _kept(one: _Sum) -> list[float]:
    return [round(one.answered_s, 1), round(one.away_s, 1), one.away_n]


def _border(value: object) -> int:
    if type(value) is not int or not 0 <= value < _MOST:
        raise ValueError("no attendance: no hour or day")
    return value


def _sums(kept: object) -> tuple[_Sum, _Sum]:
    if not isinstance(kept, list) or len(kept) != 6:
        raise ValueError("no attendance of a device")
    if not all(type(one) in {int, float} and 0 <= one < _MOST for one in kept):
        raise ValueError("no attendance of a device")
    return _Sum(float(kept[0]), float(kept[1]), int(kept[2])), _Sum(float(kept[3]), float(kept[4]), int(kept[5]))
