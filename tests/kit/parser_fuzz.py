"""Every compiled parser fuzzed, built with AddressSanitizer and UndefinedBehaviorSanitizer: a million cases each.

A case is one call with hostile input: a chunk for the scan counter, a turn on a line, a checksum over pieces, a sample
of a rate or of a counter, a document as JSON. The sanitizers end the process at the first byte out of place; what the
parsers say is compared where that is quick.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sanitizer

Json = dict[str, Any]
Fuzz = Callable[[random.Random, int], int]
"""So many cases; how many of them were answered wrongly."""
MOST_BYTES = 300
CODES_KEPT = 256
BESIDE_THE_MODEL = 0.2


def scans(dice: random.Random, cases: int) -> int:
    """Lines good and spoilt, split anywhere, between connections, under a clock that leaps; a part beside the model."""
    from scan_fuzz import told

    wrong = done = 0
    while done < cases:
        if dice.random() < BESIDE_THE_MODEL:
            pair, difference = told(dice.randrange(1 << 40), jumps=dice.random() < 0.25)
            wrong += difference != ""
            done += sum(pair.model.rows.values())
        done += _hostile_day(dice, min(cases - done, 3000))
    return wrong


def _hostile_day(dice: random.Random, chunks: int) -> int:
    """So many chunks for one counter of three connections."""
    from scan_fuzz import RULES, framing, split, stream

    from fastpath.scans import ScanCounter, Source

    spoken = [framing(dice, lane) for lane in range(3)]
    counter = ScanCounter(key=dice.randbytes(32), live_codes=CODES_KEPT, lanes=6, chutes=20, carriers=RULES)
    sources = [Source(**one) for one in spoken]
    said = [[*split(dice, stream(dice, one, 40))] for one in spoken]
    now_ms = dice.choice((0, 65_500, 2**40))
    for _ in range(chunks):
        at = dice.randrange(3)
        now_ms = max(0, now_ms + dice.choice((0, 0, 1, 7, 400, 10**7, -5000)))
        octets = dice.choice(said[at]) if dice.random() < 0.9 else dice.randbytes(dice.randrange(1, MOST_BYTES))
        counter.feed(sources[at], octets, now_ms)
        if dice.random() < 0.02:
            counter.cut(sources[at])
            counter.take()
    while not counter.finish():
        counter.take()
    return chunks


def turn(dice: random.Random, cases: int) -> int:
    """Turns on a line that echoes: requests and rooms of any size, some woken, some with strangers on the line."""
    from fastpath.turn import STRAY, WOKEN, turn

    wake, wrong = os.eventfd(0, os.EFD_NONBLOCK), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        line.connect(line.getsockname())
        line.setblocking(False)
        for _ in range(cases):
            request, room = dice.randbytes(dice.randrange(1, MOST_BYTES)), dice.randrange(1, MOST_BYTES)
            reply = bytearray(b"\xa5" * room)
            due = dice.choice((WOKEN, STRAY)) if dice.random() < 0.1 else min(len(request), room)
            if due == WOKEN:
                os.eventfd_write(wake, 1)
            elif due == STRAY:
                line.send(b"?")
            outcome, _, _ = turn(line.fileno(), wake, request, reply, 0.0, 0.0)
            filled = max(0, outcome)
            wrong += outcome != due or reply != request[:filled] + b"\xa5" * (room - filled)
            if due == WOKEN:
                os.eventfd_read(wake)
            elif due == STRAY:
                line.recv(9)
    os.close(wake)
    return wrong


def checksum(dice: random.Random, cases: int) -> int:
    """Checksums of any bytes at any alignment, in one piece and in two; Modbus's own of a frame with its CRC is 0."""
    from fastpath.checksum import crc16_modbus, crc32c

    pool, wrong = dice.randbytes(1 << 16), 0
    whole = memoryview(pool)
    for _ in range(cases):
        start, length = dice.randrange(len(pool) - MOST_BYTES), dice.randrange(MOST_BYTES)
        octets = whole[start : start + length]
        cut = dice.randrange(length + 1)
        wrong += crc32c(octets[cut:], crc32c(octets[:cut])) != crc32c(octets)
        wrong += crc16_modbus(bytes(octets) + crc16_modbus(octets).to_bytes(2, "little")) != 0
    return wrong


