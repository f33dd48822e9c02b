"""What the bureau is told of the lockers, and when: figures on change and now and then, states on change."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent.load.instant import Instant
from agent.load.locker import LockerLoad
from agent.lockers.site import SiteLockers
from agent.uplink import locker_fields
from agent.uplink.contract import Head, Json, Message

UNCHANGED_S = 30.0
"""Figures that stay as they are are told again after so long."""


class LockerReport:
    """Makes the messages of a site's lockers. `head` begins the next message. Lives in the beat's thread."""

    def __init__(self, lockers: SiteLockers, head: Callable[[Instant], Head]) -> None:
        self._lockers = lockers
        self._head = head
        self._told: dict[str, tuple[LockerLoad, float]] = {}
        self._states: dict[str, tuple[str, Json]] = {}

    def due(self, now: Instant) -> Iterator[Message]:
        """What a report owes of the lockers."""
        for name, load in self._lockers.draw(now).items():
            told, at_s = self._told.get(name, (None, 0.0))
            if load != told or now.boot_s - at_s >= UNCHANGED_S:
                self._told[name] = load, now.boot_s
                yield locker_fields.telemetry(self._head(now), name, load)
            state = load.quality, locker_fields.shares(load)
            if state != self._states.get(name):
                self._states[name] = state
                yield locker_fields.state(self._head(now), name, load)

    def doors(self, now: Instant) -> Iterator[Message]:
        """What happened to compartments of which the operator lets the bureau know; none of all others."""
        for locker, event in self._lockers.take_events():
            yield locker_fields.door(self._head(now), locker.id, event)
