"""Locker boards of the twin on a pseudo-terminal, and our owner of the line that polls them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ptys import Adapter, Serving

from agent.bus import Answered, Outcome
from agent.bus.serial_line import SerialOwner
from agent.twin.board_speech import Cabinet
from agent.twin.boards import Boards
from config.bus_settings import SerialBus
from drivers.board_line import BoardLine, BoardOnLine
from drivers.lockers import Language

CHANNELS = {"kerong_cu48b": 48, "cu48_modbus": 48, "lock32_8a80": 32, "lock24_8a80": 24, "yt_ascii": 24}


class Station(NamedTuple):
    """A board as the schedule knows it."""

    id: str
    bus: str
    period_s: float
    fingerprint: None = None


class Site:
    """`count` boards of one language: what is true of them, and what our line asks."""

    def __init__(self, spoken: Language, count: int, period_s: float) -> None:
        self.language = spoken
        channels = CHANNELS.get(spoken.name, 16)
        step = channels if spoken.numbered_through else 1
        numbers = [spoken.addresses[0] + n * step for n in range(count)]
        self.boards = Boards(spoken, {number: Cabinet([True] * channels) for number in numbers})
        asks = {f"board-{number}": spoken.asks(number, channels) for number in numbers}
        self.line = BoardLine(
            spoken, [BoardOnLine(f"board-{number}", number, channels, asks[f"board-{number}"]) for number in numbers]
        )
        self.stations = [(Station(name, "line", period_s), questions) for name, questions in asks.items()]

    @property
    def cabinets(self) -> list[Cabinet]:
        return list(self.boards.cabinets.values())

    def truth(self, board: int) -> dict[str, bool]:
        """What is true of the board at that place on the line, by point."""
        cabinet = self.cabinets[board]
        doors = {f"door.{n}": closed for n, closed in enumerate(cabinet.closed, 1)}
        items = {f"item.{n}": present for n, present in enumerate(cabinet.present, 1)}
        return doors | (items if self.language.has_item else {})

    def said(self, outcomes: Sequence[Outcome], board: int) -> dict[str, object]:
        """What was answered last, by point."""
        name, asks = self.stations[board][0].id, self.stations[board][1]
        seen: dict[str, object] = {}
        for each in outcomes:
            if isinstance(each, Answered) and each.device == name:
                seen |= dict(zip(asks[each.ask].points, each.batch.values, strict=True))
        return seen


@contextmanager
def polled(site: Site, adapter: Adapter, timeout_s: float = 1.0) -> Iterator[tuple[SerialOwner, Serving]]:
    """The boards served at `adapter` and polled by the owner of the line, which sends nothing but their queries."""
    bus = SerialBus("line", str(adapter.link), 115200, "none", 1, timeout_s)
    serving = Serving(adapter.fd, site.boards.hear)
    owner = SerialOwner(bus, site.stations, site.language.allows, site.line.unasked)
    owner.start()
    try:
        yield owner, serving
    finally:
        owner.stop()
        serving.close()
