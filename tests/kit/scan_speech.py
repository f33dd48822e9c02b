"""An hour of one simulated scanner in seconds: what it says, when, and the truth of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from agent.twin.codes import Codes
from agent.twin.speech import Speech
from agent.twin.tunnel import Eyes, Tunnel, Windows
from drivers.scanner import PRESETS, Framing

DUPLICATE_MS, LOOP_MS = 3000, (15_000, 25_000)
LANES, CHUTES = 4, 60
PLC = """\
[bus.plc]
tcp = "192.168.1.88:502"
[device.plc]
bus = "plc"
unit = 1
[device.plc.point.in]
area = "holding"
address = 0
type = "u32"
kind = "counter"
max_rate_per_s = 1000
[device.plc.point.loop]
area = "holding"
address = 2
type = "u32"
kind = "counter"
max_rate_per_s = 1000
[line.a]
name_zh = "甲"
name_en = "A"
induct = ["plc.in"]
recirculation = ["plc.loop"]
capacity_pph = 40000
buffer_parcels = 100
"""
"""A line `a` whose parcels go round, for a scanner to read."""

FULL = Framing(
    start=b"\x02",
    separator=b",",
    fields=("lane", "code", "chute", "confidence"),
    no_read=("NOREAD",),
    heartbeat=("HB",),
    multi=("MULTIPLE",),
)
FRAMINGS: dict[str, Framing] = {
    **PRESETS,
    "with-heartbeat": replace(PRESETS["sick"], heartbeat=("HEARTBEAT",)),
    "wide": FULL,
    "tabs": replace(FULL, start=b"", separator=b"\t", fields=("code", "skip", "chute"), terminator=b"\n"),
    "joined": replace(FULL, terminator=b"\x03\r\n", separator=b";", fields=("code", "chute"), joiner=b","),
}
BUSY = Eyes(reads=5, no_read=0.1, multi=0.08, by_hand=0.05, garbage=0.2)


class Scene:
    """One scanner and its parcels, of which some come round; `sent` are the codes it said."""

    def __init__(self, framing: Framing, seed: int, eyes: Eyes = BUSY) -> None:
        self.rng = random.Random(seed)
        self.framing = framing
        speech = Speech(framing, LANES if "lane" in framing.fields else 1, CHUTES, self.rng)
        self.tunnel = Tunnel(speech, Windows(DUPLICATE_MS, LOOP_MS), Codes(self.rng), self.rng)
        self.tunnel.eyes = eyes
        self.sent: set[str] = set()
        self._round: list[tuple[int, int]] = []
        self._parcels = 0
        self.now_ms = 1_000_000

    def lines(self, moments: int) -> Iterator[tuple[int, bytes]]:
        """Each moment's line, with its time; all of them are told."""
        for _ in range(moments):
            self.now_ms += self.rng.choice((10, 60, 300, 900))
            self._pass_by()
            if self.rng.random() < 0.1:
                self.tunnel.beat(self.now_ms)
            while (line := self.tunnel.next_line(self.now_ms)) is not None:
                self.tunnel.told(line)
                if line.code:
                    self.sent.add(line.code)
                yield self.now_ms, line.octets

    def _pass_by(self) -> None:
        if self._round and self._round[0][0] <= self.now_ms:
            self.tunnel.pass_by(self._round.pop(0)[1], False, self.now_ms)
        self._parcels += 1
        again = self.rng.random() < 0.25
        self.tunnel.pass_by(self._parcels, again, self.now_ms)
        if again:
            after_ms = self.rng.choice((1000, 3500, 8000, 17_000, 20_000, 24_800, 60_000))
            self._round = sorted([*self._round, (self.now_ms + after_ms, self._parcels)])
