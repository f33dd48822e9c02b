"""What a played day was worth: real episodes beside the states told, stops, a jam, warnings and forecasts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.load.early import LEVELS_MIN
from agent.load.machine import LEVELS, RUNS_S, STOPPED_S
from agent.load.standstill import QUIET_S
from config.load_settings import DEFAULTS, Thresholds
from tests.kit.judged_alarms import Alarms, judge_alarms
from tests.kit.judged_levels import LATE_S, WINDOW_STEPS, Real, episodes, is_due, told_spans, was_told
from tests.kit.judged_links import Available, judge_links
from tests.kit.played_day import FLOOR_PARCELS, LINES, SITE, STEP_S, Played

LEAST_STEPS = int(150.0 / STEP_S)
"""At the ends of a day the window is shorter; no level is told from less than twice that."""


@dataclass(frozen=True, slots=True)
class Levels:
    """How often a line or the site was truly at a level or above, and how often that was said.

    `short` of the episodes did not pass a threshold for as long as it must hold: they are rightly not told, but may be.
    `missed` of the others were not.
    """

    subject: str
    level: str
    episodes: int
    told: int
    short: int
    missed: int


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop as it was and as it was told, hours of the clock; None was never told."""

    subject: str
    began_s: float
    ended_s: float
    told_s: float | None
    over_s: float | None

    @property
    def right(self) -> bool:
        """Told when it had lasted long enough, and over when it ran again for long enough."""
        if self.told_s is None or self.over_s is None:
            return False
        began, ended = self.told_s - self.began_s - STOPPED_S, self.over_s - self.ended_s - RUNS_S
        return 0 <= began <= LATE_S and 0 <= ended <= LATE_S


@dataclass(frozen=True, slots=True)
class Full:
    """A floor that truly was full: when OVERFLOW was told, and how many minutes before each warning stood."""

    at_s: float
    told_s: float | None
    leads_min: dict[int, float]


@dataclass(frozen=True, slots=True)
class Judged:
    """One day. `tts_held` of `tts_claims` intervals held the truth. The jam is in seconds; a locker in looks."""

    levels: tuple[Levels, ...]
    stops: tuple[Stop, ...]
    fulls: tuple[Full, ...]
    jam_s: float
    blocked_s: float
    tts_claims: int
    tts_held: int
    counted: bool
    locker_right: float
    alarms: Alarms
    available: tuple[Available, ...]

    @property
    def faults(self) -> list[str]:
        """Everything that was not told as it was."""
        found = [f"{one.subject} {one.level}: {one.told} told, {one.episodes} real" for one in self._chatter()]
        found += [f"{one.subject} {one.level}: {one.missed} never told" for one in self.levels if one.missed]
        found += [f"{one.subject} stop at {one.began_s:.0f} s not told in time" for one in self.stops if not one.right]
        found += [f"full at {one.at_s:.0f} s not told" for one in self.fulls if one.told_s is None]
        found += [f"full at {one.at_s:.0f} s not warned of" for one in self.fulls if not one.leads_min]
        if abs(max(0.0, self.jam_s - QUIET_S) - self.blocked_s) > LATE_S:
            found.append(f"jam of {self.jam_s:.0f} s told as {self.blocked_s:.0f} s blocked")
        if not self.counted:
            found.append("totals differ")
        if self.locker_right < 0.9:
            found.append(f"the locker was right in {self.locker_right:.0%} of all looks")
        found += [fault for one in self.available for fault in one.faults]
        return [*found, *self.alarms.faults]

    def _chatter(self) -> Iterator[Levels]:
        return (one for one in self.levels if one.told > one.episodes)


def judge(day: Played) -> Judged:
    """Hold what was said of a day against what was true."""
    claims = list(_claims(day))
    locker = [look.occupied == look.occupied_told for look in day.looks if look.occupied_told is not None]
    jam = next(day.script.of("jam"), None)  # type: ignore[call-overload]
    return Judged(
        levels=tuple(_levels(day)),
        stops=tuple(_stops(day)),
        fulls=tuple(_fulls(day)),
        jam_s=jam.end_s - jam.begin_s if jam else 0.0,
        blocked_s=day.blocked_s,
        tts_claims=len(claims),
        tts_held=sum(claims),
        counted=day.counted == day.flows[SITE][-1][:2],
        locker_right=sum(locker) / len(locker) if locker else 1.0,
        alarms=judge_alarms(day),
        available=tuple(judge_links(day.links, len(day.flows[SITE]) * STEP_S)),
    )


# --- levels ---


def reality(day: Played) -> dict[str, list[Real]]:
    """The true load of the site and its lines at each step."""
    found = {line.id: _real(day.flows[line.id], line.capacity_pph, line.buffer_parcels) for line in LINES}
    docks = _real(day.flows[SITE], sum(line.capacity_pph for line in LINES), FLOOR_PARCELS)
    lines = zip(*found.values(), strict=True)
    found[SITE] = [
        own._replace(index=max(own.index, *(one.index for one in each))) for own, each in zip(docks, lines, strict=True)
    ]
    return found


