"""One compartment of a locker: its door, its parcel as far as a sensor sees it, and what is wrong with it.

A parcel comes and goes through an open door only. A sensor that sees one come or go behind a door that was closed all
the while is not believed: nothing is counted, and the compartment is faulty until both agree again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from agent.load.contact import Change, Contact

Door = Literal["closed", "open", "ajar", "unknown"]
Item = Literal["present", "absent", "unknown"]
Fault = Literal["none", "board_offline", "comm_error", "sensor_conflict", "door_ajar", "lock_no_change"]
Usage = Literal["free", "occupied", "faulty", "unknown"]
Event = Literal["opened", "closed", "delivered", "collected"]

STUCK_CHANGES = 3
"""Parcels that came and went while the door stood still, after which it is the door's contact that is not believed."""

OPENS_WITHIN_S = 10.0
"""A lock that was ordered to open and has not moved its contact for so long: one of the two does not work."""

_DOORS: dict[bool | None, Door] = {True: "closed", False: "open", None: "unknown"}
_ITEMS: dict[bool | None, Item] = {True: "present", False: "absent", None: "unknown"}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a door and an item must stay as they are to be believed, and when an open door has been forgotten."""

    door_s: float
    item_s: float
    ajar_s: float


@dataclass(slots=True)
class Stay:
    """A parcel in a compartment since `start_s` on the boot clock. Not `exact`: nobody saw all of it, so it may have
    been put in earlier, or later in place of another.
    """

    start_s: float
    exact: bool


class Status(NamedTuple):
    """A compartment at one moment. `usage` is None where no sensor sees parcels."""

    door: Door
    item: Item
    fault: Fault
    usage: Usage | None


class Happening(NamedTuple):
    """What happened to a compartment, and when; with the `stay` of a parcel that was collected."""

    what: Event
    at_s: float
    stay: Stay | None = None


class Compartment:
    """Follows one compartment. `has_item` False: no sensor sees its parcels. Times are boot-clock seconds."""

    __slots__ = (
        "_closed_s",
        "_odd",
        "_opened_s",
        "_ordered_s",
        "_patience",
        "conflict",
        "door",
        "has_item",
        "item",
        "stay",
    )

    def __init__(self, patience: Patience, *, has_item: bool) -> None:
        self.has_item = has_item
        self.door = Contact(patience.door_s)
        self.item = Contact(patience.item_s)
        self.stay: Stay | None = None
        self.conflict = False
        self._patience = patience
        self._opened_s = 0.0
        self._closed_s: float | None = None
        self._ordered_s: float | None = None
        self._odd = 0

    # --- readings ---

    def hear_door(self, closed: bool | None, at_s: float) -> Happening | None:
        """What the door's contact says now; None: the board does not know."""
        if closed is not self.door.raw:
            self._moved(closed, at_s)
        known = self.door.state
        change = self.door.hear(closed, at_s)
        if change is not None:
            self.door.accept()
        if self.door.state is not known:
            self._opened_s = self.door.since_s
        return None if change is None else Happening("closed" if closed else "opened", change.at_s)

    def hear_item(self, present: bool | None, at_s: float, blind_s: float) -> Happening | None:
        """What the item sensor says now; until `blind_s` the door may have been opened and closed unseen."""
        if present is None:
            self._lose_sight(at_s)
        known = self.item.state is not None
        change = self.item.hear(present, at_s, restless=self._closed_s is not None)
        if change is None:
            self._agreed(known)
            return None
        if change.seen and not self._could_change(change.at_s, blind_s):
            self._odd += not self.conflict
            self.conflict = True
            return None
        self.item.accept()
        self.conflict = False
        return self._changed(change)

    def order(self, at_s: float) -> None:
        """A host orders the door to open. When that does not move its contact, one of the two does not work."""
        if self._closed_s is not None and self._ordered_s is None:
            self._ordered_s = at_s

    def away(self, at_s: float) -> None:
        """Nothing is heard any more: a parcel that is in it may be another one when it is heard again."""
        self.door.away()
        self.item.away()
        self._closed_s = None
        self._lose_sight(at_s)

    def restore(self, door: bool | None, item: bool | None, stay: Stay | None, at_s: float) -> None:
        """What was known when the process ended, told at `at_s`. Nobody saw what happened in between."""
        self.door.state, self.item.state, self.stay = door, item, stay
        self._opened_s = at_s
        self._lose_sight(at_s)

    # --- what it is ---

    @property
    def ordered(self) -> bool:
        """Whether a host ordered the door to open, and it has not yet."""
        return self._ordered_s is not None

    @property
    def ajar_s(self) -> float:
        """When its door, as long as it stands open, is called ajar."""
        return self._opened_s + self._patience.ajar_s

    def status(self, at_s: float, silence: Fault | None) -> Status:
        """All of it at `at_s`; `silence` is why its board is not heard, None while it is."""
        door = _DOORS[self.door.now]
        if door == "open" and at_s >= self.ajar_s:
            door = "ajar"
        fault = self._fault(door, at_s) if silence is None else silence
        return Status(door, _ITEMS[self._item], fault, self._usage(fault, heard=silence is None))

    @property
    def _item(self) -> bool | None:
        return None if self.conflict else self.item.now

    def _fault(self, door: Door, at_s: float) -> Fault:
        if self.door.raw is None or (self.has_item and self.item.raw is None):
            return "comm_error"
        in_vain = self._ordered_s is not None and at_s - self._ordered_s >= OPENS_WITHIN_S
        if in_vain or self._odd >= STUCK_CHANGES:
            return "lock_no_change"
        if self.conflict or self.door.flapping or self.item.flapping:
            return "sensor_conflict"
        return "door_ajar" if door == "ajar" else "none"

    def _usage(self, fault: Fault, *, heard: bool) -> Usage | None:
        if not self.has_item:
            return None
        if not heard or fault == "comm_error":
            return "unknown"
        if fault != "none":
            return "faulty"
        return "unknown" if self._item is None else "occupied" if self._item else "free"

    # --- how it changes ---

    def _moved(self, closed: bool | None, at_s: float) -> None:
        """The door's contact says something else, steadily or not."""
        self._closed_s, self._ordered_s = at_s if closed else None, None
        if closed is not None and self.door.raw is not None:
            self._odd = 0
        if closed is False and self.conflict:
            self._begin_anew(at_s)

    def _begin_anew(self, at_s: float) -> None:
        """Door and sensor disagreed; now it may be settled what is in it, but not what came and went."""
        self.conflict, self.stay = False, None
        self.item.forget(at_s)

    def _agreed(self, known: bool) -> None:
        """The sensor says what is known, or something is known for the first time."""
        if self.conflict and self.item.raw is self.item.state:
            self.conflict = False
            self._odd += 1
        if not known and self.item.state is not None:
            self.stay = Stay(self.item.since_s, exact=False) if self.item.state else None

    def _could_change(self, at_s: float, blind_s: float) -> bool:
        """Whether the door was open shortly before, or may have been."""
        return self._closed_s is None or at_s - max(self._closed_s, blind_s) <= self._patience.item_s

    def _changed(self, change: Change) -> Happening:
        if self.item.state:
            self.stay = Stay(change.at_s, exact=change.seen)
            return Happening("delivered", change.at_s)
        ended, self.stay = self.stay, None
        if ended is not None:
            ended.exact &= change.seen
        return Happening("collected", change.at_s, ended)

    def _lose_sight(self, at_s: float) -> None:
        """From here on nobody sees what comes and goes."""
        if self.conflict:
            self._begin_anew(at_s)
        if self.stay is not None:
            self.stay.exact = False
