"""The limits of the scan counter: more and more memory, hostile bytes, small chunks, snapshots."""

from __future__ import annotations

import random
import statistics
from types import ModuleType
from typing import Any

import scan_frames
from scan_contenders import CHUNK, LIVE, Product, compare, contender, cpu_ns
from scan_frames import Frames


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
        one = Product(product, LIVE)
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
        one = Product(product, LIVE)
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
        one = Product(product, LIVE, lanes, chutes)
        took = []
        for turn in range(12):
            one.feed([(turn * 10_000, frames.octets[:2_000_000])], 0)
            one.counter.finish()
            begun = cpu_ns()
            one.counter.take()
            took.append((cpu_ns() - begun) / 1e6)
        result[f"{lanes} x {chutes}"] = round(statistics.median(took[2:]), 3)
    return result
