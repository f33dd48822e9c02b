"""Who is meant on a line with locker boards: a frame's board number as the devices of the site, reports unasked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drivers import Ask, Told
from drivers.lockers import Language, Said


@dataclass(frozen=True, slots=True)
class BoardOnLine:
    """A board by its device's id; `asks` are its status queries, or those of them that are asked."""

    device: str
    board: int
    channels: int
    asks: tuple[Ask, ...]


class BoardLine:
    """The boards of one line, all of one language."""

    def __init__(self, language: Language, boards: Iterable[BoardOnLine]) -> None:
        self.language = language
        self.boards = tuple(boards)

    def whose(self, said: Said) -> list[BoardOnLine]:
        """The boards that a frame is about; none where it is about strangers."""
        if self.language.numbered_through:
            boxes = said.channels if said.board is None else (said.board,)
            return [one for one in self.boards if any(one.board <= box < one.board + one.channels for box in boxes)]
        return [one for one in self.boards if said.board in (None, one.board)]

    def told(self, said: Said, at_s: float) -> list[Told]:
        """A report or an order, as what it tells of each of the boards it is about."""
        return list(self._told(said, at_s))

    def unasked(self, buffer: bytearray, at_s: float) -> list[Told] | None:
        """Take a report that nobody asked for off the front of `buffer`: what it tells, nothing where of strangers.

        None: bytes are missing. FrameError: no report begins here. Neither consumes anything.
        """
        said = self.language.report(buffer)
        return None if said is None else self.told(said, at_s)

    def _told(self, said: Said, at_s: float) -> Iterator[Told]:
        for one in self.whose(said):
            doors = {f"door.{n}" for n in range(1, one.channels + 1)}
            if said.kind == "open":
                meant = [f"door.{n}" for n in self._channels(said, one) or range(1, one.channels + 1)]
                if known := tuple(door for door in meant if door in doors):
                    yield Told(one.device, "open", known, (), at_s)
            elif said.points and doors.issuperset(said.points):
                yield Told(one.device, "report", said.points, said.values, at_s)

    def _channels(self, said: Said, of: BoardOnLine) -> list[int]:
        first = of.board if self.language.numbered_through else 1
        return [channel - first + 1 for channel in said.channels]
