"""Days of a hub in virtual time: is the time to saturation worth its interval, and how early do the warnings come?

python benchmarks/bench_forecast.py [--days 60] [--json]

Each day is drawn from its seed: trucks arrive as the twin's do (waves, surges, shift changes) onto a floor, a sorter
works it off, with stops and short of staff by more or less. Every five minutes the forecast is held against the moment
at which the floor truly was full; the warnings against the moments at which it became so.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from agent.load.conditions import ORDINARY
from agent.load.early import LEVELS_MIN, EarlyWarning
from agent.load.forecast import STATED
from agent.load.line_load import Standing
from agent.load.machine import LEVELS, Transition
from agent.load.steering import Steering
from agent.twin.floor import FloorDay
from config.load_settings import DEFAULTS
from fastpath.rates import WindowRate

STEP_S = 10.0
LOOK_S = 300.0
DAY_S = 86_400.0
CAPACITY_PPH = 20_000.0
FLOOR_PARCELS = 12_000
DAYS_A_SITE = 20


@dataclass
class Claim:
    """What was forecast at a moment, in minutes."""

    at_s: float
    likely: float
    lo: float
    hi: float | None


@dataclass
class Played:
    """Some days in a row of one site: levels every step, claims every look, and what was told."""

    levels: list[int] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    warnings: list[tuple[float, EarlyWarning]] = field(default_factory=list)
    transitions: list[tuple[float, Transition]] = field(default_factory=list)


def play(seed: int, days: int) -> Played:
    """Days of one site, each with its own staffing, judged as the agent judges a site."""
    rng = Random(seed)
    played, steering = Played(), Steering(DEFAULTS, 30.0)
    came, went = WindowRate(900.0), WindowRate(900.0)
    day = FloorDay(f"{seed}", CAPACITY_PPH, "peak", rng.uniform(0.72, 0.95))
    now_s, looked_s = 0.0, 0.0
    while now_s < days * DAY_S:
        day.step(STEP_S)
        now_s += STEP_S
        came.advance(now_s, day.unloaded)
        went.advance(now_s, day.loaded)
        played.levels.append(day.level)
        steering.advance(now_s, standing(day, came, went), "good", ORDINARY)
        for event in steering.take_events():
            (played.warnings if isinstance(event, EarlyWarning) else played.transitions).append((now_s, event))
        if now_s - looked_s >= LOOK_S:
            looked_s = now_s
            if steering.tts is not None and day.level < FLOOR_PARCELS:
                played.claims.append(Claim(now_s, *steering.tts))
    return played


def standing(day: FloorDay, came: WindowRate, went: WindowRate) -> Standing:
    """As a site with docks draws it."""
    in_pph, out_pph = came.per_hour, went.per_hour
    ratio_in = None if in_pph is None else in_pph / CAPACITY_PPH
    fill = day.level / FLOOR_PARCELS
    index = None if ratio_in is None else min(200.0, 100.0 * max(ratio_in, fill))
    return Standing(
        in_pph,
        out_pph,
        out_pph,
        day.level,
        FLOOR_PARCELS,
        day.unloaded,
        day.loaded,
        0,
        ratio_in,
        fill,
        index,
        came.span_s,
    )


def fills(levels: Sequence[int]) -> list[float]:
    """When the floor became full, each time after it had a tenth of room."""
    found, armed = [], True
    for step, level in enumerate(levels):
        if armed and level >= FLOOR_PARCELS:
            found.append((step + 1) * STEP_S)
            armed = False
        armed = armed or level < 0.9 * FLOOR_PARCELS
    return found


def truths(played: Played) -> list[tuple[Claim, float]]:
    """Each claim with the minutes until the floor truly was full; what the days do not tell is left out."""
    full_s = [(step + 1) * STEP_S for step, level in enumerate(played.levels) if level >= FLOOR_PARCELS]
    ended_s, place, found = len(played.levels) * STEP_S, 0, []
    for claim in played.claims:
        while place < len(full_s) and full_s[place] <= claim.at_s:
            place += 1
        if place < len(full_s):
            found.append((claim, (full_s[place] - claim.at_s) / 60.0))
        elif ended_s - claim.at_s >= DAY_S:
            found.append((claim, math.inf))
    return found


def judged(seasons: Sequence[Played]) -> dict[str, object]:
    """Coverage of the interval, how wide it is, and what the warnings were worth."""
    pairs = [pair for played in seasons for pair in truths(played)]
    within = [claim.lo <= truth <= (claim.hi or math.inf) for claim, truth in pairs]
    early = sum(truth < claim.lo for claim, truth in pairs)
    bounded = [claim.hi / max(claim.lo, 1.0) for claim, _ in pairs if claim.hi is not None]
    soon = [(claim, truth) for claim, truth in pairs if claim.likely <= 120]
    near = [abs(claim.likely - truth) / truth for claim, truth in pairs if truth <= 60 and claim.likely <= 240]
    return {
        "claims": len(pairs),
        "stated": STATED,
        "coverage": round(sum(within) / len(pairs), 3),
        "too_early": round(early / len(pairs), 3),
        "too_late": round(1 - (sum(within) + early) / len(pairs), 3),
        "coverage_within_2_h": round(statistics.fmean(c.lo <= t <= (c.hi or math.inf) for c, t in soon), 3),
        "hi_over_lo_median": round(statistics.median(bounded), 2),
        "open_above": round(1 - len(bounded) / len(pairs), 3),
        "not_full_within_4_h": round(sum(truth > 240 for _, truth in pairs) / len(pairs), 3),
        "not_full_within_a_day": round(sum(truth > 1440 for _, truth in pairs) / len(pairs), 3),
        "median_error_in_the_last_hour": round(statistics.median(near), 3),
        "fills": sum(len(fills(played.levels)) for played in seasons),
        "warnings": {str(level): warned(seasons, level) for level in LEVELS_MIN},
        "transitions_per_day": round(sum(len(one.transitions) for one in seasons) / days_of(seasons), 2),
        "overflow_pairs": sum(t.after == LEVELS[3] for one in seasons for _, t in one.transitions),
    }


def warned(seasons: Sequence[Played], level: int) -> dict[str, object]:
    """How long before the floor was full the warning stood, and how many stood for nothing."""
    leads, missed, raised, vain = [], 0, 0, 0
    for played in seasons:
        spans, begun = [], None
        for at_s, event in played.warnings:
            if event.level_min == level:
                if event.raised:
                    begun = at_s
                elif begun is not None:
                    spans.append((begun, at_s))
                    begun = None
        spans += [] if begun is None else [(begun, math.inf)]
        times = fills(played.levels)
        for full_s in times:
            before = [full_s - begin for begin, end in spans if begin <= full_s <= end]
            leads += [max(before) / 60.0] if before else []
            missed += not before
        raised += len(spans)
        vain += sum(not any(begin <= full_s <= end for full_s in times) for begin, end in spans)
    return {
        "lead_median_min": round(statistics.median(leads), 1) if leads else None,
        "lead_least_min": round(min(leads), 1) if leads else None,
        "not_warned": missed,
        "raised": raised,
        "without_a_full_floor": vain,
    }


def days_of(seasons: Sequence[Played]) -> float:
    return sum(len(played.levels) for played in seasons) * STEP_S / DAY_S


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    began = time.process_time()
    sites = max(1, args.days // DAYS_A_SITE)
    seasons = [play(args.seed + n, DAYS_A_SITE) for n in range(sites)]
    found = {"days": DAYS_A_SITE * sites} | judged(seasons) | {"cpu_s": round(time.process_time() - began, 1)}
    if args.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:<32}{value}" for name, value in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