def rates(dice: random.Random, cases: int) -> int:
    """Samples at any distance, also backward, endless and of no time, of totals of any size, with restarts between."""
    from fastpath.rates import SmoothedRate, WindowRate

    wrong = done = 0
    while done < cases:
        window, smoothed = WindowRate(dice.choice((1.0, 60.0, 900.0))), SmoothedRate(dice.choice((1.0, 300.0)))
        at_s, total = dice.choice((0.0, 1e9, -5.0)), 0
        is_sane = dice.random() < 0.7
        for _ in range(min(cases - done, 500)):
            at_s += dice.choice((0.0, 0.001, 0.5, 1.0, 17.0, 61.0, 2000.0))
            total += dice.choice((0, 1, 3, 1000))
            if not is_sane and dice.random() < 0.05:
                at_s = dice.choice((float("nan"), float("inf"), -1e300, 1e300, 0.0, -7.0))
                total = dice.choice((0, -(1 << 63), (1 << 63) - 1001, 1 << 40))
            total = min(max(total, -(1 << 63)), (1 << 63) - 1)
            window.advance(at_s, total)
            smoothed.advance(at_s, total)
            found = (window.per_hour, smoothed.per_hour)
            wrong += is_sane and any(one is not None and not 0.0 <= one < 1e11 for one in found)
            if dice.random() < 0.01:
                window.restart()
                smoothed.restart()
            done += 1
    return wrong


def json_text(dice: random.Random, cases: int) -> int:
    """Documents of any kind and size, beside the standard library."""
    from json_documents import document, obvious

    from fastpath.json_text import json_text

    wrong = 0
    for _ in range(cases):
        one = document(dice)
        wrong += json_text(one) != obvious(one)
    return wrong


def _counted(name: str) -> Fuzz:
    """Of `count_fuzz`, which needs more of the compiled room than one parser."""

    def fuzz(dice: random.Random, cases: int) -> int:
        import count_fuzz

        found: Fuzz = getattr(count_fuzz, name)
        return found(dice, cases)

    return fuzz


PARSERS: dict[str, Fuzz] = {
    "scans": scans,
    "turn": turn,
    "checksum": checksum,
    "rates": rates,
    "json_text": json_text,
    **{name: _counted(name) for name in ("steady", "survey", "following")},
}


BEYOND_THE_END = "for i in range(length):", "for i in range(length + 64):"
"""A mistake in the checksum that the sanitizer must find out."""


def campaign(
    cases: int, seed: int, parsers: Sequence[str] = tuple(PARSERS), mistake: tuple[str, str] | None = None
) -> Json:
    """So many cases of each parser, side by side in processes of their own; raises where they cannot be built."""
    with tempfile.TemporaryDirectory(prefix="hubpulse-fuzz-") as name:
        sanitizer.build(Path(name), parsers, mistake)
        began_s = time.monotonic()
        command = [__file__, "--built", name, "--cases", str(cases), "--seed", str(seed), "--only"]
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            children = dict(
                zip(parsers, pool.map(lambda one: sanitizer.run(Path(name), *command, one), parsers), strict=True)
            )
        seconds = round(time.monotonic() - began_s, 1)
    crashes = {one: child.stderr[-2000:] for one, child in children.items() if not child.stdout.strip().isdigit()}
    wrong = {one: int(child.stdout) for one, child in children.items() if one not in crashes}
    good = not crashes and not any(wrong.values())
    return {"cases": cases, "seconds": seconds, "crashes": crashes, "wrong": wrong, "good": good, "seed": seed}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000, help="of each parser (1,000,000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=PARSERS, help=argparse.SUPPRESS)
    parser.add_argument("--built", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.built:
        return _child(args.only, args.built, args.cases, args.seed)
    if sanitizer.runtime() is None:
        sys.exit("parser_fuzz: gcc with libasan is needed (apt-get install gcc)")
    found = campaign(args.cases, args.seed)
    print(json.dumps(found, indent=1))
    return 0 if found["good"] else 1


def _child(name: str, folder: str, cases: int, seed: int) -> int:
    module = __import__(f"fastpath.{name}", fromlist=[name])
    assert module.__file__.startswith(folder), "it is the tree's own that would be fuzzed"
    wrong = PARSERS[name](random.Random(f"{name}/{seed}"), cases)
    print(wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
