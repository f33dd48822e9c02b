"""What there is to name here: the buses and devices of the running agent, else of the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import config
from agent.commission import ComplaintError
from agent.control import ControlError
from agent.control.remote import Remote


@dataclass(frozen=True, slots=True)
class Known:
    """The buses, and the bus and unit of each device."""

    buses: Sequence[str]
    devices: Mapping[str, tuple[str, int]]

    def complaint(self, target: str) -> ComplaintError:
        """What to say of a `target` that is no wire: where the device of that name is, else which buses there are."""
        if place := self.devices.get(target):
            return ComplaintError("E2629", 2, device=target, bus=place[0], unit=place[1])
        return ComplaintError("E2601", 2, target=target, buses=", ".join(self.buses) or "–")


def known(control: Path, settings: Path) -> Known:
    """As the agent at `control` tells it; where none answers, as those settings do."""
    with suppress(OSError, ControlError), Remote(control) as agent:
        status = agent.ask("status")
        devices = {one["id"]: (one["bus"], one["unit"]) for one in status["devices"]}
        return Known([one["id"] for one in status["buses"]], devices)
    found = config.check(settings).settings if settings.exists() else None
    if found is None:
        return Known((), {})
    return Known([one.id for one in found.buses], {one.id: (one.bus, one.unit) for one in found.devices})
