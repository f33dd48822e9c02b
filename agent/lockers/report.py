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
_HALF_BEAT_S = 0.5


class LockerReport:
    """Makes the messages of a site's lockers. `head` begins the next message. Lives in the beat's thread."""

    def __init__(self, lockers: SiteLockers, head: Callable[[Instant], Head]) -> None:
        self._lockers = lockers
        self._head = head
        self._drawn: dict[str, tuple[int, int]] = {}
        self._told: dict[str, LockerLoad] = {}
        self._states: dict[str, tuple[str, Json]] = {}

    def due(self, now: Instant) -> Iterator[Message]:
        """What is new of the lockers; call it a few times in UNCHANGED_S. To draw one costs most, so one of which
        nothing is new waits for its turn, and the turns are spread over these calls."""
        for place, (name, model) in enumerate(self._lockers.models.items()):
            changes, turn = model.changes, self._turn(now, place)
            changes_before, turn_before = self._drawn.get(name, (-1, -1))
            if changes != changes_before or turn != turn_before:
                self._drawn[name] = changes, turn
                yield from self._news(now, name, model.draw(now), turn=turn != turn_before)

    def _turn(self, now: Instant, place: int) -> int:
        """The number of the turn that is on for the locker at that place."""
        return int((now.boot_s + _HALF_BEAT_S) / UNCHANGED_S + place / len(self._lockers.models))

    def _news(self, now: Instant, name: str, load: LockerLoad, *, turn: bool) -> Iterator[Message]:
        """The figures when they changed or it is their turn, the state when that changed."""
        same = load is self._told.get(name)
        compartments = self._states[name][1] if same else locker_fields.shares(load)
        if turn or not (same or load == self._told.get(name)):
            self._told[name] = load
            yield locker_fields.telemetry(self._head(now), name, load, compartments)
        state = load.quality, compartments
        if not same and state != self._states.get(name):
            self._states[name] = state
            yield locker_fields.state(self._head(now), name, load, compartments)

    def doors(self, now: Instant) -> Iterator[Message]:
        """What happened to compartments of which the operator lets the bureau know; none of all others."""
        for locker, event in self._lockers.take_events():
            yield locker_fields.door(self._head(now), locker.id, event)
