"""The scan counter as one would first write it, with dicts and strings: the oracle of the compiled one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

Rule = tuple[str, str, int, int]


@dataclass
class ModelSource:
    lane: int
    terminator: bytes = b"\r\n"
    start: bytes = b""
    separator: bytes = b""
    fields: Sequence[str] = ("code",)
    no_read: Sequence[str] = ()
    heartbeat: Sequence[str] = ()
    multi: Sequence[str] = ()
    joiner: bytes = b""
    aim: bool = False
    code_least: int = 8
    code_most: int = 32
    confidence_least: int = 0
    line_most: int = 512
    begun: bytes = b""
    endless: bool = False

    def __post_init__(self) -> None:
        kinds = {"multi": self.multi, "heartbeat": self.heartbeat, "no_read": self.no_read}
        self.texts = {text.upper(): column for column, texts in kinds.items() for text in texts}
        self.needed = 1 + max(self.fields.index(name) for name in ("lane", "code") if name in self.fields)


@dataclass
class ScanModel:
    lanes: int
    chutes: int
    carriers: Sequence[Rule] = ()
    s10: str = ""
    numeric: str = ""
    duplicate_ms: int = 3000
    loop_ms: tuple[int, int] | None = None
    rows: Counter[tuple[int, str]] = field(default_factory=Counter)
    cells: Counter[tuple[int, int, str]] = field(default_factory=Counter)
    seconds: Counter[tuple[int, int]] = field(default_factory=Counter)
    seen: dict[tuple[int, bytes], int] = field(default_factory=dict)
    octets: int = 0
    clock_steps: int = 0
    clock: int | None = None
    heard: int = 0

    def __post_init__(self) -> None:
        self.rules = [
            (name, re.compile(prefix.replace("?", "[A-Za-z]") + rf"\d{{{least},{most}}}"))
            for name, prefix, least, most in self.carriers
        ]
        longest = max(self.duplicate_ms, (self.loop_ms or (0, 0))[1])
        self.tick_ms = 1
        while longest // self.tick_ms >= 32768:
            self.tick_ms *= 2
        self.duplicate = -(-self.duplicate_ms // self.tick_ms)
        self.loop: range | None = None
        if self.loop_ms:
            least = max(self.loop_ms[0] // self.tick_ms, self.duplicate)
            self.loop = range(least, max(-(-self.loop_ms[1] // self.tick_ms), least) + 1)

    def feed(self, source: ModelSource, octets: bytes, now_ms: int) -> None:
        self.advance(now_ms)
        self.octets += len(octets)
        *lines, rest = (source.begun + octets).split(source.terminator[-1:])
        for line in lines:
            if not source.endless:
                self.take(source, line)
            source.endless = False
        if not source.endless and len(rest) > source.line_most:
            self.rows[source.lane, "overlong"] += 1
            source.endless = True
        source.begun = b"" if source.endless else rest

    def advance(self, now_ms: int) -> None:
        if self.clock is None:
            self.clock = now_ms
        elif now_ms < self.heard:
            self.clock_steps += 1
        else:
            self.clock += now_ms - self.heard
        self.heard = now_ms

    def cut(self, source: ModelSource) -> None:
        self.rows[source.lane, "cut"] += source.begun != b""
        source.begun = b""
        source.endless = False

    def take(self, source: ModelSource, line: bytes) -> None:
        lead = source.terminator[:-1]
        if len(line) > source.line_most:
            self.rows[source.lane, "overlong"] += 1
            return
        if not line.endswith(lead) or source.start not in line[: len(line) - len(lead)]:
            self.rows[source.lane, "framing"] += 1
            return
        body = line[: len(line) - len(lead)]
        if source.start:
            noise, _, body = body.rpartition(source.start)
            self.rows[source.lane, "framing"] += noise != b""
        text = body.decode("latin-1").upper()
        if text in source.texts:
            self.rows[source.lane, source.texts[text]] += 1
        elif body == b"":
            self.rows[source.lane, "empty"] += 1
        else:
            lane, column = self.read(source, body)
            self.rows[lane, column] += 1

    def read(self, source: ModelSource, body: bytes) -> tuple[int, str]:  # noqa: PLR0911
        """The row and the column of a line."""
        if any(not 0x20 <= byte <= 0x7E and bytes([byte]) not in (source.separator, source.joiner) for byte in body):
            return source.lane, "byte"
        values = body.split(source.separator) if source.separator else [body]
        if not source.needed <= len(values) <= len(source.fields):
            return source.lane, "fields"
        named = dict(zip(source.fields, values, strict=False))
        lane = source.lane
        if "lane" in named:
            if not re.fullmatch(rb"\d{1,4}", named["lane"]) or int(named["lane"]) >= self.lanes:
                return source.lane, "lane"
            lane = int(named["lane"])
        code = named["code"]
        text = code.decode("latin-1").upper()
        if text in source.texts:
            return lane, source.texts[text]
        if source.joiner and source.joiner in code:
            return lane, "multi"
        if source.aim and code.startswith(b"]") and len(code) > 3:
            code = code[3:]
        if not re.fullmatch(rb"(?!-)[0-9A-Za-z-]{%d,%d}" % (source.code_least, source.code_most), code):
            return source.lane, "code"
        chute, confidence = named.get("chute", b""), named.get("confidence", b"")
        if chute and (not re.fullmatch(rb"\d{1,4}", chute) or int(chute) > self.chutes):
            return source.lane, "chute"
        if confidence and not (
            re.fullmatch(rb"\d{1,3}", confidence) and source.confidence_least <= int(confidence) <= 100
        ):
            return source.lane, "confidence"
        return lane, self.sight(lane, code, int(chute or b"0"))

    def sight(self, lane: int, code: bytes, chute: int) -> str:
        assert self.clock is not None
        tick = self.clock // self.tick_ms
        last = self.seen.get((lane, code))
        self.seen[lane, code] = tick
        if last is not None and tick - last < self.duplicate:
            return "duplicate"
        self.seconds[lane, self.clock // 1000] += 1
        if last is not None and self.loop and tick - last in self.loop:
            return "recirculated"
        self.cells[lane, chute, self.carrier(code.decode().partition("-")[0])] += 1
        return "new"

    def carrier(self, code: str) -> str:
        for name, pattern in self.rules:
            if pattern.fullmatch(code):
                return name
        if re.fullmatch(r"[A-Za-z]{2}\d{9}[A-Za-z]{2}", code) and s10_check_digit(code[2:10]) == int(code[10]):
            return self.s10 or "other"
        return (self.numeric or "numeric") if code.isdigit() else "other"

    def peaks(self) -> list[int]:
        """The most passes of one second for each lane, then for all together."""
        together: Counter[int] = Counter()
        for (_, second), passes in self.seconds.items():
            together[second] += passes
        lanes = [max((n for (at, _), n in self.seconds.items() if at == lane), default=0) for lane in range(self.lanes)]
        return [*lanes, max(together.values(), default=0)]


def s10_check_digit(digits: str) -> int:
    rest = 11 - sum(int(d) * w for d, w in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)) % 11
    return {10: 0, 11: 5}.get(rest, rest)
