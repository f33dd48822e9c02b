"""What there is on a site, as the beat sees it: counters, lines, devices, wires, scanners and lockers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from agent.bus import Owner
from agent.intake import Intake, Presence
from agent.load.attendance import Register
from agent.load.instant import Instant
from agent.load.line import LineModel
from agent.load.meter import Meter
from agent.load.site import SiteModel
from agent.uplink.contract import Json
from config.device_settings import CounterRef

if TYPE_CHECKING:
    from agent.load.scans import ScanLoad
    from agent.lockers.site import SiteLockers


class Scans(Protocol):
    """The scanners of a site: each line's scans, and each scanner's connection."""

    def take(self, at: Instant) -> None: ...

    def advance(self, at: Instant) -> Mapping[str, ScanLoad]: ...

    def streams(self) -> Mapping[str, int]: ...

    def health(self) -> Json: ...

    def finish(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Site:
    """Every counter's meter, every line's model and the site's, the devices' presence and attendance, the wires, and
    the scanners and lockers of a site that has some."""

    meters: Mapping[CounterRef, Meter]
    lines: Sequence[LineModel]
    load: SiteModel
    intake: Intake
    owners: Sequence[Owner]
    register: Register
    scans: Scans | None = None
    lockers: SiteLockers | None = None

    def presence(self) -> dict[str, Presence]:
        """Whether each device and each lock board is there."""
        return {**self.intake.presence, **(self.lockers.presence if self.lockers else {})}

    def streams(self) -> dict[str, int]:
        """What was counted here in this run and stands in no device, by stream."""
        return {**(self.scans.streams() if self.scans else {}), **(self.lockers.streams() if self.lockers else {})}
