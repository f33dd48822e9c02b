"""What every locker board's language offers: status queries, strict answers, and the meaning of a frame on its line.

A language is one file here; the file's name is its name in TOML, and there is no list to edit. It has one name,
`LANGUAGE`. No file here can say "open": what opens a door is known only to be recognised when a host says it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from config.device_settings import Trust
from drivers import Ask, FrameError, Guard

Bits = tuple[bool | None, ...]
Kind = Literal["query", "status", "report", "open", "other"]


@dataclass(frozen=True, slots=True)
class Said:
    """What one whole frame says.

    `query` asks boards for their status, `status` answers it, `report` is a change that a board tells unasked, `open`
    moves locks and comes from a foreign host only, `other` is anything else of the language. `board` None: all
    boards, or the frame does not tell. `channels` are the doors meant, none: all of the board. A `status` or a `report`
    has `points` and their `values`; the points of a query are the kinds it asks for, none: all that the board has.
    """

    kind: Kind
    name: str
    board: int | None = None
    channels: tuple[int, ...] = ()
    points: tuple[str, ...] = ()
    values: Bits = ()

    @property
    def states(self) -> dict[str, bool | None]:
        """What it tells of each point; a query tells nothing."""
        return dict(zip(self.points, self.values, strict=True)) if self.values else {}

    def wants(self, points: tuple[str, ...]) -> bool:
        """Whether a query asks for these points of an ask."""
        if self.channels:
            return points == tuple(f"door.{channel}" for channel in self.channels)
        return not self.points or points[0].partition(".")[0] in self.points


@dataclass(frozen=True, slots=True)
class Language:
    """One board language as facts and pure functions.

    `channels` is the most a board has, `baud` what boards are delivered with (always 8N1), `addresses` the numbers a
    board may have, `has_item` whether it senses goods, `unsolicited` whether boards report changes unasked.
    `numbered_through`: channels are numbered through all boards, and a board is named by its first. `orders_echoed`:
    the answer to an order is the order itself.
    `source` is where the frames were read: none is the maker's own paper, so `trust` is experimental for all.

    A door is True where the board says what its language documents as closed, an item True where one is present;
    None where the board says that it does not know. What is the other way round on a site is put right later.
    """

    name: str
    boards: str
    source: str
    channels: int
    baud: int
    addresses: range
    made: Callable[[int, int, bool], tuple[Ask, ...]]
    allows: Guard
    describe: Callable[[bytes], Said | None]
    lengths: Callable[[bytes | bytearray], tuple[int, ...]]
    has_item: bool = False
    unsolicited: bool = False
    numbered_through: bool = False
    orders_echoed: bool = False
    trust: Trust = "experimental"

    def asks(self, board: int, channels: int, items: bool = True) -> tuple[Ask, ...]:
        """The status queries of one board: points `door.1` to `door.N` and, where it has them, `item.1` to `item.N`.

        `channels` is the highest in use; `items` False where no item sensor is fitted. ValueError when there is no such
        board.
        """
        if board not in self.addresses:
            raise ValueError(f"{self.name}: no board {board}")
        if not 1 <= channels <= self.channels:
            raise ValueError(f"{self.name}: no channel {channels}")
        return self.made(board, channels, items and self.has_item)

    def report(self, buffer: bytearray) -> Said | None:
        """Take a report that nobody asked for off the front of `buffer`.

        None: bytes are missing. FrameError: no report begins here. Neither consumes anything.
        """
        if not self.unsolicited:
            raise FrameError("function", buffer)
        for length in self.lengths(buffer):
            if len(buffer) < length:
                return None
            said = self.describe(bytes(buffer[:length]))
            if said is not None and said.kind == "report":
                del buffer[:length]
                return said
        raise FrameError("function", buffer)


def names() -> tuple[str, ...]:
    """The languages that there are, in the order of the alphabet."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def language(name: str) -> Language:
    """The language of that name. KeyError where there is none."""
    if name not in names():
        raise KeyError(name)
    found = import_module(f"{__name__}.{name}").LANGUAGE
    assert isinstance(found, Language)
    return found
