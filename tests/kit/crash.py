"""Crash campaigns on the spool: power cuts, kill -9, failing disks, damaged directories, and mistakes to find out.

Every campaign counts what was acknowledged and lost, states that do not match, identities reused and refusals to start.
All must be 0, and every known mistake (the controls) must be found out. The same --seed gives the same crashes.
All processors are used, and progress goes to standard error; 15,000 states take 15 to 35 minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import block_log
import power_cuts
from failing_disk import FAULTS, FOR_GOOD, cases
from kills import kills
from lives import Tally, gathered, processors
from power_cuts import CONTROLS
from spool_damage import fuzzed
from spool_history import Broken

Json = dict[str, Any]
Say = Callable[[int], None]
Campaign = Callable[[argparse.Namespace, Say], Json]
KINDS = {
    "lost": "acknowledged lost",
    "mismatch": "state mismatches",
    "reused": "identities reused",
    "refused": "refusals to start",
}
UNTRUE = ("mismatch", "refused")
"""What is damaged may have lost; it must open, and tell nothing untrue."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev crash", description=__doc__)
    parser.add_argument(
        "--states", type=int, default=2000, metavar="N", help="power cuts, on the disk model and on ext4 (2000)"
    )
    parser.add_argument("--kills", type=int, default=200, metavar="N", help="processes killed with -9 (200)")
    parser.add_argument("--directories", type=int, default=10_000, metavar="N", help="damaged directories (10,000)")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other crashes (1)")
    parser.add_argument("--only", choices=CAMPAIGNS, help="one campaign alone")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # nothing stays mounted
    found: Json = {"seed": args.seed}
    for name, (run, _) in CAMPAIGNS.items():
        if args.only in (None, name):
            with watched(name) as say:
                found[name] = tried(run, args, say)
    found["good"] = all(one["good"] for one in found.values() if isinstance(one, dict))
    print(json.dumps(found, indent=1) if args.json else "\n".join(table(found)))
    return 0 if found["good"] else 1


def tried(run: Campaign, args: argparse.Namespace, say: Say) -> Json:
    """What a campaign found and how long it took. One that breaks off is no good, and stops no other."""
    began_s = time.monotonic()
    try:
        result = run(args, say)
    except Exception as fault:  # noqa: BLE001 - hours of the others shall not be lost
        result = {"broke_off": repr(fault), "good": False}
    return {**result, "seconds": round(time.monotonic() - began_s, 1)}


# --- the campaigns ---


def honest_cards(args: argparse.Namespace, say: Say) -> Json:
    return told(gathered(power_cuts.life, args.seed, args.states, say, processors()))


def lying_cards(args: argparse.Namespace, say: Say) -> Json:
    wanted = max(100, args.states // 8)
    return told(gathered(power_cuts.lying_life, args.seed, wanted, say, processors()), UNTRUE)


def ext4(args: argparse.Namespace, say: Say) -> Json:
    reason = block_log.why_not()
    if reason:
        return {"not_done": reason, "good": True}
    # Mounting is mostly waiting for the kernel: twice as many at a time.
    return told(gathered(block_log.life, args.seed, args.states, say, 2 * processors()))


def killed(args: argparse.Namespace, say: Say) -> Json:
    with tempfile.TemporaryDirectory(prefix="hubpulse-crash-") as folder:
        return told(tallied("kill", enumerate(kills(Path(folder), Random(args.seed), args.kills)), say))


def refusing_disk(_args: argparse.Namespace, say: Say) -> Json:
    every = ((f"{name}, {lasting} times", cases(lasting, 3, name)) for name in FAULTS for lasting in (1, 7, FOR_GOOD))
    return told(tallied("operation", (((name, at), faults) for name, found in every for at, faults in found), say))


def damage(args: argparse.Namespace, say: Say) -> Json:
    return told(tallied("directory", fuzzed(args.seed, args.directories), say), UNTRUE)


def controls(args: argparse.Namespace, say: Say) -> Json:
    """Each must be found out; how often it is depends on where power fails."""
    shares, all_controls = {}, {name: control.tally for name, control in CONTROLS.items()}
    if not block_log.why_not():
        all_controls["no flush of data, on ext4"] = block_log.control
    for number, (name, judge) in enumerate(all_controls.items()):
        tally = judge(args.seed)
        shares[name] = round(tally.failed / tally.states, 3)
        say(number + 1)
    return {"found_out": shares, "good": all(shares.values())}


CAMPAIGNS: dict[str, tuple[Campaign, str]] = {
    "power-cuts": (honest_cards, "power cuts on the disk model"),
    "lying-cards": (lying_cards, "cards that take back flushes"),
    "ext4": (ext4, "power cuts under ext4, block by block"),
    "kills": (killed, "processes killed with -9"),
    "refusing-disk": (refusing_disk, "disks that refuse (EIO, full, read-only)"),
    "damage": (damage, "damaged directories"),
    "controls": (controls, "known mistakes, found out in"),
}


def tallied(what: str, results: Iterable[tuple[object, list[Broken]]], say: Say) -> Tally:
    tally = Tally()
    for where, faults in results:
        tally.add(faults, f"{what} {where}")
        say(tally.states)
    return tally


# --- telling ---


def told(tally: Tally, kinds: Iterable[str] = tuple(KINDS)) -> Json:
    counts = {kind: tally.kinds[kind] for kind in kinds}
    return {"states": tally.states, **counts, "first": tally.first, "good": tally.failed == 0}


def table(found: Json) -> Iterator[str]:
    """What people read: a line a campaign."""
    for name, (_, what) in CAMPAIGNS.items():
        one = found.get(name)
        if one is None:
            continue
        if "not_done" in one:
            yield f"{what:<42} not done here: {one['not_done']}"
        elif "broke_off" in one:
            yield f"{what:<42} BROKE OFF: {one['broke_off']}"
        elif "found_out" in one:
            yield from (f"{what:<42} {share:7.1%}  {mistake}" for mistake, share in one["found_out"].items())
        else:
            counts = ", ".join(f"{one[kind]} {words}" for kind, words in KINDS.items() if kind in one)
            yield f"{what:<42} {one['states']:>7,}  {counts}"
            if one["first"]:
                yield f"  first: {one['first']}; again: ./dev crash --only {name} --seed {found['seed']}"
    undone = [name for name, one in found.items() if isinstance(one, dict) and "not_done" in one]
    verdict = "nothing lost" + (f" in what was done (not {', '.join(undone)})" if undone else "")
    yield f"seed {found['seed']}: {verdict if found['good'] else 'FAILED'}"


@contextmanager
def watched(name: str) -> Iterator[Say]:
    """Progress on standard error: on one line of a terminal a second apart, else a line each minute."""
    began_s = said_s = time.monotonic()
    pause_s, form = (1.0, "\r{} \033[K") if sys.stderr.isatty() else (60.0, "{}\n")

    def say(count: int) -> None:
        nonlocal said_s
        if time.monotonic() - said_s >= pause_s:
            said_s = time.monotonic()
            _tell(form.format(f"{name}: {count:,} after {said_s - began_s:.0f} s"))

    yield say
    _tell(form.format(f"{name}: done in {time.monotonic() - began_s:.0f} s") + ("\n" if sys.stderr.isatty() else ""))


def _tell(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
