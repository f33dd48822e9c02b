"""The saturation machine of a line or a site: in which state it is, why, and since when.

Levels rise and fall by thresholds that must hold for a time (`config.load_settings.Thresholds`), one step an
evaluation; only OVERFLOW is entered from anywhere. Beside the levels stand three states that say that no level can be
told: UNKNOWN (the figures are stale or bad), STOPPED and SUSPENDED (an input or the bureau says so). From these it
comes back to the level it left while the figures are not below where that ends, else to what they say now. So it does
at the end of a drill, to the level before that: what a drill brought about ends with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from agent.load.ways import OVERFLOW, Figure, Rise, Signs, fall_of, falls, rises, value_of
from config.load_settings import Mode, Thresholds

State = Literal["UNKNOWN", "STOPPED", "SUSPENDED", "NORMAL", "BUSY", "SATURATED", "OVERFLOW"]
Cause = Literal[
    "load_index",
    "fill_ratio",
    "tts_min",
    "stale",
    "bad",
    "no_figures",
    "stopped",
    "running",
    "suspended",
    "resumed",
    "known",
    "exercise_over",
]
LEVELS: tuple[State, ...] = ("NORMAL", "BUSY", "SATURATED", "OVERFLOW")
STATES: tuple[State, ...] = get_args(State)
CAUSES: tuple[Cause, ...] = get_args(Cause)
STOPPED_S = 120.0
"""A line is called stopped when its run input said so for this long."""

RUNS_S = 60.0
"""And runs again when it said that for this long."""

KNOWN_S = 60.0
"""A state is told again when its figures were there for this long."""

SETTLED_S = 300.0
"""And were drawn over at least this much: less would call a chance a level."""

BREAK_S = 60.0
"""What held before so long a break in the evaluations has not held through it."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state: its cause, the figure and the threshold it passed, how long that had held, in which mode."""

    before: State
    after: State
    cause: Cause
    value: float | None
    threshold: float | None
    held_s: float
    mode: Mode


class Passed(NamedTuple):
    """A limit that a figure has passed, for how long."""

    cause: Figure
    limit: float
    held_s: float


