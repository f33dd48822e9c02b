"""What a site is: the operator's files as one frozen value, already checked; this room knows no file and no TOML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from config.bus_settings import Bus
from config.device_settings import CounterRef, Device
from config.line_settings import Line
from config.load_settings import LoadSettings
from config.locker_settings import Board, Locker
from config.order_settings import Commands
from config.reporting_settings import Reporting
from config.scanner_settings import Scanner
from config.site_settings import Site
from config.uplink_settings import Bureau, Spool

if TYPE_CHECKING:
    from config.input_settings import Input


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole site. Every reference between its parts is known to resolve."""

    site: Site
    bureau: Bureau
    spool: Spool
    buses: tuple[Bus, ...]
    devices: tuple[Device, ...]
    lines: tuple[Line, ...]
    digest: str
    scanners: tuple[Scanner, ...] = ()
    load: LoadSettings = field(default_factory=LoadSettings)
    lockers: tuple[Locker, ...] = ()
    reporting: Reporting = field(default_factory=Reporting)
    commands: Commands = field(default_factory=Commands)
    inputs: tuple[Input, ...] = ()

    @property
    def boards(self) -> tuple[Board, ...]:
        """The boards of all lockers."""
        return tuple(board for locker in self.lockers for board in locker.boards)

    def eyes(self, line_id: str) -> tuple[CounterRef, ...]:
        """The photo-eyes before silent scanners of that line."""
        return tuple(one.silent_no_read for one in self.scanners if one.line == line_id and one.silent_no_read)

    def bus(self, bus_id: str) -> Bus:
        """The bus of that id; KeyError where there is none."""
        for bus in self.buses:
            if bus.id == bus_id:
                return bus
        raise KeyError(bus_id)
