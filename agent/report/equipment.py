"""What is told of the devices: how each of them stands, and how far it was available in an hour and a day."""

from __future__ import annotations

from collections.abc import Callable

from agent.load.instant import Instant
from agent.site import Site
from agent.uplink import reports
from agent.uplink.contract import Head, Message


class EquipmentReport:
    """Makes the messages. `head` begins the next one. Lives in the beat's thread."""

    def __init__(self, site: Site, head: Callable[[Instant], Head]) -> None:
        self._site = site
        self._head = head
        self._told: dict[str, tuple[object, ...]] = {}

    def news(self, now: Instant) -> list[Message]:
        """The devices whose state has changed since it was told, and the hours and days that are over; each beat."""
        register = self._site.register
        register.wake(now)
        known = {device: seen for device, seen in self._site.presence().items() if seen.online is not None}
        changed = [device for device, seen in known.items() if self._told.get(device) != seen.told]
        self._told |= {device: known[device].told for device in changed}
        for device in changed:
            register.note(device, known[device].online is True, known[device].since_s)
        told = [reports.device_state(self._head(now), device, known[device]) for device in changed]
        return told + [reports.attendance(self._head(now), one) for one in register.advance(now)]
