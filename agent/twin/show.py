"""What the demo compares and shows: the twin's truth beside what the bureau has rebuilt, at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.bureau.view import SiteView
from agent.load.locker import STREAMS
from config.device_settings import Device
from config.line_settings import Line, Role
from config.locker_settings import Board, Locker
from config.settings import Settings
from fastpath.scans import COLUMN_NAMES

Totals = dict[str, dict[str, int]]
"""For each line, what each of its counters counted."""

Told = Mapping[str, Any]

LOCKER_STATE = ("total", "door_open", "occupied")
"""What of a locker's figures has a truth to be compared with, besides what happened."""


@dataclass(frozen=True, slots=True)
class CounterShow:
    """One counter: the number in its registers, what it truly counted, and the bureau's total (None: not heard of)."""

    role: Role
    name: str
    shown: int
    truth: int
    bureau: int | None


@dataclass(frozen=True, slots=True)
class ScanShow:
    """A line's scans by the counter's columns: what was truly said, and the bureau's totals. Zeros are left out."""

    truth: Mapping[str, int]
    bureau: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LockerShow:
    """A locker: what truly happened and is, what the bureau has of that, and its latest telemetry."""

    locker: Locker
    truth: Mapping[str, int]
    bureau: Mapping[str, int]
    telemetry: Told


@dataclass(frozen=True, slots=True)
class LineShow:
    """One line: its counters, its scans, and its latest telemetry as the bureau received it."""

    line: Line
    counters: tuple[CounterShow, ...]
    scans: ScanShow | None
    telemetry: Told


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything at one moment, `at_s` seconds into the show. `floor` is how many parcels the site truly holds, and the
    site's latest telemetry."""

    at_s: float
    lines: tuple[LineShow, ...]
    lockers: tuple[LockerShow, ...]
    devices: Mapping[str, bool | None]
    health: Told
    floor: tuple[int, Told]
    messages: int
    duplicates: int

    @property
    def truth(self) -> Totals:
        return {one.line.id: {seen.name: seen.truth for seen in one.counters} for one in self.lines}

    @property
    def bureau(self) -> Totals:
        """Counters the bureau has not heard of are left out."""
        return {
            one.line.id: {seen.name: seen.bureau for seen in one.counters if seen.bureau is not None}
            for one in self.lines
        }


def moment(at_s: float, settings: Settings, truth: Told, state: Told, view: SiteView) -> Moment:
    """The twin's replies `truth` and `state` beside the bureau's view. Call it while no message comes in."""
    return Moment(
        at_s=at_s,
        lines=tuple(_line(line, truth, state["devices"], view) for line in settings.lines),
        lockers=tuple(_locker(locker, truth["lockers"], view) for locker in settings.lockers),
        devices={name: _online(view, name) for name in (*_ids(settings.devices), *_ids(settings.boards))},
        health=view.latest.get("health", {}),
        floor=(truth["day"]["level"], view.latest.get("telemetry", {})),
        messages=view.totals.messages,
        duplicates=view.totals.duplicates,
    )


def bureau_totals(settings: Settings, view: SiteView) -> Totals:
    """What the bureau has rebuilt of the counters it has heard of."""
    known = set(view.totals.counters)
    return {
        line.id: {str(ref): view.totals.counted(str(ref)).total for _, ref in line.counters() if str(ref) in known}
        for line in settings.lines
    }


def bureau_scans(lines: Iterable[str], view: SiteView) -> Totals:
    """What the bureau has rebuilt of the scans of these lines, by the counter's columns; zeros are left out."""
    return {
        line: {column: count for column in COLUMN_NAMES if (count := view.totals.events(f"{line}.scan.{column}"))}
        for line in lines
    }


def bureau_lockers(lockers: Iterable[Locker], view: SiteView) -> Totals:
    """What the bureau knows of what happened at these lockers, and of what they are now."""
    return {locker.id: _known(locker.id, view) for locker in lockers}


def _known(locker: str, view: SiteView) -> dict[str, int]:
    """Events that never happened are left out, as is what no sensor tells."""
    told = view.latest.get(f"locker/{locker}/telemetry", {})
    events = {stream: view.totals.events(f"{locker}.{stream}") for stream in STREAMS.values()}
    now = {name: value for name in LOCKER_STATE if isinstance(value := told.get(name), int)}
    return {name: count for name, count in events.items() if count} | now


def _locker(locker: Locker, truth: Totals, view: SiteView) -> LockerShow:
    told = view.latest.get(f"locker/{locker.id}/telemetry", {})
    return LockerShow(locker, truth[locker.id], _known(locker.id, view), told)


def _ids(named: Iterable[Device | Board]) -> list[str]:
    return [one.id for one in named]


def flat(truth: Told) -> Totals:
    """The twin's truth without the roles."""
    return {
        line: {name: count for counters in roles.values() for name, count in counters.items()}
        for line, roles in truth.items()
    }


def _line(line: Line, told: Told, devices: Told, view: SiteView) -> LineShow:
    truth: Mapping[Role, Mapping[str, int]] = told["truth"][line.id]
    known = set(view.totals.counters)
    counters = tuple(
        CounterShow(
            role,
            str(ref),
            devices[ref.device]["counters"][ref.point],
            truth[role][str(ref)],
            view.totals.counted(str(ref)).total if str(ref) in known else None,
        )
        for role, ref in line.counters()
    )
    said = told["scans"].get(line.id)
    scans = None if said is None else ScanShow(said, bureau_scans([line.id], view)[line.id])
    return LineShow(line, counters, scans, view.latest.get(f"line/{line.id}/telemetry", {}))


def _online(view: SiteView, device: str) -> bool | None:
    online = view.latest.get(f"dev/{device}/state", {}).get("online")
    return online if isinstance(online, bool) else None
