"""Plays seeded histories of the simulated site, one after the other, and says what became of each."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from random import SystemRandom

from counting_mistakes import MISTAKES, broken_promises
from simulation import Outcome, simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev simulate", description=__doc__)
    parser.add_argument("--days", type=float, default=30.0, help="simulated days of faults (30)")
    parser.add_argument("--seed", type=int, help="play this history; without it a new one")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="so many histories, from --seed on (1)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    args = parser.parse_args()
    logging.getLogger("hubpulse").setLevel(logging.CRITICAL)
    first = SystemRandom().randrange(1_000_000) if args.seed is None else args.seed
    outcomes = []
    for seed in range(first, first + args.seeds):
        outcomes.append(simulate(seed, args.days, _progress(seed)))
        if not args.json:
            print("\n".join(lines(outcomes[-1])), flush=True)
    caught = [mistake for mistake, build in MISTAKES.items() if broken_promises(build)]
    if args.json:
        played = [{**asdict(one), "months_a_minute": one.months_a_minute} for one in outcomes]
        print(json.dumps({"histories": played, "mistakes": len(MISTAKES), "mistakes_caught": len(caught)}, indent=1))
    else:
        print(f"known mistakes in counting that are found out: {len(caught)} of {len(MISTAKES)}")
    return 1 if any(one.broken for one in outcomes) or len(caught) < len(MISTAKES) else 0


def _progress(seed: int) -> Callable[[float], None]:
    def say(days: float) -> None:
        if sys.stderr.isatty():
            print(f"\rseed {seed}: day {days:.0f} ", end="\r", file=sys.stderr, flush=True)

    return say


def lines(outcome: Outcome) -> Iterator[str]:
    """What people read."""
    pace = f"{outcome.cpu_s:.0f} s of processor, {outcome.months_a_minute} simulated months a minute of it"
    yield f"seed {outcome.seed}: {outcome.days:g} days in {outcome.seconds:.0f} s ({pace}); trace {outcome.trace}"
    yield "  faults: " + ", ".join(f"{count} x {name}" for name, count in outcome.faults.items())
    yield "  " + ", ".join(f"{name} {count:,}" for name, count in outcome.figures.items())
    if outcome.broken:
        yield f"  BROKEN on {outcome.broken}"
        yield f"  again: ./dev simulate --seed {outcome.seed} --days {outcome.days:g}"
    else:
        yield "  every promise held"


if __name__ == "__main__":
    sys.exit(main())
