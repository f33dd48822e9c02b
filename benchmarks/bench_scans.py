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
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT)]

import scan_frames  # noqa: E402
from scan_frames import CARRIERS, WINDOW_MS, Frames  # noqa: E402
from scan_obvious import Obvious  # noqa: E402

LOOP_MS = (5000, 6000)
CHUNK = 65536
LIVE = 100_000
KEY = random.Random(7).randbytes(32)
FRAMING: dict[str, Any] = {"start": b"\x02", "separator": b",", "fields": ("lane", "code", "chute", "confidence")}
COLUMNS = ("new", "duplicate", "recirculated", "no_read")
Counted = dict[str, int]
Turn = Callable[[int], None]


# --- builds ---


def build_reference(folder: Path) -> ctypes.CDLL:
    library = folder / "reference.so"
    command = ["gcc", "-O3", "-msse4.1", "-shared", "-fPIC", str(HERE / "scan_reference.c"), "-o", str(library)]
    subprocess.run(command, check=True)
    reference = ctypes.CDLL(str(library))
    reference.scans_open.restype = ctypes.c_void_p
    number, pointer = ctypes.c_uint64, ctypes.c_void_p
    small = ctypes.c_uint32
    reference.scans_open.argtypes = [small, small, number, ctypes.c_char_p, small, small, small]
    reference.scans_run.argtypes = [pointer, ctypes.c_char_p, number, number, number, pointer]
    reference.scans_rows.argtypes = [pointer, pointer]
    reference.scans_close.argtypes = [pointer]
    return reference


def build_cython(folder: Path, source: Path, name: str, *flags: str) -> ModuleType:
    """Compile one .pyx apart from the tree, and import it as `name` whatever else has that name."""
    place = folder / f"{source.stem}{abs(hash(flags))}"
    package = place / "fastpath" if source.parent.name == "fastpath" else place
    package.mkdir(parents=True)
    for path in (*source.parent.glob("scan*.p[yx]*"), *source.parent.glob("*.h"), *source.parent.glob("__init__.py")):
        shutil.copy(path, package)
    made = package / f"{source.stem}.c"
    subprocess.run([sys.executable, "-m", "cython", "-3", package / source.name, "-o", made], check=True, cwd=place)
    include = sysconfig.get_paths()["include"]
    command = ["gcc", "-shared", "-fPIC", "-DNDEBUG", "-fwrapv", "-O3", *flags]
    library = package / f"{source.stem}.so"
    subprocess.run([*command, f"-I{include}", f"-I{package}", made, "-o", library], check=True)
    spec = util.spec_from_file_location(name, library)
    assert spec and spec.loader
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- contenders ---


class Product:
    def __init__(self, module: ModuleType, live: int, lanes: int = 32, chutes: int = 256) -> None:
        self.counter = module.ScanCounter(
            lanes=lanes, chutes=chutes, key=KEY, carriers=CARRIERS, s10="ems", live_codes=live,
            duplicate_ms=WINDOW_MS, loop_ms=LOOP_MS,
        )  # fmt: skip
        self.source = module.Source(lane=0, no_read=("NOREAD",), **FRAMING)

    def feed(self, chunks: list[tuple[int, bytes]], base_ms: int) -> None:
        feed, source = self.counter.feed, self.source
        for at_ms, octets in chunks:
            feed(source, octets, base_ms + at_ms)

    def counted(self) -> Counted:
        while not self.counter.finish():
            self.counter.take()
        self.counter.take()
        sums = [sum(column) for column in zip(*self.counter.totals.tolist(), strict=True)]
        return dict(zip(COLUMNS, sums, strict=False)) | {"bad": sum(sums[4:])}


class Reference:
    def __init__(self, library: ctypes.CDLL, live: int, lanes: int = 32, chutes: int = 256) -> None:
        self.library = library
        self.state = ctypes.c_void_p(library.scans_open(lanes, chutes, live, KEY, WINDOW_MS, *LOOP_MS))

    def feed(self, octets: bytes, at_ms: array.array[int], base_ms: int) -> None:
        self.library.scans_run(self.state, octets, len(octets), CHUNK, base_ms, at_ms.buffer_info()[0])

    def counted(self) -> Counted:
        rows = array.array("Q", [0] * 16)
        self.library.scans_rows(self.state, rows.buffer_info()[0])
        return dict(zip(COLUMNS, rows, strict=False)) | {"bad": sum(rows[4:])}

    def close(self) -> None:
        self.library.scans_close(self.state)


