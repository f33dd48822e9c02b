"""Locker boards at the speed of the wire: how fresh a slow line keeps them, and what a hundred boards cost the agent.

Lines are emulated in C (line_emulator.c, compiled here): every byte takes its character time in both directions. Boards
have 24 channels (8A/80 family), one door of each moves every eighth reply. First eight boards on one line of 9600 baud,
each due every two seconds; then a hundred on ten lines, read by the whole agent, which reports to a broker.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from emulated_line import emulated
from machine import BROKER_PORT, broker, enter_own_network, memory_mb, process_cpu_s

Json = dict[str, Any]
HERE = Path(__file__).resolve().parent
BAUD, BITS, GAP_S = 9600, 10, 3.5 * 10 / 9600
PERIOD_S = 2.0
CHANNELS, QUERY_BYTES, REPLY_BYTES = 24, 5, 7
SLOW_BOARDS, MANY_BUSES, MANY_BOARDS = 8, 10, 10
TARGETS = {"longest_age_s": 2.1, "answered": 1.0, "cpu_share": 0.03, "rss_mb": 45}
"""A reading is as old as the period, and the time of a cycle on the wire where the machine is busy with others."""


class Station(NamedTuple):
    id: str
    bus: str
    period_s: float
    fingerprint: None = None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--seconds", type=float, default=30, help="length of one measurement (30)")
    args = parser.parse_args()
    enter_own_network()
    with tempfile.TemporaryDirectory(prefix="hubpulse-bench-") as folder:
        emulator = Path(folder) / "line_emulator"
        subprocess.run(["gcc", "-O2", "-o", emulator, HERE / "line_emulator.c"], check=True)
        found: Json = {
            "slow_line": slow_line(emulator, args.seconds),
            "hundred_boards": hundred_boards(Path(folder), emulator, args.seconds),
        }
    found |= {"targets": TARGETS, "met": met(found)}
    print(json.dumps(found, indent=1) if args.json else table(found))
    return 0


def line(emulator: Path, boards: Sequence[int], told: Json) -> AbstractContextManager[str]:
    """An emulated line; gives the name of its port, and afterwards `told` what went over it."""
    words = [emulator, "-b", BAUD, BITS, 1e6 * GAP_S, 0, *boards]
    return emulated(words, told)


# --- one slow line ---


def slow_line(emulator: Path, seconds: float) -> Json:
    from agent.bus import Answered
    from agent.bus.serial_line import SerialOwner
    from config.bus_settings import SerialBus
    from drivers.lockers import language

    spoken, told = language("lock24_8a80"), Json()
    numbers = range(1, SLOW_BOARDS + 1)
    with line(emulator, numbers, told) as port:
        stations = [(Station(f"b{n}", "line", PERIOD_S), spoken.asks(n, CHANNELS)) for n in numbers]
        owner = SerialOwner(SerialBus("line", port, BAUD, "none", 1, 0.5), stations, spoken.allows)
        owner.start()
        time.sleep(seconds)
        outcomes = owner.take()
        owner.stop()
    moments: dict[str, list[float]] = defaultdict(list)
    for one in outcomes:
        if isinstance(one, Answered):
            moments[one.device].append(one.batch.at_s)
    gaps_s = [after - before for times in moments.values() for before, after in pairwise(times)]
    whole = SLOW_BOARDS / (SLOW_BOARDS - 1)  # from the first board's answer to the last one's is a board less
    cycles = [whole * (max(cycle) - min(cycle)) for cycle in zip(*moments.values(), strict=False)]
    return {
        "boards": len(moments),
        "cycles": len(cycles),
        "answered": round(sum(map(len, moments.values())) / len(outcomes[1:]), 4),
        "longest_age_s": round(max(gaps_s), 3),
        "cycle_ms": round(1000 * max(cycles), 1),
        "limit_ms": round(1000 * SLOW_BOARDS * ((QUERY_BYTES + REPLY_BYTES) * BITS / BAUD + 2 * GAP_S), 1),
        "gap_broken": told["early"],
    }


# --- a hundred boards, the whole agent ---


def hundred_boards(folder: Path, emulator: Path, seconds: float) -> Json:
    counts: list[Json] = [{} for _ in range(MANY_BUSES)]
    with broker(folder), ExitStack() as lines:
        numbers = range(1, MANY_BOARDS + 1)
        ports = [lines.enter_context(line(emulator, numbers, told)) for told in counts]
        cost = run_agent(folder, ports, seconds)
    cost["asks_a_second"] = round(MANY_BUSES * MANY_BOARDS / PERIOD_S)
    cost["gap_broken"] = sum(told["early"] for told in counts)
    cost["unanswered"] = sum(told["unanswered"] for told in counts)
    return cost


def run_agent(folder: Path, ports: Sequence[str], seconds: float) -> Json:
    settings = folder / "site.toml"
    settings.write_text(site_toml(folder / "spool", ports))
    with (folder / "agent.log").open("w") as log:
        agent = subprocess.Popen([sys.executable, "-m", "agent", "run", str(settings)], cwd=HERE.parent, stderr=log)
    try:
        time.sleep(2 * PERIOD_S + 4)
        if agent.poll() is not None:
            sys.exit((folder / "agent.log").read_text())
        cpu_s = process_cpu_s(agent.pid)
        time.sleep(seconds)
        share = (process_cpu_s(agent.pid) - cpu_s) / seconds
        rss_mb, pss_mb = memory_mb(agent.pid)
    finally:
        agent.terminate()
        agent.wait(timeout=10)
    return {"boards": len(ports) * MANY_BOARDS, "cpu_share": round(share, 4), "rss_mb": rss_mb, "pss_mb": pss_mb}


def site_toml(spool: Path, ports: Sequence[str]) -> str:
    parts = [
        '[site]\nid = "bench"\nname_zh = "测量"\nname_en = "Bench"\nprovince = "44"\ncity = "4401"\nlevel = "outlet"\n',
        f'[bureau]\nhost = "127.0.0.1"\nport = {BROKER_PORT}\ntls = false\nreport_s = 10\n',
        f'[spool]\ndirectory = "{spool}"\nmax_mb = 64\n',
    ]
    for bus, port in enumerate(ports):
        parts.append(f'[bus.b{bus}]\nserial = "{port}"\nbaud = {BAUD}\n[locker.l{bus}]\nname_zh = "柜"\n')
        parts += [
            f'[locker.l{bus}.board.{n}]\nbus = "b{bus}"\nlanguage = "lock24_8a80"\naddress = {n}\n'
            f'compartments = "{CHANNELS * (n - 1) + 1}-{CHANNELS * n}"\nperiod_s = {PERIOD_S}\n'
            for n in range(1, MANY_BOARDS + 1)
        ]
    return "\n".join(parts)


def met(found: Json) -> dict[str, bool]:
    slow, many = found["slow_line"], found["hundred_boards"]
    return {
        "every_board_every_2_s": slow["boards"] == SLOW_BOARDS and slow["longest_age_s"] <= TARGETS["longest_age_s"],
        "answered": slow["answered"] >= TARGETS["answered"],
        "gap_held": slow["gap_broken"] == many["gap_broken"] == 0,
        "cpu_share": many["cpu_share"] <= TARGETS["cpu_share"],
        "rss_mb": many["rss_mb"] <= TARGETS["rss_mb"],
    }


def table(found: Json) -> str:
    slow, many = found["slow_line"], found["hundred_boards"]
    return "\n".join(
        (
            f"{SLOW_BOARDS} boards of {CHANNELS} channels on a line of {BAUD} baud, every {PERIOD_S:g} s:",
            f"  a cycle takes {slow['cycle_ms']} ms at most (limit of the wire {slow['limit_ms']} ms)",
            f"  a reading is {slow['longest_age_s']} s old at most; answered {slow['answered']:.2%}",
            f"{many['boards']} boards on {MANY_BUSES} lines, the whole agent:",
            f"  {many['cpu_share']:.2%} of a core, RSS {many['rss_mb']} MB, PSS {many['pss_mb']} MB",
            "met: " + ", ".join(f"{name} {'yes' if good else 'NO'}" for name, good in found["met"].items()),
        )
    )


if __name__ == "__main__":
    sys.exit(main())
