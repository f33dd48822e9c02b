"""Streams of scanners, good and hostile, told to the compiled counter and to the model; they must agree on everything.

A bigger campaign than the tests': python tests/kit/scan_fuzz.py --streams 100000 --jumps 50000
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from typing import Any

from scan_model import ModelSource, ScanModel

from fastpath.scans import COLUMN_NAMES, ScanCounter, Source

RULES = (
    ("sf", "SF", 12, 15),
    ("yto", "YT", 13, 13),
    ("jt", "JT", 12, 13),
    ("jd", "JDX", 12, 12),
    ("jd", "JDV?", 11, 11),
    ("deppon", "DPK", 11, 12),
)
FRAMINGS: tuple[dict[str, Any], ...] = (
    {"start": b"\x02", "separator": b",", "fields": ("lane", "code", "chute", "confidence")},
    {"start": b"\x02", "terminator": b"\x03", "aim": True, "no_read": ("NoRead", "?", "")},
    {"start": b"\x02", "terminator": b"\x03\r\n", "separator": b";", "fields": ("code", "chute"), "joiner": b","},
    {"terminator": b"\r", "no_read": ("ERROR",), "multi": ("MULTIPLE1",), "code_least": 4, "code_most": 40},
    {"terminator": b"\n", "separator": b"\t", "fields": ("skip", "chute", "code", "confidence", "lane")},
    {"terminator": b"\r\n", "separator": b",", "fields": ("code", "skip", "confidence"), "confidence_least": 60},
    {"terminator": b"\n", "aim": True, "joiner": b"/", "line_most": 40, "heartbeat": ("ALIVE", "HEARTBEAT2")},
)
TEXTS: dict[str, Any] = {"no_read": ("NOREAD", "NR", "BADCODE"), "heartbeat": ("HB",)}
WORDS = ("NOREAD", "noread", "NR", "HB", "?", "", "ERROR", "MULTIPLE1", "HEARTBEAT2")
ALNUM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Chunk = tuple[int, bytes, int]  # source, bytes, ms


def framing(rng: random.Random, lane: int) -> dict[str, Any]:
    return {**TEXTS, **rng.choice(FRAMINGS), "lane": lane}


def code(rng: random.Random) -> str:
    kind = rng.randrange(9)
    digits = "".join(rng.choices("0123456789", k=15))
    if kind == 0:
        return rng.choice(("EB000717595HK", "EB000717594HK", "RR966331020CN", "rr966331021cn"))
    if kind < 4:
        name, prefix, least, most = rng.choice(RULES)
        return prefix.replace("?", rng.choice("AZ7")) + digits[: rng.randint(least - (name == "yto"), min(most, 15))]
    if kind < 6:
        return digits[: rng.randint(9, 15)]
    if kind == 6:
        return "JDV" + rng.choice("AB") + digits[:11] + rng.choice(("-1-2-", "-1", "--"))
    mixed = "".join(rng.choices(ALNUM, k=rng.choice((3, 4, 7, 8, 9, 13, 16, 17, 24, 25, 33, 41))))
    return mixed.lower() if rng.random() < 0.3 else mixed


def line(rng: random.Random, spoken: dict[str, Any], codes: list[str]) -> bytes:
    values = {
        "lane": rng.choice(("0", "01", "2", "003", "0004", "5", "00001", "")),
        "code": rng.choice(codes) if rng.random() < 0.85 else rng.choice(WORDS),
        "chute": rng.choice(("", "1", "07", "019", "0020", "21", "9999", "x")) if rng.random() < 0.3 else "7",
        "confidence": rng.choice(("", "0", "59", "60", "100", "101", "0100", "-1")) if rng.random() < 0.3 else "88",
        "skip": rng.choice(("", "0012", "T1", "a b")),
    }
    if spoken.get("aim") and rng.random() < 0.5:
        values["code"] = rng.choice(("]C0", "]C1", "]Q")) + values["code"]
    if rng.random() < 0.05:
        values["code"] += rng.choice((",", "/", ";")) + rng.choice(codes)
    fields = list(spoken.get("fields", ("code",)))
    if rng.random() < 0.2:
        fields = fields[: rng.randint(1, len(fields))] + ["chute"] * rng.choice((0, 0, 1))
    body = spoken.get("separator", b"").join(values[name].encode() for name in fields)
    if rng.random() < 0.02:
        body = b"HEARTBEAT2"
    return spoken.get("start", b"") + body + spoken.get("terminator", b"\r\n")


def spoil(rng: random.Random, octets: bytes) -> bytes:
    """Break a line in one of the ways that wires and strangers do."""
    at = rng.randrange(len(octets))
    return rng.choice(
        (
            lambda: octets[:at] + octets[at + 1 :],
            lambda: octets[:at] + bytes([rng.randrange(256)]) + octets[at + 1 :],
            lambda: octets[:at] + b"\x02" + octets[at:],
            lambda: octets[:at],
            lambda: rng.randbytes(rng.randrange(90)),
            lambda: rng.choice((b"\n", b"\r\n", b"\r", b"\x03", b"\x02", b"\0", b",")) * rng.randrange(150),
            lambda: octets[:-3] + b"7" * rng.choice((10, 30, 70, 500, 600, 1500)) + octets[-3:],
            lambda: octets * 3,
        )
    )()


def stream(rng: random.Random, spoken: dict[str, Any], lines: int) -> bytes:
    codes = [code(rng) for _ in range(rng.randint(1, 12))]
    out = [line(rng, spoken, codes) for _ in range(lines)]
    return b"".join(spoil(rng, one) if rng.random() < 0.12 else one for one in out)


def split(rng: random.Random, octets: bytes) -> Iterator[bytes]:
    style = rng.choice((1, 5, 40, 300, 3000))
    at = 0
    while at < len(octets):
        size = rng.randint(1, style)
        yield octets[at : at + size]
        at += size


class Pair:
    """One counter and one model, told the same."""

    def __init__(self, rng: random.Random, spoken: list[dict[str, Any]], **windows: Any) -> None:
        site: dict[str, Any] = {"lanes": 6, "chutes": 20, "carriers": RULES, "s10": rng.choice(("", "ems"))}
        site |= {"numeric": rng.choice(("", "zto")), **windows}
        self.counter = ScanCounter(key=rng.randbytes(32), live_codes=4096, **site)
        self.model = ScanModel(**site)
        self.sources = [Source(**one) for one in spoken]
        self.models = [ModelSource(**one) for one in spoken]
        self.cells: dict[tuple[int, int, str], int] = {}
        self.peaks = [0] * 7
        self.octets = self.clock_steps = 0

    def take(self) -> None:
        if (snapshot := self.counter.take()) is None:
            return
        assert snapshot.forgotten == 0
        self.octets += snapshot.octets
        self.clock_steps += snapshot.clock_steps
        self.peaks = [max(pair) for pair in zip(self.peaks, snapshot.peaks.tolist(), strict=True)]
        for lane, chutes in enumerate(snapshot.cells.tolist()):
            for chute, classes in enumerate(chutes):
                for name, count in zip(self.counter.classes, classes, strict=True):
                    if count:
                        self.cells[lane, chute, name] = self.cells.get((lane, chute, name), 0) + count

    def difference(self) -> str:
        """How the counter and the model differ after all has been told; empty where they agree."""
        while not self.counter.finish():
            self.take()
        self.take()
        rows = {
            (lane, name): count
            for lane, row in enumerate(self.counter.totals.tolist())
            for name, count in zip(COLUMN_NAMES, row, strict=True)
            if count
        }
        by_class: dict[tuple[int, str], int] = {}
        for (lane, _, name), count in self.cells.items():
            by_class[lane, name] = by_class.get((lane, name), 0) + count
        totals = {
            (lane, name): count
            for lane, row in enumerate(self.counter.carrier_totals.tolist())
            for name, count in zip(self.counter.classes, row, strict=True)
            if count
        }
        model, chutes = self.model, self.counter.chute_totals.tolist()
        by_chute = [sum(n for (_, at, _), n in model.cells.items() if at == chute) for chute in range(len(chutes))]
        seen = (rows, self.cells, self.peaks, self.octets, self.clock_steps, totals, chutes)
        true = (+model.rows, +model.cells, model.peaks(), model.octets, model.clock_steps, by_class, by_chute)
        return "" if seen == true else f"counted {seen}\n   true {true}"


def run(seed: int, jumps: bool) -> str:
    """How counter and model differ after the stream of this seed; empty where they agree."""
    return told(seed, jumps)[1]


def told(seed: int, jumps: bool) -> tuple[Pair, str]:
    """One stream: split anywhere between connections; or, with `jumps`, under a clock that leaps and goes back."""
    rng = random.Random(seed)
    windows = {"duplicate_ms": rng.choice((1, 100, 3000, 40000)), "loop_ms": None}
    if rng.random() < 0.7:
        least = windows["duplicate_ms"] + rng.choice((0, 500, 50_000))
        windows["loop_ms"] = (least, least + rng.choice((0, 1000, 60_000)))
    spoken = [framing(rng, lane) for lane in range(1 if jumps else rng.randint(1, 3))]
    pair = Pair(rng, spoken, **windows)
    now = rng.choice((0, 5, 65_500, 10**9, 2**40))
    step = step_of(rng, pair.model.tick_ms, windows) if jumps else lambda: rng.choice((0, 0, 0, 1, 7, 400))
    for index, octets in few_codes(rng, spoken[0]) if jumps else shuffled(rng, spoken):
        now = max(0, now + step())
        pair.counter.feed(pair.sources[index], octets, now)
        pair.model.feed(pair.models[index], octets, now)
        if rng.random() < 0.003:
            pair.counter.cut(pair.sources[index])
            pair.model.cut(pair.models[index])
        if rng.random() < 0.1:
            pair.take()
    return pair, pair.difference()


def step_of(rng: random.Random, tick_ms: int, windows: dict[str, Any]) -> Callable[[], int]:
    """Milliseconds to the next chunk: about the windows' edges, about a wrap of the ticks, leaping, or creeping."""
    edges = [windows["duplicate_ms"], *(windows["loop_ms"] or ())]
    wraps = [tick_ms * n for n in (8191, 8192, 8193, 16384, 32768, 49152, 65535, 65536, 65537)]
    creep = rng.choice((50, 600, 4000, 8192)) * tick_ms
    styles = (
        lambda: max(0, rng.choice(edges) + rng.choice((-1, 0, 1)) * rng.choice((1, tick_ms))),
        lambda: rng.choice(wraps) - rng.choice((0, 0, *edges)),
        lambda: rng.randint(0, creep),
        lambda: rng.choice((0, 1, 10**7, -rng.choice(edges), -(10**6), rng.choice(wraps))),
    )
    mixed = rng.random() < 0.2
    style = rng.choice(styles)
    return lambda: rng.choice(styles)() if mixed else style()