def cpu_ns() -> int:
    return time.thread_time_ns()


# --- the table ---


@dataclass(frozen=True, slots=True)
class Contender:
    """`feed(base_ms)` takes `count` frames that end `length_ms` later."""

    feed: Turn
    count: int
    length_ms: int


def compare(contenders: dict[str, Contender], rounds: int) -> dict[str, dict[str, float]]:
    """Nanoseconds a frame, and the ratio to the first contender: each the median of the rounds, taken in turns."""
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, one in contenders.items():
            begun = cpu_ns()
            one.feed(10 + turn * one.length_ms)
            if turn > 0:  # the first warms caches and branch predictors
                took[name].append((cpu_ns() - begun) / one.count)
    first = took[next(iter(contenders))]
    return {
        name: {
            "ns": round(statistics.median(times), 2),
            "least_ns": round(min(times), 2),
            "x": round(statistics.median(a / b for a, b in zip(times, first, strict=True)), 3),
        }
        for name, times in took.items()
    }


def contender(feed: Callable[[list[tuple[int, bytes]], int], None], frames: Frames) -> Contender:
    chunks = frames.chunks(CHUNK)
    return Contender(lambda base_ms: feed(chunks, base_ms), frames.count, chunks[-1][0] + 1)


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
    """The product over all frames, the slow ones over the first tenth of them: as many milliseconds of CPU or more."""
    part = b"".join(octets for _, octets in frames.chunks(CHUNK)[: len(frames.octets) // CHUNK // 10 + 1])
    tenth = Frames(frames.warm, part, part.count(b"\n"), frames.per_second)
    fast = Product(product, LIVE)
    fast.feed([(0, frames.warm)], 0)
    contenders = {"product": contender(fast.feed, frames)}
    for name, slow in (
        ("straightforward Cython (typed, dict)", plain.Straightforward(32, 256, WINDOW_MS, LOOP_MS)),
        ("obvious Python", Obvious(32, 256, WINDOW_MS, LOOP_MS)),
    ):
        slow.feed(frames.warm, 0)
        contenders[name] = contender(one_by_one(slow.feed), tenth)
    return compare(contenders, 5)


def one_by_one(feed: Callable[[bytes, int], None]) -> Callable[[list[tuple[int, bytes]], int], None]:
    def every(chunks: list[tuple[int, bytes]], base_ms: int) -> None:
        for at_ms, octets in chunks:
            feed(octets, base_ms + at_ms)

    return every


def memory_copy(frames: Frames) -> float:
    target = bytearray(len(frames.octets))
    view = memoryview(target)
    took = []
    for _ in range(7):
        begun = cpu_ns()
        view[:] = frames.octets
        took.append((cpu_ns() - begun) / frames.count)
    return round(statistics.median(took), 2)


# --- limits ---


def scaling(product: ModuleType, sizes: dict[str, tuple[int, int, int]], count: int, rounds: int) -> Any:
    """The same work over more and more memory: live codes, lanes, chutes."""
    contenders = {}
    for name, (live, lanes, chutes) in sizes.items():
        frames = scan_frames.frames(count, live, lanes, chutes)
        one = Product(product, live, lanes, chutes)
        one.feed([(0, frames.warm)], 0)
        contenders[name] = contender(one.feed, frames)
    return compare(contenders, rounds)


def hostile(product: ModuleType) -> dict[str, float]:
    """Nanoseconds a byte of what no scanner says."""
    rng = random.Random(3)
    size = 2_000_000
    codes = b"".join(b"\x0201,%016X\r\n" % rng.getrandbits(64) for _ in range(size // 22))
    floods = {
        "line feeds": b"\n" * size,
        "CR LF": b"\r\n" * (size // 2),
        "NUL": bytes(size),
        "STX": b"\x02" * size,
        "one endless line": b"7" * size,
        "random bytes": rng.randbytes(size),
        "random printable lines": bytes(rng.choices(b"0123456789ABCDEF,,\r\n\x02 ", k=size)),
        "shortest lines": b"x\n" * (size // 2),
        "shortest framed lines": b"\x02\r\n" * (size // 3),
        "shortest fields": b"\x02,\r\n" * (size // 4),
        "lines just too long": (b"\x02" + b"1" * 512 + b"\r\n") * (size // 515),
        "lines of separators": (b"\x0201" + b"," * 60 + b"\r\n") * (size // 65),
        "no-reads": b"\x0201,NOREAD\r\n" * (size // 12),
        "codes never seen before (hash flood)": codes,
    }
    result = {}
    for name, octets in floods.items():
        one = Product(product, 100_000)
        chunks = [octets[at : at + CHUNK] for at in range(0, len(octets), CHUNK)]
        took = []
        for turn in range(5):
            begun = cpu_ns()
            one.feed([(index, chunk) for index, chunk in enumerate(chunks)], turn * len(chunks))
            took.append((cpu_ns() - begun) / len(octets))
        result[name] = round(min(took), 3)
    return result


def small_chunks(product: ModuleType, frames: Frames) -> dict[str, float]:
    result = {}
    for size in (64, 512, 4096):
        one = Product(product, 100_000)
        octets = frames.octets[:4_000_000]
        chunks = [(at // 100_000, octets[at : at + size]) for at in range(0, len(octets), size)]
        begun = cpu_ns()
        one.feed(chunks, 0)
        result[f"{size} bytes"] = round((cpu_ns() - begun) / len(chunks), 1)
    return result


def snapshots(product: ModuleType, frames: Frames) -> dict[str, float]:
    """Milliseconds of one `take` of a second that touched every lane."""
    result = {}
    for lanes, chutes in ((32, 256), (100, 999)):
        one = Product(product, 100_000, lanes, chutes)
        took = []
        for turn in range(12):
            one.feed([(turn * 10_000, frames.octets[:2_000_000])], 0)
            one.counter.finish()
            begun = cpu_ns()
            one.counter.take()
            took.append((cpu_ns() - begun) / 1e6)
        result[f"{lanes} x {chutes}"] = round(statistics.median(took[2:]), 3)
    return result


# --- instructions ---


def callgrind(folder: Path, frames: Frames) -> dict[str, float] | None:
    """Instructions a frame, counted by valgrind over a twentieth of the frames; None where there is no valgrind."""
    if not shutil.which("valgrind"):
        print("bench_scans: no instruction counts without valgrind (apt-get install valgrind)", file=sys.stderr)
        return None
    octets = frames.octets[: len(frames.octets) // 20 // CHUNK * CHUNK or CHUNK]
    (folder / "warm").write_bytes(frames.warm)
    (folder / "octets").write_bytes(octets)
    lines = octets.count(b"\n") + frames.warm.count(b"\n")
    result = {}
    for name in ("product", "reference"):
        out = folder / f"callgrind.{name}"
        command = ["valgrind", "--tool=callgrind", "--toggle-collect=*scan_feed*", "--toggle-collect=scans_feed"]
        command += [f"--callgrind-out-file={out}", sys.executable, __file__, "--one", name, str(folder)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(command, check=True, capture_output=True, env=environment)
        total = next(line for line in out.read_text().splitlines() if line.startswith(("totals:", "summary:")))
        result[name] = round(int(total.split()[1]) / lines, 1)
    return result | {"x": round(result["product"] / result["reference"], 3)}


def one_pass(name: str, folder: Path) -> None:
    """What callgrind watches: one contender over the frames of `folder`."""
    warm, octets = (folder / "warm").read_bytes(), (folder / "octets").read_bytes()
    frames = Frames(warm, octets, octets.count(b"\n"), 50_000)
    chunks = frames.chunks(CHUNK)
    if name == "product":
        product = Product(installed(), 100_000)
        product.feed([(0, warm)], 0)
        product.feed(chunks, 10)
        return
    (folder / "again").mkdir()
    reference = Reference(build_reference(folder / "again"), 100_000)
    reference.feed(warm, array.array("I", [0] * (len(warm) // CHUNK + 1)), 0)
    reference.feed(octets, array.array("I", [at_ms for at_ms, _ in chunks]), 10)


# --- the report ---


def installed() -> ModuleType:
    import fastpath.scans

    return fastpath.scans


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
    parser.add_argument("--one", nargs=2, metavar=("CONTENDER", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one_pass(arguments.one[0], Path(arguments.one[1]))
        return 0
    result = measure(arguments)
    print(json.dumps(result) if arguments.json else "", end="\n" if arguments.json else "")
    if not arguments.json:
        show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
