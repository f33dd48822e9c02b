"""What people truly did at a simulated locker is what the model of a locker finds in its boards' readings."""

from __future__ import annotations

from random import Random

import pytest
from locker_world import MORNING_S, asked, locker

from agent.load.instant import Instant
from agent.load.locker import LockerModel
from agent.twin.board_speech import Cabinet
from agent.twin.people import People, Place

TICK_S = 0.05


class Watched:
    """People at a locker of eight compartments, read each `period_s`."""

    def __init__(self, seed: int, period_s: float, *, items: bool = True) -> None:
        of, self.points = locker(8), asked(8, items=items)
        self.cabinet = Cabinet([True] * 8)
        places = [Place(n, None, self.cabinet, n - 1, items) for n in range(1, 9)]
        self.people = People(of, places, Random(seed))
        self.model = LockerModel(of, {"west_1": [self.points]}, 0.0)
        self.now_s = 0.0
        self.period_s = period_s
        self.items = items
        self._due_s = 0.0

    @property
    def at(self) -> Instant:
        return Instant("boot", self.now_s, MORNING_S + self.now_s, "ntp")

    def run(self, seconds: float, speed: float) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += TICK_S
            if speed:
                self.people.advance(TICK_S, speed)
            if self.now_s >= self._due_s:
                self._due_s = self.now_s + self.period_s
                values = (*self.cabinet.closed, *(self.cabinet.present if self.items else ()))
                self.model.hear("west_1", self.points, tuple(values), self.now_s)
                self.model.advance(self.at)

    def found(self) -> dict[str, int]:
        load = self.model.draw(self.at)
        found = {name.removeprefix("west."): count for name, count in load.streams.items()}
        found |= {"total": load.all.total, "door_open": load.all.door_open}
        return found | ({} if load.all.occupied is None else {"occupied": load.all.occupied})


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("period_s", [0.5, 2.0])
def test_the_truth_about_people_is_found(seed: int, period_s: float) -> None:
    site = Watched(seed, period_s)
    site.run(30, speed=0)
    site.run(600, speed=3.0)
    site.run(30, speed=0)
    truth = site.people.state()
    assert truth["parcel.delivered"] > 20
    assert truth["parcel.collected"] > 20
    assert site.found() == truth


def test_without_sensors_only_doors_are_told() -> None:
    site = Watched(1, 1.0, items=False)
    site.run(30, speed=0)
    site.run(300, speed=2.0)
    site.run(5, speed=0)
    assert site.found() == dict(site.people.state())
    assert set(site.found()) == {"door.opened", "total", "door_open"}


def test_a_sensor_that_lies_delivers_nothing() -> None:
    site = Watched(1, 1.0)
    site.run(60, speed=0)
    site.people.soil(3, dirty=True)
    site.run(60, speed=0)
    assert "parcel.delivered" not in site.found()
    assert site.model.draw(site.at).all.faulty == 1


def test_the_same_seed_brings_the_same_people() -> None:
    first, again = Watched(5, 1.0), Watched(5, 1.0)
    for site in (first, again):
        site.run(120, speed=2.0)
    assert first.people.state() == again.people.state()
