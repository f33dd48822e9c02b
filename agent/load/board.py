"""A lock board's answers as what its compartments do: which channel is whose, which way round, and how fresh it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

from agent.load.compartment import Compartment, Fault, Happening, Patience, Stay
from config.locker_settings import Board

DENSE_S = 5.0
"""A person cannot open a door, put a parcel in or out, and close it, between two readings no further apart."""

_NO_CLOCK_S = 1e12

SPOILT = frozenset({"crc", "unit", "function", "count", "length", "transaction", "protocol", "garbage"})
"""Misses that tell of a board that says something, if nothing that can be understood."""

Values = Sequence[int | float | bool | None]
Points = tuple[str, ...]


class _Wire(NamedTuple):
    """A value of an answer: which compartment's door or item it is, and what stands for closed or present."""

    position: int
    number: int
    compartment: Compartment
    is_door: bool
    means: bool


class _Reading:
    """What one query of the board brings. `values` are those of the last answer, None when it is too old."""

    __slots__ = ("heard_s", "values", "waiting", "wires")

    def __init__(self, wires: Sequence[_Wire], at_s: float) -> None:
        self.wires = wires
        self.heard_s = at_s
        self.values: Values | None = None
        self.waiting = False


class BoardModel:
    """The compartments of one board by number. `asked` are the points of each of its queries.

    Nothing is made of an answer that is like the one before, unless something waits to be steady: `changes` counts
    what something was made of.
    """

    def __init__(self, board: Board, patience: Patience, asked: Iterable[Points], at_s: float) -> None:
        asked = tuple(asked)
        told = {point for points in asked for point in points}
        self.board = board
        self.has_item = any(point.startswith("item.") for point in told)
        self.compartments = {
            one.number: Compartment(patience, has_item=f"item.{one.channel}" in told) for one in board.compartments
        }
        self.changes = 0
        self._by_channel = {one.channel: one.number for one in board.compartments}
        self._asked = {points: _Reading(self._wires(points), at_s) for points in asked}
        self.heard = False
        """Whether an answer is known that is not too old."""
        self._blind_s = at_s
        self.reason = ""
        """Why the last query brought no answer; empty when it did."""
        self.turned = False
        """Whether the last answer was unlike the one before: a second look soon tells whether that lasts."""
        self._kept: list[object] | None = None

    # --- what the wire says ---

    def hear(self, points: Points, values: Values, at_s: float) -> list[tuple[int, Happening]]:
        """An answer, or a report that nobody asked for; what happened, by compartment."""
        reading = self._asked.get(points)
        if reading is None:
            return self._report(points, values, at_s)
        if at_s - reading.heard_s > DENSE_S:
            self._blind_s = at_s
        before, reading.heard_s, self.reason = reading.values, at_s, ""
        same = values == before
        self.turned = before is not None and not same
        if same and not reading.waiting:
            return []
        reading.values, self.heard = values, True
        wires = reading.wires if before is None or reading.waiting else _turned(reading.wires, before, values)
        happened = self._take(wires, values, at_s)
        reading.waiting = any(_waits(wire) for wire in reading.wires)
        return happened

    def order(self, points: Points, at_s: float) -> None:
        """A foreign host orders these doors to open."""
        for wire in self._wires(points):
            wire.compartment.order(at_s)

    def missed(self, reason: str) -> None:
        """A query brought no answer."""
        self.reason = reason

    def advance(self, at_s: float) -> None:
        """Let go of what is too old; each second."""
        for reading in self._asked.values():
            if reading.values is not None and at_s - reading.heard_s > self.board.silent_s:
                self._lost(reading, at_s)

    def silence(self, at_s: float) -> Fault | None:
        """Why nothing is heard of the board; None while something is, `none` while it is too early to say."""
        if self.heard:
            return None
        if not self.reason and all(at_s - one.heard_s <= self.board.silent_s for one in self._asked.values()):
            return "none"
        spoilt = self.reason in SPOILT or self.reason.startswith("exception_")
        return "comm_error" if spoilt else "board_offline"

    def said(self) -> dict[str, int | float | bool | None]:
        """What the board said last, by point, as its language documents it; nothing of what is too old."""
        now = [(points, reading.values) for points, reading in self._asked.items()]
        return {
            point: value
            for points, values in now
            if values is not None
            for point, value in zip(points, values, strict=True)
        }

    @property
    def heard_s(self) -> float:
        """Before this moment nothing of what it said was said: the oldest of its answers."""
        return min(reading.heard_s for reading in self._asked.values())

    def _take(self, wires: Iterable[_Wire], values: Values, at_s: float) -> list[tuple[int, Happening]]:
        self._kept = None
        self.changes += 1
        heard = ((wire.number, self._pass(wire, values[wire.position], at_s)) for wire in wires)
        return [(number, happening) for number, happening in heard if happening is not None]

    def _pass(self, wire: _Wire, value: int | float | bool | None, at_s: float) -> Happening | None:
        said = None if value is None else bool(value) is wire.means
        if wire.is_door:
            return wire.compartment.hear_door(said, at_s)
        return wire.compartment.hear_item(said, at_s, self._blind_s)

    def _report(self, points: Points, values: Values, at_s: float) -> list[tuple[int, Happening]]:
        """What a board tells unasked is no more than news: it says nothing of the channels it does not name."""
        if self.silence(at_s) is not None:
            return []
        happened = self._take(self._wires(points), values, at_s)
        self._look_again()
        return happened

    def _look_again(self) -> None:
        """The next answers count, even when they are like the last."""
        for reading in self._asked.values():
            reading.waiting = True

    def _lost(self, reading: _Reading, at_s: float) -> None:
        reading.values, self._kept = None, None
        self.heard = any(one.values is not None for one in self._asked.values())
        self.changes += 1
        for compartment in {wire.number: wire.compartment for wire in reading.wires}.values():
            compartment.away(at_s)
        self._look_again()

    def _wires(self, points: Points) -> list[_Wire]:
        """The channels that are wired, doors first: what is in a compartment is judged by its door."""
        found = []
        for position, point in enumerate(points):
            kind, _, channel = point.partition(".")
            number = self._by_channel.get(int(channel))
            if number is not None:
                is_door = kind == "door"
                means = not (self.board.inverted if is_door else self.board.item_inverted)
                found.append(_Wire(position, number, self.compartments[number], is_door, means))
        return sorted(found, key=lambda wire: not wire.is_door)

    # --- what outlives the process ---

    def state(self) -> list[object]:
        """How it is wired, each compartment's door and item, and since when parcels are there, as JSON can hold it."""
        if self._kept is None:
            stays = [
                [number, round(one.stay.start_s, 1), int(one.stay.exact)]
                for number, one in self.compartments.items()
                if one.stay is not None
            ]
            doors, items = _letters(one.door.state for one in self._all), _letters(_settled(one) for one in self._all)
            self._kept = [self._mark, doors, items, stays]
        return self._kept

    def restore(self, kept: object, shift_s: float, at_s: float) -> bool:
        """Take up what another run left; False when that is of another wiring. Its times are ours less `shift_s`.

        ValueError for what is no state.
        """
        match kept:
            case [str(mark), str(doors), str(items), list(stays)]:
                pass
            case _:
                raise ValueError("not the state of a board")
        if mark != self._mark or not len(doors) == len(items) == len(self.compartments):
            return False
        since = dict(_stays(stays, shift_s))
        for (number, one), door, item in zip(self.compartments.items(), doors, items, strict=True):
            present = _BITS.get(item)
            one.restore(_BITS.get(door), present, since.get(number) if present else None, at_s)
        return True

    def shift(self, before_s: float, shift_s: float) -> None:
        """Parcels that are there since `before_s` or earlier are so since `shift_s` later (earlier, where negative)."""
        self._kept = None
        for one in self._all:
            if one.stay is not None and one.stay.start_s <= before_s:
                one.stay.start_s += shift_s

    @property
    def _all(self) -> Iterable[Compartment]:
        return self.compartments.values()

    @property
    def _mark(self) -> str:
        """Tells a wiring from others: what was known of one says nothing of another."""
        board = self.board
        wiring = [[one.number, one.channel] for one in board.compartments]
        how = [board.language, board.address, wiring, board.inverted, board.item_inverted, self.has_item]
        return f"{crc32(json.dumps(how).encode()):08x}"


_BITS = {"1": True, "0": False}


def _letters(states: Iterable[bool | None]) -> str:
    return "".join("?" if state is None else str(int(state)) for state in states)


def _settled(one: Compartment) -> bool | None:
    return None if one.conflict or one.item.flapping else one.item.state


def _stays(written: Sequence[object], shift_s: float) -> Iterator[tuple[int, Stay]]:
    for one in written:
        match one:
            case [int(number), int(start_s) | float(start_s), int(exact)] if abs(start_s) < _NO_CLOCK_S:
                yield number, Stay(start_s + shift_s, bool(exact))
            case _:
                raise ValueError("not a stay")


def _turned(wires: Iterable[_Wire], before: Values, values: Values) -> list[_Wire]:
    return [wire for wire in wires if values[wire.position] is not before[wire.position]]


def _waits(wire: _Wire) -> bool:
    contact = wire.compartment.door if wire.is_door else wire.compartment.item
    return contact.waiting
