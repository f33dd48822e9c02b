"""A locker's load from its boards: how many compartments of each size are free, occupied, faulty, overdue.

The one rule behind every figure: it is what was seen, or it is None. A door that is closed says nothing of a parcel;
where no sensor looks, `occupied`, `free`, `overdue` and all that follows of them is None, never a guess. A board that
is not heard makes its compartments unknown, never what they last were.

Quality, the first that applies:

- `stale`: no board is heard.
- `unsupported`: no compartment has an item sensor, so only doors and faults are told.
- `partial`: some compartments are unknown, or have no item sensor.
- `good`: none of these.

`stay_quality` is that of overdue, dwell and turnover: `unsupported` without item sensors, `partial` where the beginning
of a stay or a part of the day was not seen (these figures are then what is certain: at least), else `good`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from agent.load.board import BoardModel, Points, Values
from agent.load.compartment import Compartment, Event, Happening, Patience, Status
from agent.load.instant import Instant
from agent.load.line_load import Quality
from agent.load.turnover import Day
from config.locker_settings import SIZES, Locker, Size

STREAMS: Mapping[Event, str] = {
    "opened": "door.opened",
    "delivered": "parcel.delivered",
    "collected": "parcel.collected",
}
"""What is counted of a locker, and as which stream of it."""

_UNKNOWN_FAULTS = ("board_offline", "comm_error")


class DoorEvent(NamedTuple):
    """Something happened to a compartment of a locker. It stays on this machine unless its operator allows more."""

    compartment: int
    what: Event
    at_s: float


class Share(NamedTuple):
    """Compartments of a locker, all or of one size, counted by what they are. None: no sensor tells.

    `occupied`, `free`, `faulty` and `unknown` add up to `total`. An open door is in `door_open` whatever else it is, at
    least: None where no door is known.
    """

    total: int
    occupied: int | None
    free: int | None
    faulty: int
    unknown: int
    door_open: int | None
    overdue: int | None
    turnover_day: float | None


class LockerLoad(NamedTuple):
    """A locker at one moment. `occupancy` is occupied / (total - faulty), None unless every compartment is known.

    `turnover_day` is parcels put in since local midnight for each compartment; `dwell_p50_h` and so on are of the
    parcels taken out since then, in tenths of an hour. `streams` count what happened since this run began.
    """

    all: Share
    by_size: Mapping[Size, Share]
    occupancy: float | None
    dwell_p50_h: float | None
    dwell_p90_h: float | None
    dwell_max_h: float | None
    quality: Quality
    stay_quality: Quality
    boards: int
    boards_heard: int
    streams: Mapping[str, int]


class Seen(NamedTuple):
    """A compartment of the locker and what it is now. `kind` is which of occupied, free, faulty and unknown it is,
    empty where no sensor tells the first two."""

    number: int
    size: Size | None
    compartment: Compartment
    status: Status
    kind: str


class LockerModel:
    """Follows one locker. `asked` are the points of each query to each of its boards, by board id."""

    def __init__(self, locker: Locker, asked: Mapping[str, Sequence[Points]], now_s: float) -> None:
        patience = Patience(locker.door_steady_s, locker.item_steady_s, locker.ajar_s)
        self.locker = locker
        self.boards = {one.id: BoardModel(one, patience, asked[one.id], now_s) for one in locker.boards}
        self._sizes: dict[int, Size | None] = {
            one.number: one.size for board in locker.boards for one in board.compartments
        }
        self._classes = set(self._sizes.values())
        self._counts: Counter[str] = Counter()
        self._day = Day()
        self._heard = 0
        self._undated: tuple[Instant, Instant] | None = None
        self._drawn: tuple[object, float, LockerLoad] | None = None

    def hear(self, board: str, points: Points, values: Values, at_s: float) -> list[DoorEvent]:
        """One answer of one board; what happened, oldest first."""
        happened = self.boards[board].hear(points, values, at_s)
        if not happened:
            return []
        for number, happening in happened:
            self._count(number, happening)
        return [DoorEvent(number, happening.what, happening.at_s) for number, happening in happened]

    def order(self, board: str, points: Points, at_s: float) -> None:
        """A foreign host orders these doors of a board to open: what it wants, not what is."""
        self.boards[board].order(points, at_s)
        self._drawn = None

    def _count(self, number: int, happening: Happening) -> None:
        stream = STREAMS.get(happening.what)
        if stream is not None:
            self._counts[f"{self.locker.id}.{stream}"] += 1
        if happening.what == "delivered":
            self._day.delivered(self._sizes[number] or "")
        elif happening.stay is not None:
            self._day.collected(happening.stay, happening.at_s)

    def advance(self, at: Instant) -> bool:
        """Let go of what is too old; each second. True when every board is heard."""
        self._heard = 0
        for board in self.boards.values():
            board.advance(at.boot_s)
            self._heard += board.heard
        whole = self._heard == len(self.boards)
        self._day.advance(at, whole=whole)
        return whole

    @property
    def streams(self) -> dict[str, int]:
        """What happened since this run began, by stream."""
        return dict(self._counts)

    @property
    def changes(self) -> int:
        """How often something was made of what its boards say; while it stays, only time changes the load."""
        return sum(board.changes for board in self.boards.values())

    def draw(self, at: Instant) -> LockerLoad:
        """The load at `at`, of all that was heard until now: the one drawn before, while it cannot be another."""
        self.advance(at)
        self._date(at)
        mark = self.changes, self._heard, self._day.number, self._day.partial
        if self._drawn is not None and self._drawn[0] == mark and at.boot_s < self._drawn[1]:
            return self._drawn[2]
        seen = list(self.compartments(at.boot_s))
        load = self._draw(at, seen)
        self._drawn = mark, self._holds_until_s(seen, at.boot_s), load
        return load

    def _holds_until_s(self, seen: Sequence[Seen], at_s: float) -> float:
        """Until when nothing but an answer can change what was seen: a silence and an order wait for more than that;
        open doors become ajar and parcels overdue."""
        if self._heard < len(self.boards) or any(one.compartment.ordered for one in seen):
            return at_s
        stays = [one.compartment.stay for one in seen if one.kind == "occupied"]
        limit_s = self._limit_s(at_s)
        overdue_s = [stay.start_s + (at_s - limit_s) for stay in stays if stay is not None and stay.start_s > limit_s]
        ajar_s = [one.compartment.ajar_s for one in seen if one.status.door == "open"]
        return min(chain(overdue_s, ajar_s), default=math.inf)

    def _draw(self, at: Instant, seen: Sequence[Seen]) -> LockerLoad:
        whole = self._share(seen, at.boot_s, self._day.deliveries())
        dwell = self._day.dwell
        by_size: dict[Size, Share] = {
            size: self._of_size(size, seen, at.boot_s) for size in SIZES if size in self._classes
        }
        return LockerLoad(
            all=whole,
            by_size=by_size,
            occupancy=_occupancy(whole),
            dwell_p50_h=dwell and dwell.p50_h,
            dwell_p90_h=dwell and dwell.p90_h,
            dwell_max_h=dwell and dwell.max_h,
            quality=_quality(seen, self._heard),
            stay_quality=self._stay_quality(seen),
            boards=len(self.boards),
            boards_heard=self._heard,
            streams=self.streams,
        )

    def compartments(self, at_s: float) -> Iterator[Seen]:
        """Each compartment, in the order of boards and channels, as it is at `at_s`."""
        for board in self.boards.values():
            silence = board.silence(at_s)
            for number, one in board.compartments.items():
                status = one.status(at_s, silence)
                yield Seen(number, self._sizes[number], one, status, _kind(status))

    def _of_size(self, size: Size, seen: Sequence[Seen], at_s: float) -> Share:
        return self._share([one for one in seen if one.size == size], at_s, self._day.deliveries(size))

    def _share(self, seen: Sequence[Seen], at_s: float, deliveries: int | None) -> Share:
        kinds, doors = [one.kind for one in seen], [one.status.door for one in seen]
        sensed = all(one.compartment.has_item for one in seen)
        limit_s = self._limit_s(at_s)
        stays = [one.compartment.stay for one in seen if one.kind == "occupied"]
        return Share(
            total=len(seen),
            occupied=kinds.count("occupied") if sensed else None,
            free=kinds.count("free") if sensed else None,
            faulty=kinds.count("faulty"),
            unknown=kinds.count("unknown"),
            door_open=None if doors.count("unknown") == len(doors) else doors.count("open") + doors.count("ajar"),
            overdue=sum([stay is not None and stay.start_s <= limit_s for stay in stays]) if sensed else None,
            turnover_day=deliveries / len(seen) if sensed and deliveries is not None else None,
        )

    def _limit_s(self, at_s: float) -> float:
        """A parcel that came in until then is overdue at `at_s`."""
        return at_s - 3600.0 * self.locker.overdue_h

    def _stay_quality(self, seen: Sequence[Seen]) -> Quality:
        if not any(one.compartment.has_item for one in seen):
            return "unsupported"
        stays = [one.compartment.stay for one in seen if one.compartment.stay]
        known = all(one.status.usage != "unknown" for one in seen) and all(stay.exact for stay in stays)
        return "good" if known and not self._day.partial else "partial"

    # --- what outlives the process ---

    def state(self, at: Instant) -> dict[str, object]:
        """What the next run needs, as JSON can hold it."""
        self._date(at)
        return {
            "at": at.to_list(),
            "day": self._day.state(),
            "boards": {board: model.state() for board, model in self.boards.items()},
        }

    def restore(self, kept: object, at: Instant) -> list[str]:
        """Take up what another run left; the boards that are wired otherwise since, which begin anew.

        Parcels that are still there stay on, at least as long as they had been there. ValueError for what is no state.
        """
        match kept:
            case {"at": moment, "day": day, "boards": dict(boards)}:
                left = Instant.from_list(moment)
            case _:
                raise ValueError("not the state of a locker")
        self._day.restore(day)
        self._drawn = None
        away_s = at.since_s(left)
        self._undated = (left, at) if away_s is None else None
        shift_s = at.boot_s - left.boot_s - (away_s or 0.0)
        known = {board: model for board, model in self.boards.items() if board in boards}
        return [board for board, model in known.items() if not model.restore(boards[board], shift_s, at.boot_s)]

    def _date(self, at: Instant) -> None:
        """Parcels of before a reboot are dated once the clock tells how long the machine was off."""
        if self._undated is None or (away_s := at.since_s(self._undated[0])) is None:
            return
        restored, self._undated = self._undated[1], None
        self._drawn = None
        for board in self.boards.values():
            board.shift(restored.boot_s, at.boot_s - away_s - restored.boot_s)


def _kind(status: Status) -> str:
    if status.usage is not None:
        return status.usage
    if status.fault in _UNKNOWN_FAULTS or status.door == "unknown":
        return "unknown"
    return "" if status.fault == "none" else "faulty"


def _occupancy(whole: Share) -> float | None:
    usable = whole.total - whole.faulty
    return None if whole.occupied is None or whole.unknown or not usable else whole.occupied / usable


def _quality(seen: Sequence[Seen], heard: int) -> Quality:
    if not heard:
        return "stale"
    if not any(one.compartment.has_item for one in seen):
        return "unsupported"
    known = all(one.compartment.has_item and one.status.usage != "unknown" for one in seen)
    return "good" if known else "partial"
