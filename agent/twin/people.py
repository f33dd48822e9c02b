"""People at a simulated locker: couriers bring, customers fetch, some leave a door open; the truth of it is counted.

They come as often as in the busiest minutes of a day. Doors and parcels move no faster than a person moves them,
however fast the day runs, and a compartment rests between two visits, as it does in life.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

from agent.twin.board_speech import Cabinet
from config.locker_settings import Locker, Size

EVERY_S = 2.0
"""Between two visits to a locker, on average."""

SOONEST_S = 1.0
FORGOTTEN, FORGOTTEN_SHARE = 0.02, 0.4
"""The share of doors that are left open for a while, and how much of the time after which a door is ajar."""

BLINKS = 0.2
"""How often, for each visit, a sensor of another compartment blinks for a moment."""

_HALF_FULL = 0.5


@dataclass(slots=True)
class Place:
    """One compartment: where it is in its board's cabinet, and whether somebody is at it. `dirty`: its sensor lies."""

    number: int
    size: Size | None
    cabinet: Cabinet
    at: int
    has_item: bool
    full: bool = False
    taken: bool = False
    dirty: bool = False

    @property
    def closed(self) -> bool:
        return self.cabinet.closed[self.at]

    @closed.setter
    def closed(self, closed: bool) -> None:
        self.cabinet.closed[self.at] = closed

    def show(self) -> None:
        """Let the sensor say what it sees."""
        self.cabinet.present[self.at] = self.has_item and self.full is not self.dirty


class People:
    """Everybody who comes to one locker. Time is theirs: it stands still while nobody reads the locker.

    In a `rush` couriers bring as long as there is room, and nobody fetches.
    """

    def __init__(self, locker: Locker, places: Sequence[Place], rng: Random) -> None:
        self.places = {place.number: place for place in places}
        self.truth: Counter[str] = Counter()
        self.rush = False
        self._rng = rng
        period_s = max(board.period_s for board in locker.boards)
        self._step_s = 1.5 + 2 * period_s + locker.door_steady_s
        sensed = any(place.has_item for place in places)
        self._rest_s = 2.0 + 2 * period_s + (locker.item_steady_s if sensed else 0.0)
        self._forgotten_s = FORGOTTEN_SHARE * locker.ajar_s
        self._blink_s = locker.item_steady_s / 3
        self._steps: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._now_s = 0.0
        self._next_s = 0.0
        for place in places:
            place.full = rng.random() < _HALF_FULL
            place.show()

    def advance(self, elapsed_s: float, speed: float) -> None:
        """So much of their time goes by; the day runs `speed` times as fast as the clock."""
        self._now_s += elapsed_s
        while self._steps and self._steps[0][0] <= self._now_s:
            heapq.heappop(self._steps)[2]()
        while self._next_s <= self._now_s:
            self._next_s += max(SOONEST_S, self._rng.expovariate(speed / EVERY_S))
            self._come()

    def move(self, number: int, *, closed: bool) -> None:
        """Somebody opens or closes this door by hand."""
        place = self.places[number]
        self.truth["door.opened"] += place.closed and not closed
        place.closed = closed

    def soil(self, number: int, *, dirty: bool) -> None:
        """From now on the sensor of that compartment lies, or does so no more."""
        self.places[number].dirty = dirty
        self.places[number].show()

    def state(self) -> Mapping[str, int]:
        """What truly happened and is: openings, deliveries, collections, open doors, parcels (not those behind a sensor
        that lies), compartments.
        """
        sensed = {place.number for place in self.places.values() if place.has_item}
        now = {
            "total": len(self.places),
            "door_open": sum(not place.closed for place in self.places.values()),
        }
        if len(sensed) == len(self.places):
            now["occupied"] = sum(place.full and not place.dirty for place in self.places.values())
        return {**self.truth, **now}

    def _come(self) -> None:
        free = [
            place
            for place in self.places.values()
            if not (place.taken or place.dirty or (self.rush and place.full)) and place.closed
        ]
        if not free:
            return
        place = self._rng.choice(free)
        place.taken = True
        self.move(place.number, closed=False)
        self._after(self._step_s, lambda: self._exchange(place))
        if self._rng.random() < BLINKS:
            self._blink()

    def _exchange(self, place: Place) -> None:
        if place.has_item:
            self.truth["parcel.collected" if place.full else "parcel.delivered"] += 1
        place.full = not place.full
        place.show()
        forgets = self._rng.random() < FORGOTTEN
        self._after(self._step_s + self._forgotten_s * forgets, lambda: self._leave(place))

    def _leave(self, place: Place) -> None:
        self.move(place.number, closed=True)
        self._after(self._rest_s, lambda: self._rested(place))

    def _rested(self, place: Place) -> None:
        place.taken = False

    def _blink(self) -> None:
        quiet = [place for place in self.places.values() if place.has_item and not place.taken and not place.dirty]
        if quiet:
            place = self._rng.choice(quiet)
            place.taken = True
            self.soil(place.number, dirty=True)
            self._after(self._blink_s, lambda: self.soil(place.number, dirty=False))
            self._after(self._blink_s + self._rest_s, lambda: self._rested(place))

    def _after(self, wait_s: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._steps, (self._now_s + wait_s, next(self._order), then))