def few_codes(rng: random.Random, spoken: dict[str, Any]) -> Iterator[tuple[int, bytes]]:
    """Whole lines, mostly good, of a few codes again and again."""
    codes = [code(rng) for _ in range(rng.randint(1, 6))]
    lines = [line(rng, spoken, codes) for _ in range(8)]
    for _ in range(rng.choice((20, 60))):
        yield 0, rng.choice(lines)


def shuffled(rng: random.Random, spoken: list[dict[str, Any]]) -> Iterator[tuple[int, bytes]]:
    """Chunks of all connections, each split anywhere, in any order between them."""
    left = {index: split(rng, stream(rng, one, rng.choice((4, 15)))) for index, one in enumerate(spoken)}
    while left:
        index = rng.choice(list(left))
        chunk = next(left[index], None)
        if chunk is None:
            del left[index]
        else:
            yield index, chunk


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=3000, help="split anywhere")
    parser.add_argument("--jumps", type=int, default=1000, help="with a clock that jumps")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    wrong = 0
    for count, jumps in ((arguments.streams, False), (arguments.jumps, True)):
        for seed in range(arguments.seed, arguments.seed + count):
            if difference := run(seed, jumps):
                wrong += 1
                print(f"seed {seed} jumps {jumps}: {difference}")
    print(f"{arguments.streams} split and {arguments.jumps} time-jump streams: {wrong} mismatches")
    raise SystemExit(wrong != 0)


if __name__ == "__main__":
    main()