def _real(flow: Sequence[tuple[int, int, int]], capacity_pph: float, size: int) -> list[Real]:
    found, last = [], len(flow) - 1
    for step, (_, _, level) in enumerate(flow):
        half = max(LEAST_STEPS, min(WINDOW_STEPS // 2, step, last - step))
        before, after = max(0, step - half), min(last, step + half)
        hours = (after - before) * STEP_S / 3600.0
        came = (flow[after][0] - flow[before][0]) / hours
        gone = (flow[after][1] - flow[before][1]) / hours
        tts_min = 60.0 * (size - level) / (came - gone) if came > gone else math.inf
        fill = level / size
        found.append(Real(100.0 * max(came / capacity_pph, fill), fill, tts_min))
    return found


def true_ranks(real: Sequence[Real], limits: Thresholds) -> list[int]:
    """The level at each step, by the same thresholds, without waiting for anything to hold."""
    rank, found = 0, []
    for now in real:
        rank = max(_entered(now, limits), min(rank, _kept(now, limits)))
        found.append(rank)
    return found


def _entered(now: Real, limits: Thresholds) -> int:
    if now.fill >= limits.overflow_fill or now.index >= limits.overflow:
        return 3
    if now.index >= limits.saturated or now.tts_min <= limits.saturated_tts_min:
        return 2
    return int(now.index >= limits.busy)


def _kept(now: Real, limits: Thresholds) -> int:
    """The highest level that has not ended."""
    if now.index >= limits.overflow_leave or now.fill >= limits.overflow_fill_leave:
        return 3
    if now.index >= limits.saturated_leave or now.tts_min <= limits.saturated_tts_leave_min:
        return 2
    return int(now.index >= limits.busy_leave)


def told_ranks(day: Played, subject: str) -> list[int]:
    """The levels that were told one after the other; what is no level keeps the one before."""
    states = [move.after for _, name, move in day.moves if name == subject]
    return [LEVELS.index(state) for state in states if state in LEVELS]


def rises(ranks: Sequence[int], level: int) -> int:
    """How often a row of levels comes to `level` or above from below."""
    before = [0, *ranks]
    return sum(was < level <= now for was, now in zip(before, ranks, strict=False))


def _levels(day: Played) -> Iterator[Levels]:
    limits = DEFAULTS[day.mode]
    seen = len(day.flows[SITE]) - WINDOW_STEPS // 2  # what the truth is drawn from later, nobody has counted by the end
    for subject, real in reality(day).items():
        true, told = true_ranks(real, limits), told_ranks(day, subject)
        for rank in (1, 2, 3):
            spans, said = list(episodes(true, rank)), list(told_spans(day, subject, rank))
            due = [span for span in spans if is_due(real[span[0] : min(span[1], seen)], rank, limits)]
            missed = sum(not was_told(span, said) for span in due)
            yield Levels(subject, LEVELS[rank], len(spans), rises(told, rank), len(spans) - len(due), missed)


# --- stops, floors, forecasts ---


def _stops(day: Played) -> Iterator[Stop]:
    for episode in day.script.of("stop", "mains"):
        subjects = [LINES[0].id] if episode.what == "stop" else [SITE, *(line.id for line in LINES)]
        for subject in subjects:
            moves = [(at_s, move) for at_s, name, move in day.moves if name == subject and at_s >= episode.begin_s]
            told_s = next((at_s for at_s, move in moves if move.after == "STOPPED"), None)
            over_s = next((at_s for at_s, move in moves if move.before == "STOPPED"), None)
            yield Stop(subject, episode.begin_s, episode.end_s, told_s, over_s)


def _fulls(day: Played) -> Iterator[Full]:
    armed = True
    for step, (_, _, level) in enumerate(day.flows[SITE]):
        if armed and level >= FLOOR_PARCELS:
            yield _full(day, (step + 1) * STEP_S)
        armed = level < 0.9 * FLOOR_PARCELS or (armed and level < FLOOR_PARCELS)


def _full(day: Played, at_s: float) -> Full:
    limits = DEFAULTS[day.mode]
    by_s = at_s + limits.overflow_fill_s + LATE_S
    before = [(told_s, move) for told_s, name, move in day.moves if name == SITE and told_s <= by_s]
    state, told_s = (before[-1][1].after, before[-1][0]) if before else ("UNKNOWN", 0.0)
    leads = {}
    for level in LEVELS_MIN:
        events = [(told, one) for told, one in day.warnings if one.level_min == level and told <= at_s]
        if events and events[-1][1].raised:
            leads[level] = (at_s - events[-1][0]) / 60.0
    return Full(at_s, told_s if state == "OVERFLOW" else None, leads)


def _claims(day: Played) -> Iterator[bool]:
    full_s = [(step + 1) * STEP_S for step, (_, _, level) in enumerate(day.flows[SITE]) if level >= FLOOR_PARCELS]
    for look in day.looks:
        if look.tts is not None and look.level < FLOOR_PARCELS:
            truth = next(((one - look.at_s) / 60.0 for one in full_s if one > look.at_s), math.inf)
            yield look.tts.lo <= truth <= (math.inf if look.tts.hi is None else look.tts.hi)
