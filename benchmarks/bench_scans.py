"""Scans: the compiled counter beside C, plain Cython and plain Python, on the same frames in one run; then its limits.

    python benchmarks/bench_scans.py [--json] [--frames 1000000] [--rounds 11] [--no-callgrind]

CPU time of this thread; contenders take turns, and a ratio is the median of the rounds' ratios to the C reference.
Instructions are counted too where valgrind is installed.
"""

from __future__ import annotations

import argparse
import array
import ctypes
import json
import platform
import statistics
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import scan_frames
from scan_builds import HERE, ROOT, build_cython, build_reference, installed
from scan_contenders import (
    CHUNK,
    LIVE,
    LOOP_MS,
    Contender,
    Model,
    Plain,
    Product,
    Reference,
    compare,
    contender,
    cpu_ns,
)
from scan_frames import WINDOW_MS, Frames
from scan_instructions import callgrind
from scan_limits import hostile, scaling, small_chunks, snapshots
from scan_obvious import Obvious

PLAIN_ROUNDS = 5


def main_table(library: ctypes.CDLL, builds: dict[str, ModuleType], frames: Frames, rounds: int) -> Any:
    reference = Reference(library, LIVE)
    times = array.array("I", [at_ms for at_ms, _ in frames.chunks(CHUNK)])
    reference.feed(frames.warm, array.array("I", [0] * (len(frames.warm) // CHUNK + 1)), 0)
    contenders = {
        "C reference, gcc -O3 -msse4.1": Contender(
            lambda base_ms: reference.feed(frames.octets, times, base_ms), frames.count, times[-1] + 1
        )
    }
    products = {name: Product(module, LIVE) for name, module in builds.items()}
    for name, product in products.items():
        product.feed([(0, frames.warm)], 0)
        contenders[name] = contender(product.feed, frames)
    table = compare(contenders, rounds)
    true = reference.counted()
    wrong = {name: counted for name, product in products.items() if (counted := product.counted()) != true}
    if wrong:
        sys.exit(f"bench_scans: counts differ: C {true}, {wrong}")
    reference.close()
    return table, true


def plain_table(product: ModuleType, plain: ModuleType, frames: Frames) -> Any:
    """The product over all frames, the slow ones over a tenth of them or less: as many milliseconds of CPU or more."""
    fast = Product(product, LIVE)
    fast.feed([(0, frames.warm)], 0)
    slow = {
        "straightforward Cython (typed, dict)": (Plain(plain.Straightforward(32, 256, WINDOW_MS, LOOP_MS)), 10),
        "obvious Python, this framing only": (Plain(Obvious(32, 256, WINDOW_MS, LOOP_MS)), 10),
        "obvious Python, any framing (tests' model)": (Model(), 30),
    }
    contenders = {"product": contender(fast.feed, frames)}
    for name, (one, share) in slow.items():
        one.feed([(0, frames.warm)], 0)
        contenders[name] = contender(one.feed, first_part(frames, share))
    table = compare(contenders, PLAIN_ROUNDS)
    for name, (one, share) in slow.items():
        same_counts(product, one, name, first_part(frames, share))
    return table


def first_part(frames: Frames, share: int) -> Frames:
    part = b"".join(octets for _, octets in frames.chunks(CHUNK)[: len(frames.octets) // CHUNK // share + 1])
    part = part[: part.rindex(b"\n") + 1]
    return Frames(frames.warm, part, part.count(b"\n"), frames.per_second)


def same_counts(product: ModuleType, slow: Plain, name: str, frames: Frames) -> None:
    """What `slow` counted in its turns, the product must count in the same."""
    exact = Product(product, LIVE)
    exact.feed([(0, frames.warm)], 0)
    again = contender(exact.feed, frames)
    for turn in range(PLAIN_ROUNDS + 1):
        again.turn(turn)
    if exact.counted() != slow.counted():
        sys.exit(f"bench_scans: counts differ: product {exact.counted()}, {name} {slow.counted()}")


def memory_copy(frames: Frames) -> float:
    target = bytearray(len(frames.octets))
    view = memoryview(target)
    took = []
    for _ in range(7):
        begun = cpu_ns()
        view[:] = frames.octets
        took.append((cpu_ns() - begun) / frames.count)
    return round(statistics.median(took), 2)


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = scan_frames.frames(arguments.frames)
        library = build_reference(folder)
        scans = ROOT / "fastpath" / "scans.pyx"
        builds = {"product, feed(bytes), as installed": installed()}
        if platform.machine() == "x86_64":
            builds["product, plain SSE2 build"] = build_cython(folder, scans, "fastpath.scans", "-mno-sse4.1")
            builds["product, SSE4.1 build"] = build_cython(folder, scans, "fastpath.scans", "-msse4.1")
        builds["product, portable C only"] = build_cython(folder, scans, "fastpath.scans", "-DSCAN_PORTABLE")
        plain = build_cython(folder, HERE / "scan_straightforward.pyx", "scan_straightforward")
        table, counted = main_table(library, builds, frames, arguments.rounds)
        rest = max(200_000, arguments.frames // 3)
        codes = {f"{live:,} live codes": (live, 32, 256) for live in (1000, 10_000, 100_000, 1_000_000)}
        cells = {f"{a} x {b} cells": (LIVE, a, b) for a, b in ((1, 1), (32, 256), (100, 999))}
        return {
            "frames": frames.count,
            "bytes_per_frame": round(len(frames.octets) / frames.count, 2),
            "counted": counted,
            "frame": table,
            "memcpy_ns": memory_copy(frames),
            "plain": plain_table(installed(), plain, frames),
            "live_codes": scaling(installed(), codes, rest, arguments.rounds),
            "cells": scaling(installed(), cells, rest, arguments.rounds),
            "hostile_ns_per_byte": hostile(installed()),
            "chunk_ns": small_chunks(installed(), frames),
            "take_ms": snapshots(installed(), frames),
            "instructions_per_frame": None if arguments.no_callgrind else callgrind(folder, frames),
        }


def show(result: dict[str, Any]) -> None:
    print(
        f"{result['frames']:,} frames of {result['bytes_per_frame']} bytes; all count the same: {result['counted']}\n"
    )
    print(f"{'':44}{'ns a frame':>12}{'least':>9}{'x':>9}")
    for name, row in result["frame"].items():
        print(f"{name:44}{row['ns']:12.1f}{row['least_ns']:9.1f}{row['x']:9.3f}")
    print(f"{'memcpy of the same bytes':44}{result['memcpy_ns']:12.1f}\n")
    for name, row in result["plain"].items():
        print(f"{name:44}{row['ns']:12.1f}{row['least_ns']:9.1f}{row['x']:9.1f}")
    for part in ("live_codes", "cells"):
        print()
        for name, row in result[part].items():
            print(f"{name:44}{row['ns']:12.1f}{row['least_ns']:9.1f}{row['x']:9.3f}")
    print("\nhostile bytes, ns a byte")
    for name, value in result["hostile_ns_per_byte"].items():
        print(f"{name:44}{value:12.2f}")
    print(f"\nns a chunk through feed(bytes): {result['chunk_ns']}\nms a take: {result['take_ms']}")
    if result["instructions_per_frame"]:
        print(f"instructions a frame (callgrind): {result['instructions_per_frame']}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument(
        "--no-callgrind", action="store_true", help="count no instructions, where valgrind is installed"
    )
    arguments = parser.parse_args()
    result = measure(arguments)
    print(json.dumps(result) if arguments.json else "", end="\n" if arguments.json else "")
    if not arguments.json:
        show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
