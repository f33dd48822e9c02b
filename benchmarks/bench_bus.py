"""Serial lines at their limit: how much of the wire's time reads use, what the dead cost the living, CPU and memory.

The line is emulated in C (line_emulator.c, compiled here) behind a pseudo-terminal: every byte takes its character
time, devices answer as soon as the standard's silence lets them. The theoretical limit of a read is its characters
and the two silences of 3.5 characters (1.75 ms above 19200 baud). `busy` is reads times that limit over the time
they took. pymodbus's asyncio client reads the same line in the same run, in a process of its own as ours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import pairwise
from pathlib import Path

import many_buses
from emulated_line import emulated
from line_readers import PERIOD_S, REGISTERS, Json, run

HERE = Path(__file__).resolve().parent
BITS = 10  # 8N1: a pseudo-terminal has no parity
FULL_UNITS = (1, 2, 3, 4)
BAUDS = (9600, 19200, 115200)
READERS = ("ours", "pymodbus")
ROUNDS = 3
SLAVES, DEAD = 16, (0, 1, 4, 8)
LUMP_S = 0.004
"""How a USB adapter hands over what it hears: the reader has less to wake up for than on a bare UART."""
DEAD_BAUD = 19200
HELD_OFF_S = 10.0
"""After this long every silent device is held off (three misses, and what they cost together)."""
TARGETS = {
    "busy_9600": 0.95,
    "busy_19200": 0.95,
    "busy_115200": 0.80,
    "lateness_ratio": 1.1,
    "cpu_ratio": 0.2,
    "rss_mb": 60,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--seconds", type=float, default=15, help="length of one measurement, its rounds together (15)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hubpulse-bench-") as folder:
        emulator = Path(folder) / "line_emulator"
        subprocess.run(["gcc", "-O2", "-o", emulator, HERE / "line_emulator.c"], check=True)
        found = {"full": full_lines(emulator, args.seconds), "dead": dead_slaves(emulator, args.seconds)}
        found["many"] = many_buses.measure(Path(folder), partial(line, emulator), args.seconds)
    found |= {"targets": TARGETS, "met": met(found)}
    print(json.dumps(found, indent=1) if args.json else table(found))
    return 0


# --- the line ---


def gap_s(baud: int) -> float:
    return 0.00175 if baud > 19200 else 3.5 * BITS / baud


def limit_s(baud: int, registers: int) -> float:
    """What one read takes at least, by the standard."""
    return (8 + 5 + 2 * registers) * BITS / baud + 2 * gap_s(baud)


def line(
    emulator: Path, baud: int, units: Sequence[int], told: dict[str, float], lump_s: float = 0.0
) -> AbstractContextManager[str]:
    """An emulated line; gives the name of its port, and afterwards `told` what went over it."""
    words = [emulator, baud, BITS, 1e6 * gap_s(baud), 1e6 * lump_s, *units]
    return emulated(words, told)


# --- the measurements ---


def full_lines(emulator: Path, seconds: float) -> Json:
    """Four slaves, 125 registers each, more often asked than the line can carry: the next as soon as it is free."""
    plain = {str(baud): full_line(emulator, baud, seconds) for baud in BAUDS}
    return plain | {"115200 in lumps": full_line(emulator, 115200, seconds, LUMP_S)}


def full_line(emulator: Path, baud: int, seconds: float, lump_s: float = 0.0) -> Json:
    """Both readers in turns, for what else the machine does touches both: medians of the rounds."""
    limit = limit_s(baud, REGISTERS)
    rounds = [one_round(emulator, baud, seconds / ROUNDS, lump_s) for _ in range(ROUNDS)]
    ratios = [one["ours"]["cpu_us_a_read"] / one["pymodbus"]["cpu_us_a_read"] for one in rounds]
    made: Json = {who: middle([one[who] for one in rounds]) for who in READERS}
    return {"limit_ms": round(1000 * limit, 2), **made, "cpu_ratio": round(statistics.median(ratios), 3)}


def one_round(emulator: Path, baud: int, seconds: float, lump_s: float) -> Json:
    made: Json = {}
    for who in READERS:
        told: dict[str, float] = {}
        with line(emulator, baud, FULL_UNITS, told, lump_s) as port:
            cost = run({"who": who, "port": port, "baud": baud, "seconds": seconds, "units": FULL_UNITS})
        made[who] = {
            "reads": cost["reads"],
            "busy": (cost["reads"] - 1) * limit_s(baud, REGISTERS) / cost["first_to_last_s"],
            "cpu_us_a_read": 1e6 * cost["cpu_s"] / cost["reads"],
            "gap_broken": told["early"],
            "shortest_gap_us": told["shortest_gap_us"],
        }
    return made


def middle(rounds: Sequence[Json]) -> Json:
    """What one reader did over all rounds."""
    return {
        "reads": sum(one["reads"] for one in rounds),
        "busy": round(statistics.median(one["busy"] for one in rounds), 4),
        "cpu_us_a_read": round(statistics.median(one["cpu_us_a_read"] for one in rounds), 1),
        "gap_broken": sum(one["gap_broken"] for one in rounds),
        "shortest_gap_us": min(one["shortest_gap_us"] for one in rounds),
    }


def dead_slaves(emulator: Path, seconds: float) -> Json:
    """16 slaves once a second; some of them are not there. Of the others: how late after it was due a read came."""
    made: Json = {}
    for dead in DEAD:
        told: dict[str, float] = {}
        with line(emulator, DEAD_BAUD, range(1 + dead, SLAVES + 1), told) as port:
            job = {"who": "living", "port": port, "baud": DEAD_BAUD, "units": list(range(1, SLAVES + 1))}
            seen = run({**job, "seconds": HELD_OFF_S + 2 * seconds})
        held_s = sorted(at_s % PERIOD_S for _, at_s in seen["answers"] if at_s > HELD_OFF_S)
        periods = (SLAVES - dead) * int(2 * seconds / PERIOD_S)
        made[str(dead)] = {
            "p50_ms": round(1000 * statistics.median(held_s), 1),
            "p99_ms": round(1000 * percentile(held_s, 0.99), 1),
            "periods_kept": round(min(1.0, len(held_s) / periods), 4),
            "longest_wait_s": round(longest_wait_s(seen["answers"]), 2),
            "asked_in_vain": told["unanswered"],
        }
    none = made["0"]["p99_ms"]
    for one in made.values():
        one["ratio"] = round(one["p99_ms"] / none, 3)
    return made


def longest_wait_s(answers: Sequence[tuple[str, float]]) -> float:
    """The longest time between two answers of one unit, from the very beginning."""
    moments: dict[str, list[float]] = {}
    for unit, at_s in answers:
        moments.setdefault(unit, [0.0]).append(at_s)
    return max(after - before for of_unit in moments.values() for before, after in pairwise(of_unit))


def percentile(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def met(found: Json) -> dict[str, bool]:
    full, dead = found["full"], found["dead"]
    busy = {f"busy_{baud}": full[str(baud)]["ours"]["busy"] >= TARGETS[f"busy_{baud}"] for baud in BAUDS}
    return {
        **busy,
        "gap_held": all(one["ours"]["gap_broken"] == 0 for one in full.values()),
        "lateness_ratio": all(one["ratio"] <= TARGETS["lateness_ratio"] for one in dead.values()),
        "cpu_ratio": full["115200"]["cpu_ratio"] <= TARGETS["cpu_ratio"],
        "rss_mb": found["many"]["rss_mb"] <= TARGETS["rss_mb"],
        "cpu_ratio_in_lumps": full["115200 in lumps"]["cpu_ratio"] <= TARGETS["cpu_ratio"],
    }


def table(found: Json) -> str:
    rows = [f"{'125 registers, line always asked':<36}{'busy':>8}{'gaps broken':>14}{'CPU µs a read':>16}{'ratio':>8}"]
    for speed, one in found["full"].items():
        for who in READERS:
            cost: Json = one[who]
            ratio = one["cpu_ratio"] if who == "ours" else ""
            name = f"  {speed} {who}"
            rows.append(f"{name:<36}{cost['busy']:>8.1%}{cost['gap_broken']:>14}{cost['cpu_us_a_read']:>16}{ratio:>8}")
    title = f"{SLAVES} slaves each second, {DEAD_BAUD} baud"
    rows.append(f"{title:<36}{'p50 ms':>8}{'p99 ms':>14}{'ratio':>16}{'kept':>8}{'longest wait s':>17}")
    for dead, one in found["dead"].items():
        kept = f"{one['periods_kept']:.1%}"
        wait_s = one["longest_wait_s"]
        rows.append(f"  {dead:>2} dead{one['p50_ms']:>35}{one['p99_ms']:>14}{one['ratio']:>16}{kept:>8}{wait_s:>17}")
    many = ", ".join(f"{name} {value}" for name, value in found["many"].items())
    rows.append(f"{many_buses.BUSES} lines with {many_buses.SLAVES} slaves each, each second, the whole daemon: {many}")
    rows.append("met: " + ", ".join(f"{name} {'yes' if good else 'NO'}" for name, good in found["met"].items()))
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