class Machine:
    """`state` since boot-clock second `since_s`, caused by `cause`. `rank` is the last level that could be told. In a
    drill what is left of the level before it waits for its end.
    """

    __slots__ = (
        "_at_s",
        "_before_drill",
        "_falling",
        "_held",
        "_limits",
        "_patience_s",
        "_rising",
        "_ways",
        "cause",
        "rank",
        "since_s",
        "state",
    )

    def __init__(self, patience_s: float) -> None:
        """Figures may be missing for `patience_s` before the state is called unknown."""
        self._patience_s = patience_s
        self._held: dict[str, tuple[bool, float]] = {}
        self._rising: dict[Rise, float] = {}
        self._falling: dict[int, float] = {}
        self._limits: Thresholds | None = None
        self._ways: tuple[Rise, ...] = ()
        self._at_s: float | None = None
        self.state: State = "UNKNOWN"
        self.cause: Cause = "no_figures"
        self.rank = 0
        self._before_drill: int | None = None
        self.since_s: float | None = None

    def advance(self, at_s: float, signs: Signs, limits: Thresholds, mode: Mode) -> Transition | None:
        """Judge at boot-clock second `at_s`; None where the state stays."""
        broken = self._at_s is None or at_s - self._at_s > BREAK_S
        if broken:
            self._held = {}
        if broken or limits is not self._limits:
            self._rising, self._falling, self._ways = {}, {}, rises(limits)
        lasted_s = 0.0 if self._at_s is None else at_s - self._at_s
        self._at_s, self._limits = at_s, limits
        if self.since_s is None:
            self.since_s = at_s
        if signs.exercise:
            self._before_drill = self.rank if self._before_drill is None else min(self._before_drill, self.rank)
        found = self._beside(at_s, signs, limits, mode)
        if found is None and self.state in LEVELS and signs.missing is None:
            found = self._level(at_s, lasted_s, signs, limits, mode)
        if found is not None:
            if not (found.before in LEVELS and found.after in LEVELS):
                self._rising, self._falling = {}, {}
            self.state, self.cause, self.since_s = found.after, found.cause, at_s
        return found

    def _lasts_s(self, key: str, true: bool, at_s: float) -> float:
        """For how long it has been so, or not so."""
        held = self._held.get(key)
        if held is None or held[0] is not true:
            held = self._held[key] = true, at_s
        return at_s - held[1]

    def _beside(self, at_s: float, signs: Signs, limits: Thresholds, mode: Mode) -> Transition | None:
        """Into, between and out of the states that are no level."""
        stopped, missing = signs.run is False, signs.missing is not None
        run_s, figures_s = self._lasts_s("stopped", stopped, at_s), self._lasts_s("missing", missing, at_s)
        drilled = self._before_drill is not None and not (signs.exercise or missing)
        state: State
        cause: Cause
        if signs.suspended:
            state, cause, held_s = "SUSPENDED", "suspended", 0.0
        elif (stopped and run_s > STOPPED_S) or (self.state == "STOPPED" and (stopped or run_s < RUNS_S)):
            state, cause, held_s = "STOPPED", "stopped", run_s if stopped else 0.0
        elif missing and (figures_s >= self._patience_s or signs.missing == "bad" or self._away):
            state, cause, held_s = "UNKNOWN", signs.missing or "no_figures", figures_s
        elif self.state == "UNKNOWN" and (missing or figures_s < KNOWN_S or signs.settled_s < SETTLED_S):
            return None
        elif self.state not in LEVELS or drilled:
            return self._back(signs, limits, mode)
        else:
            return None
        return None if state == self.state else Transition(self.state, state, cause, None, None, held_s, mode)

    @property
    def _away(self) -> bool:
        """Stopped or suspended: what comes after must not wait to be called unknown."""
        return self.state in {"STOPPED", "SUSPENDED"}

    def _back(self, signs: Signs, limits: Thresholds, mode: Mode) -> Transition | None:
        """To the level of before, unless the figures say that it has ended, or that it is higher. A mean over less time
        than a level must hold says nothing of that level."""
        met = next((rise for rise in self._ways if rise.met(signs) and rise.hold_s <= signs.settled_s), None)
        said = 0 if met is None else met.rank
        if self._before_drill is not None and not signs.exercise:
            self.rank, self._before_drill = self._before_drill, None
        kept = self.rank if self.rank and not falls(self.rank, signs, limits) else 0
        self.rank = max(said, kept)
        state = LEVELS[self.rank]
        if state == self.state:
            return None
        causes: dict[State, Cause] = {"STOPPED": "running" if signs.run else "known", "SUSPENDED": "resumed"}
        cause = causes.get(self.state, "exercise_over" if self.state in LEVELS else "known")
        return Transition(self.state, state, cause, signs.load_index, None, 0.0, mode)

    def _level(self, at_s: float, lasted_s: float, signs: Signs, limits: Thresholds, mode: Mode) -> Transition | None:
        met = [rise for rise in self._ways if rise.met(signs)]
        if not (met or self.rank or self._rising):
            return None
        self._hold(met, lasted_s, signs)
        for rise in met:
            held_s = self._rising[rise]
            if held_s >= rise.hold_s and rise.rank > self.rank:
                rank = OVERFLOW if rise.rank == OVERFLOW else self.rank + 1
                return self._to(rank, Passed(rise.cause, rise.limit, held_s), signs, mode)
        ended = [rank for rank in range(1, self.rank + 1) if falls(rank, signs, limits)]
        self._falling = {rank: self._falling.get(rank, at_s) for rank in ended}
        if self.rank not in ended or any(rise.rank >= self.rank for rise in met):
            return None
        limit, hold_s = fall_of(self.rank, limits)
        held_s = at_s - self._falling[self.rank]
        if held_s < hold_s:
            return None
        return self._to(self.rank - 1, Passed("load_index", limit, held_s), signs, mode)

    def _hold(self, met: list[Rise], lasted_s: float, signs: Signs) -> None:
        """Those that are met held for so much longer. A dip adds nothing; what fell deeper begins anew."""
        held_s = {rise: held_s for rise, held_s in self._rising.items() if rise.dipped(signs)}
        held_s.update({rise: held_s[rise] + lasted_s if rise in held_s else 0.0 for rise in met})
        self._rising = held_s

    def _to(self, rank: int, by: Passed, signs: Signs, mode: Mode) -> Transition:
        before, self.rank = self.state, rank
        return Transition(before, LEVELS[rank], by.cause, value_of(by.cause, signs), by.limit, by.held_s, mode)

    def kept(self) -> list[object]:
        """What must outlive the process, JSON-able."""
        return [self.state, self.cause, self.rank, self.since_s, self._before_drill]

    def restore(self, kept: object, shift_s: float) -> None:
        """Go on from `kept()` of an earlier run, whose boot clock was `shift_s` behind ours, also where it kept
        nothing of drills; ValueError, and nothing changed, for anything else. What held then begins to hold anew."""
        if not isinstance(kept, list) or len(kept) not in {4, 5}:
            raise ValueError("no state of a line")
        state, cause, rank, since_s, before_drill = kept if len(kept) == 5 else [*kept, None]
        ranks = range(OVERFLOW + 1)
        if state not in STATES or cause not in CAUSES or rank not in ranks or before_drill not in (None, *ranks):
            raise ValueError("no state of a line")
        if not isinstance(since_s, int | float | None):
            raise ValueError("no state of a line")
        self.state, self.cause, self.rank, self._before_drill = state, cause, rank, before_drill
        self.since_s = None if since_s is None else since_s + shift_s
