"""An owner of a wire at work, with the control socket that the agent would open to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from agent.bus import Owner
from agent.control.desk import Desk
from agent.control.server import ControlServer
from agent.intake import Presence
from config.bus_settings import Bus
from config.device_settings import Device
from config.settings import Settings
from config.site_settings import Site
from config.uplink_settings import Spool

HERE = Site("gz-test", "", "", "44", "4401", "hub")


def site(bus: Bus, *devices: Device) -> Settings:
    nowhere = Spool(Path("/nowhere"), 0)
    return Settings(HERE, None, nowhere, (bus,), devices, (), "digest")  # type: ignore[arg-type]


@contextmanager
def agent_with(
    folder: Path, owner: Owner, known: Settings, presence: Mapping[str, Presence] = MappingProxyType({})
) -> Iterator[Path]:
    """The owner at work, and a control socket to it."""
    path = folder / "control.sock"
    owner.start()
    door = ControlServer(path, Desk(known, [owner], presence))
    door.start()
    try:
        yield path
    finally:
        door.stop()
        owner.stop()
    assert not path.exists()
