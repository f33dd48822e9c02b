"""The one framing of the benchmark, counted as one would write it first: split, check, dicts."""

from __future__ import annotations

import re
from collections import Counter

CARRIERS = [
    ("sf", re.compile(r"SF\d{12,15}")),
    ("yto", re.compile(r"YT\d{13}")),
    ("jt", re.compile(r"JT\d{12,13}")),
    ("jd", re.compile(r"JD[XK]\d{12}|JDV[A-Z]\d{11}")),
    ("sto", re.compile(r"STO\d{10}")),
    ("deppon", re.compile(r"DPK\d{11,12}")),
]
S10 = re.compile(r"[A-Z]{2}\d{9}[A-Z]{2}")
WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)


def carrier(code: str) -> str:
    if code[0].isdigit():
        return "numeric" if code.isdigit() else "other"
    for name, pattern in CARRIERS:
        if pattern.fullmatch(code):
            return name
    if S10.fullmatch(code):
        rest = 11 - sum(int(d) * w for d, w in zip(code[2:10], WEIGHTS, strict=True)) % 11
        if {10: 0, 11: 5}.get(rest, rest) == int(code[10]):
            return "ems"
    return "other"


class Obvious:
    def __init__(self, lanes: int, chutes: int, window_ms: int, loop_ms: tuple[int, int]) -> None:
        self.lanes, self.chutes, self.window_ms, self.loop_ms = lanes, chutes, window_ms, loop_ms
        self.begun = b""
        self.seen: dict[tuple[int, str], int] = {}
        self.rows: Counter[tuple[int, str]] = Counter()
        self.cells: Counter[tuple[int, int, str, int]] = Counter()
        self.passes: Counter[tuple[int, int]] = Counter()
        self.swept_ms = 0

    def feed(self, octets: bytes, now_ms: int) -> None:
        *lines, self.begun = (self.begun + octets).split(b"\n")
        for line in lines:
            self.take(line, now_ms)
        if now_ms - self.swept_ms > self.loop_ms[1]:
            self.seen = {key: at for key, at in self.seen.items() if now_ms - at <= self.loop_ms[1]}
            self.swept_ms = now_ms

    def take(self, line: bytes, now_ms: int) -> None:  # noqa: PLR0911
        if len(line) > 512 or not line.startswith(b"\x02") or not line.endswith(b"\r"):
            self.rows[0, "framing"] += 1
            return
        try:
            fields = line[1:-1].decode("ascii").split(",")
        except UnicodeDecodeError:
            self.rows[0, "byte"] += 1
            return
        if not 2 <= len(fields) <= 4:
            self.rows[0, "fields"] += 1
            return
        if not fields[0].isdigit() or int(fields[0]) >= self.lanes:
            self.rows[0, "lane"] += 1
            return
        lane, code = int(fields[0]), fields[1]
        if code.upper() == "NOREAD":
            self.rows[lane, "no_read"] += 1
            return
        if not (8 <= len(code) <= 32 and code.isalnum()):
            self.rows[0, "code"] += 1
            return
        chute = int(fields[2]) if len(fields) > 2 and fields[2].isdigit() else 0
        if chute > self.chutes or (len(fields) > 3 and not (fields[3].isdigit() and int(fields[3]) <= 100)):
            self.rows[0, "chute"] += 1
            return
        last = self.seen.get((lane, code))
        self.seen[lane, code] = now_ms
        if last is not None and now_ms - last < self.window_ms:
            self.rows[lane, "duplicate"] += 1
            return
        self.passes[lane, now_ms // 1000] += 1
        if last is not None and self.loop_ms[0] <= now_ms - last <= self.loop_ms[1]:
            self.rows[lane, "recirculated"] += 1
        else:
            self.rows[lane, "new"] += 1
            self.cells[lane, chute, carrier(code), now_ms // 1000] += 1

    def peaks(self) -> list[int]:
        """The most passes of one second for each lane, then for all together."""
        together: Counter[int] = Counter()
        for (_, second), passes in self.passes.items():
            together[second] += passes
        lanes = [max((n for (at, _), n in self.passes.items() if at == lane), default=0) for lane in range(self.lanes)]
        return [*lanes, max(together.values(), default=0)]
