"""What the load model costs: a site of 32 lines and 500 points, a beat each second, a report each ten.

python benchmarks/bench_load.py [--beats 86400] [--json]

In virtual time, without wires and disk: every counter's sample (six of each line, two of the docks; the other points
are inputs, which cost the load model nothing), every line and the site followed, judged and recorded, each report
drawn, encoded and joined by the baselines that its frame carries. CPU time of this process.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Sequence
from random import Random

from agent.baselines import Baselines, Epoch
from agent.load import memory
from agent.load.instant import Instant
from agent.load.line import LineModel
from agent.load.line_load import LineLoad
from agent.load.meter import CounterRule, Meter
from agent.load.site import SiteModel
from agent.uplink import reports, site_reports
from agent.uplink.contract import Head, Message
from config.load_settings import Floor, LoadSettings
from config.settings import CounterRef, Line

LINES = 32
POINTS = 500
REPORT_S = 10
ROLES = ("in1", "in2", "out1", "out2", "recirc", "reject")
START_S = 1_800_000_000.0
EPOCH = Epoch(7, "abcdef")


class Site:
    """The site, its counters and what they count a second."""

    def __init__(self, seed: int) -> None:
        rng = Random(seed)
        names = [f"line-{n}" for n in range(LINES)]
        self.lines = [self._line(name) for name in names]
        docks = (CounterRef("dock", "in"), CounterRef("dock", "out"))
        refs = [ref for line in self.lines for _, ref in line.counters()] + list(docks)
        self.meters = {ref: Meter(CounterRule(2**32, 50.0), 1) for ref in refs}
        self.models = [LineModel(line, self.meters) for line in self.lines]
        floor = Floor(unload=docks[:1], load=docks[1:], buffer_parcels=100_000)
        self.site = SiteModel(LoadSettings(floor), self.models, self.meters)
        self.raw = [rng.randrange(10**6) for _ in refs]
        self.steps = [[rng.choice((0, 1, 1, 2)) for _ in refs] for _ in range(60)]
        self.before: dict[str, LineLoad] = {}
        self.seq = 0

    @staticmethod
    def _line(name: str) -> Line:
        one, two, three, four, five, six = (CounterRef(name, role) for role in ROLES)
        return Line(name, name, name, (one, two), (three, four), (five,), (six,), 9000.0, 3000)

    def beat(self, second: int) -> int:
        """One beat; the bytes that its frame would hold."""
        at = Instant("boot", 1000.0 + second, START_S + second, "ntp")
        for place, (meter, step) in enumerate(zip(self.meters.values(), self.steps[second % 60], strict=True)):
            self.raw[place] += step
            meter.advance(self.raw[place], at)
        for model in self.models:
            model.sample(at)
        self.site.sample(at)
        messages = self._events(at)
        if second % REPORT_S == 0:
            messages += self._report(at)
        return self._frame(messages, at) if messages else 0

    def _head(self, at: Instant) -> Head:
        self.seq += 1
        return Head(at, str(EPOCH), self.seq)

    def _events(self, at: Instant) -> list[Message]:
        told = []
        for model in self.models:
            told += [site_reports.event(self._head(at), model.line.id, one) for one in model.steering.take_events()]
        return told + [site_reports.event(self._head(at), None, one) for one in self.site.steering.take_events()]

    def _report(self, at: Instant) -> list[Message]:
        loads = {model.line.id: model.advance(at) for model in self.models}
        told = []
        for model in self.models:
            name = model.line.id
            counts = {ref: self.meters[ref] for _, ref in model.line.counters()}
            told.append(reports.telemetry(self._head(at), name, loads[name], counts, self.before.get(name), 10.0))
        self.before = loads
        return [*told, site_reports.site_state(self._head(at), self.site.advance(at, loads))]

    def _frame(self, messages: Sequence[Message], at: Instant) -> int:
        counters = {str(ref): meter.state() for ref, meter in self.meters.items()}
        kept = memory.kept(at, {model.line.id: model for model in self.models}, self.site)
        state = Baselines(EPOCH, self.seq, counters, {}, kept).encode()
        return len(state) + sum(len(message.encode()) for message in messages)


def measure(beats: int, seed: int) -> dict[str, object]:
    site = Site(seed)
    gc.collect()
    gc.freeze()  # as the service does before it beats
    took, frames = [], []
    for second in range(beats):
        began = time.process_time_ns()
        held = site.beat(second)
        took.append((time.process_time_ns() - began) / 1e6)
        frames += [held] if held else []
    reporting = took[::REPORT_S]
    between = [one for place, one in enumerate(took) if place % REPORT_S]
    kept = memory.kept(Instant("boot", 1.0, 1.0, "ntp"), {one.line.id: one for one in site.models}, site.site)
    return {
        "lines": LINES,
        "points": POINTS,
        "counters": len(site.meters),
        "beats": beats,
        "cpu_s": round(sum(took) / 1000, 2),
        "cpu_s_a_day": round(86_400 / beats * sum(took) / 1000, 1),
        "beat_ms": {"mean": round(statistics.fmean(took), 3), "between_reports": round(statistics.median(between), 3)},
        "report_ms": {"median": round(statistics.median(reporting), 2), "p99": quantile(reporting, 0.99)},
        "frame_bytes": round(statistics.median(frames)),
        "memory_bytes": len(json.dumps(kept, separators=(",", ":"))),
    }


def quantile(values: Sequence[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))], 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beats", type=int, default=86_400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.beats, args.seed)
    print(json.dumps(found) if args.json else "\n".join(f"{name:<16}{value}" for name, value in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
