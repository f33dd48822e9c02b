"""All lockers of a site: hears their boards, and knows at each moment what every compartment is."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

from agent import log
from agent.bus import Answered, Missed
from agent.intake import Presence
from agent.load.board import BoardModel, Points, Values
from agent.load.instant import Instant
from agent.load.locker import DoorEvent, LockerModel
from agent.lockers.languages import asks, lines
from config.locker_settings import Board, Locker
from drivers import Ask, Told


class SiteLockers:
    """Follows these lockers. Lives in the beat's thread; only `told` may be called from another.

    `presence` is whether each board is heard, `asking` what each is asked, `lines` who is on each bus with boards.
    """

    def __init__(self, lockers: Sequence[Locker], now_s: float) -> None:
        boards = [board for locker in lockers for board in locker.boards]
        self.asking: list[tuple[Board, tuple[Ask, ...]]] = [(board, asks(board)) for board in boards]
        self.lines = lines(self.asking)
        self._points = {board.id: [ask.points for ask in asked] for board, asked in self.asking}
        self.models = {
            locker.id: LockerModel(locker, {one.id: self._points[one.id] for one in locker.boards}, now_s)
            for locker in lockers
        }
        self._home = {board.id: self.models[locker.id] for locker in lockers for board in locker.boards}
        self.presence = {board.id: Presence(None, "not_asked", now_s, None) for board in boards}
        self._all_online = False
        self._events: list[tuple[Locker, DoorEvent]] = []

    def owns(self, device: str) -> bool:
        """Whether `device` is a lock board."""
        return device in self._home

    # --- what the wires say ---

    def hear(self, outcome: Answered | Missed | Told) -> bool:
        """Take in what a wire told of a board; True when a second look soon would tell more."""
        home, device = self._home[outcome.device], outcome.device
        match outcome:
            case Answered(ask=ask, batch=batch):
                self.presence[device].answered_s = batch.at_s
                self._heard(home, device, self._points[device][ask], batch.values, batch.at_s)
                return home.boards[device].turned
            case Missed(reason=reason):
                home.boards[device].missed(reason)
                return False
            case Told(kind="open", points=points, at_s=at_s):
                home.order(device, points, at_s)
                return True
            case Told(points=points, values=values, at_s=at_s):
                self._heard(home, device, points, values, at_s)
                return True

    def _heard(self, home: LockerModel, board: str, points: Points, values: Values, at_s: float) -> None:
        for event in home.hear(board, points, values, at_s):
            log.event(f"compartment_{event.what}", logging.DEBUG, locker=home.locker.id, compartment=event.compartment)
            if home.locker.door_events:
                self._events.append((home.locker, event))

    def advance(self, at: Instant) -> None:
        """Each second: what is too old is let go, boards come and go."""
        for model in self.models.values():
            whole = model.advance(at)
            if not (whole and self._all_online):
                for device, board in model.boards.items():
                    self._watch(device, board, at.boot_s)

    def _watch(self, device: str, board: BoardModel, at_s: float) -> None:
        silence, seen = board.silence(at_s), self.presence[device]
        online = None if silence == "none" else silence is None
        reason = "answers" if silence is None else board.reason or "silent"
        if online is None or (online is seen.online and reason == seen.reason):
            return
        seen.online, seen.reason, seen.since_s = online, reason, at_s
        self._all_online = all(one.online for one in self.presence.values())
        log.event("board_online" if online else "board_offline", board=device, reason=reason)

    # --- what is known ---

    def take_events(self) -> list[tuple[Locker, DoorEvent]]:
        """What happened since the last call to the compartments of lockers that may tell it."""
        events, self._events = self._events, []
        return events

    def told(self, at_s: float) -> dict[str, object]:
        """Every compartment and what each board says, as JSON can hold it, for people on this machine."""
        return {
            "lockers": {name: list(_compartments(model, at_s)) for name, model in self.models.items()},
            "boards": {
                device: {"heard_s": home.boards[device].heard_s, "said": home.boards[device].said()}
                for device, home in self._home.items()
            },
        }

    # --- what outlives the process ---

    def streams(self) -> dict[str, int]:
        """What happened at all lockers since this run began, by stream."""
        return {name: count for model in self.models.values() for name, count in model.streams.items()}

    def state(self, at: Instant) -> Mapping[str, object]:
        """As JSON can hold it, by locker."""
        at = at.rounded(1)
        return {name: model.state(at) for name, model in self.models.items()}

    def restore(self, kept: Mapping[str, object], at: Instant) -> None:
        """Take up what another run left, as far as it fits; the rest begins anew, with a word in the log."""
        for name, model in self.models.items():
            if name not in kept:
                continue
            try:
                for board in model.restore(kept[name], at):
                    log.warn("board_state_left", board=board, reason="wired otherwise since")
            except ValueError as error:
                log.warn("locker_state_lost", locker=name, reason=error)


def _compartments(model: LockerModel, at_s: float) -> Iterator[dict[str, object]]:
    for one in sorted(model.compartments(at_s), key=lambda one: one.number):
        stay = one.compartment.stay
        stay_s = None if stay is None else round(at_s - stay.start_s)
        yield {"number": one.number, "size": one.size, **one.status._asdict(), "stay_s": stay_s}
