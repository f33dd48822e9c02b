"""All lockers of a simulated site: their boards on their lines, the people who come, and what is true of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from agent.capacity import listens
from agent.clock import boot_seconds
from agent.twin.board_speech import Cabinet
from agent.twin.board_wire import BoardWire
from agent.twin.people import People, Place
from config.locker_settings import Board, Locker
from config.settings import Settings
from drivers.lockers import language

TICK_S = 0.05


class Reader:
    """Whether somebody reads a line, and since when (`since_s`; None: nobody does)."""

    def __init__(self, wire: BoardWire, patience_s: float, *, hosted: bool) -> None:
        self._wire, self._patience_s, self._hosted = wire, patience_s, hosted
        self._asked = 0
        self._seen_s = -patience_s
        self.since_s: float | None = None

    def watch(self, now_s: float) -> None:
        """Look again."""
        asked = sum(self._wire.boards.asked.values())
        if self._wire.plugged and (self._wire.read if self._hosted else asked != self._asked):
            self._seen_s = now_s
        self._asked = asked
        if not self._wire.plugged or now_s - self._seen_s >= self._patience_s:
            self.since_s = None
        elif self.since_s is None:
            self.since_s = now_s


class Lockers:
    """Every locker of `settings`. Same seed, same people."""

    def __init__(self, settings: Settings, folder: Path, seed: int) -> None:
        cabinets = {board.id: _cabinet(board) for board in settings.boards}
        self._settings = {locker.id: locker for locker in settings.lockers}
        self.people = {one.id: _people(one, cabinets, seed) for one in settings.lockers}
        self.wires: dict[str, BoardWire] = {}
        self._readers: dict[str, Reader] = {}
        for bus in settings.buses:
            if boards := [board for board in settings.boards if board.bus == bus.id]:
                period_s, hosted = min(board.period_s for board in boards), listens(bus)
                plays = {board.address: cabinets[board.id] for board in boards}
                speaks, link = language(boards[0].language), folder / f"tty-{bus.id}"
                self.wires[bus.id] = wire = BoardWire(speaks, plays, link, period_s if hosted else None)
                self._readers[bus.id] = Reader(wire, 1.0 + 3 * period_s, hosted=hosted)
        self._ticking: asyncio.Task[None] | None = None

    def start(self, pace: Callable[[], float], rush: Callable[[], bool]) -> None:
        """Let people come; `pace` is how much faster than the clock the day runs now, 0 while it stands still, and
        `rush` whether couriers bring and nobody fetches."""
        if self.people:
            self._ticking = asyncio.create_task(self._tick(pace, rush))

    def close(self) -> None:
        """Nobody comes any more."""
        if self._ticking is not None:
            self._ticking.cancel()

    def truth(self) -> dict[str, Mapping[str, int]]:
        """For each locker what truly happened and is."""
        return {name: people.state() for name, people in self.people.items()}

    def heard(self, name: str) -> bool:
        """Whether all boards of a locker were read for so long that a reader knows every door and parcel."""
        locker, now_s = self._settings[name], boot_seconds()
        sensed = any(place.has_item for place in self.people[name].places.values())
        steady_s = max(locker.door_steady_s, locker.item_steady_s if sensed else 0.0)
        settle_s = steady_s + 2 * max(board.period_s for board in locker.boards) + 1.0
        since_s = [self._readers[board.bus].since_s for board in locker.boards]
        return all(one is not None and now_s - one >= settle_s for one in since_s)

    async def _tick(self, pace: Callable[[], float], rush: Callable[[], bool]) -> None:
        last_s = boot_seconds()
        while True:
            await asyncio.sleep(TICK_S)
            now_s, speed = boot_seconds(), pace()
            for reader in self._readers.values():
                reader.watch(now_s)
            for name, people in self.people.items():
                people.rush = rush()
                if speed and self.heard(name):
                    people.advance(now_s - last_s, speed)
            last_s = now_s


def _cabinet(board: Board) -> Cabinet:
    speaks = language(board.language)
    channels = board.channels if speaks.numbered_through else speaks.channels
    return Cabinet([True] * channels)


def _people(locker: Locker, cabinets: Mapping[str, Cabinet], seed: int) -> People:
    places = [
        Place(one.number, one.size, cabinets[board.id], one.channel - 1, _sees_items(board))
        for board in locker.boards
        for one in board.compartments
    ]
    return People(locker, places, Random(f"{seed} {locker.id}"))  # noqa: S311, a simulation is meant to be repeatable


def _sees_items(board: Board) -> bool:
    return board.item_sensor is not False and language(board.language).has_item
