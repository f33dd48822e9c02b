"""What the load model costs: a site of 32 lines, 500 points and 40 lockers, a beat each second, a report each ten.

python benchmarks/bench_load.py [--beats 86400] [--json]

Exit code 1 where a target is missed. A whole day takes about a minute; `--beats 8640` plays a tenth of it and reckons
what a day would take.

In virtual time, without wires and disk: every counter's sample (six of each line, two of the docks; the other points
are inputs, which cost the load model nothing), every locker's board heard each two seconds, every line and the site
followed, judged and recorded, each report drawn, encoded and joined by the state that its frame carries. CPU time of
this process; how the frame is packed and flushed is the spool's, `pack_ms` says what the packing takes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import Any

import config
from agent import footprint
from agent.baselines import Baselines, Epoch
from agent.bus import Answered
from agent.load import memory
from agent.load.instant import Instant
from agent.load.line import LineModel
from agent.load.line_load import LineLoad
from agent.load.meter import CounterRule, Meter
from agent.load.site import SiteModel
from agent.lockers.report import LockerReport
from agent.lockers.site import SiteLockers
from agent.uplink import reports, site_reports
from agent.uplink.contract import Head, Message
from agent.uplink.spool import frame
from config.device_settings import CounterRef
from config.line_settings import Line
from config.load_settings import Floor, LoadSettings
from config.locker_settings import Locker
from drivers import Batch

LINES = 32
POINTS = 500
LOCKERS = 40
LOCKERS_A_BUS = 10
BOARD_PERIOD_S = 2
REPORT_S = 10
ROLES = ("in1", "in2", "out1", "out2", "recirc", "reject")
DAY_BEATS = 86_400
START_S = 1_800_000_000.0
EPOCH = Epoch(7, "abcdef")
TARGETS = {"report_ms": 5.0, "day_cpu_s": 60.0}
"""The beat that has most to do, and a day of beats."""


Records = Sequence[bytes]


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
        self.lockers = SiteLockers(lockers(), 1000.0)
        self.locker_report = LockerReport(self.lockers, self._head)
        self.before: dict[str, LineLoad] = {}
        self.seq = 0

    @staticmethod
    def _line(name: str) -> Line:
        one, two, three, four, five, six = (CounterRef(name, role) for role in ROLES)
        return Line(name, name, name, (one, two), (three, four), (five,), (six,), 9000.0, 3000)

    def beat(self, second: int) -> Records:
        """One beat; what its frame would hold, the state first; nothing where it tells nothing."""
        at = Instant("boot", 1000.0 + second, START_S + second, "ntp")
        for place, (meter, step) in enumerate(zip(self.meters.values(), self.steps[second % 60], strict=True)):
            self.raw[place] += step
            meter.advance(self.raw[place], at)
        self._hear_lockers(second, at)
        for model in self.models:
            model.sample(at)
        self.site.sample(at)
        messages = self._events(at)
        if second % REPORT_S == 0:
            messages += self._report(at)
        return self._frame(messages, at) if messages else []

    def _hear_lockers(self, second: int, at: Instant) -> None:
        for place, (board, asked) in enumerate(self.lockers.asking):
            if (second + place) % BOARD_PERIOD_S == 0:
                for number, ask in enumerate(asked):
                    values = said(len(ask.points), (second // 300 + place) % len(ask.points))
                    self.lockers.hear(Answered(board.id, number, Batch(values, at.boot_s)))
        self.lockers.advance(at)

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
            told.append(reports.telemetry(self._head(at), name, loads[name], model.meters, self.before.get(name), 10.0))
        self.before = loads
        told += [*self.locker_report.due(at), *self.locker_report.doors(at)]
        return [*told, site_reports.site_state(self._head(at), self.site.advance(at, loads))]

    def _frame(self, messages: Sequence[Message], at: Instant) -> Records:
        counters = {str(ref): meter.state() for ref, meter in self.meters.items()}
        kept = memory.kept(at, {model.line.id: model for model in self.models}, self.site)
        state = Baselines(EPOCH, self.seq, counters, {}, kept, lockers=self.lockers.state(at)).encode()
        return [state, *(message.encode() for message in messages)]


@cache
def said(points: int, changed: int) -> tuple[bool, ...]:
    """An answer of a board in which one point is unlike the others."""
    return tuple(n == changed for n in range(points))


def lockers() -> Sequence[Locker]:
    """Each of one board with sixteen doors and parcel sensors."""
    buses = "".join(
        f'[bus.b{n}]\nserial = "/dev/serial/by-path/{n}"\nbaud = 19200\n' for n in range(LOCKERS // LOCKERS_A_BUS)
    )
    boards = "".join(
        f'[locker.l{n}.board.1]\nbus = "b{n // LOCKERS_A_BUS}"\nlanguage = "kerong_cu16"\n'
        f'address = {n % LOCKERS_A_BUS}\ncompartments = "1-16"\nsizes = {{ s = "1-8", m = "9-16" }}\n'
        for n in range(LOCKERS)
    )
    site = (
        '[site]\nid = "b"\nprovince = "44"\ncity = "4401"\nlevel = "hub"\n[bureau]\nhost = "127.0.0.1"\ntls = false\n'
    )
    report = config.check_text("bench.toml", (site + buses + boards).encode())
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    return report.settings.lockers


def measure(beats: int, seed: int, say: Callable[[int], None]) -> dict[str, Any]:
    site = Site(seed)
    footprint.settle()  # as the service does before it beats
    took, frame_bytes, packing = [], [], []
    for second in range(beats):
        began = time.process_time_ns()
        records = site.beat(second)
        took.append(since_ms(began))
        if second % REPORT_S == 0:
            frame_bytes.append(sum(map(len, records)))
            packing.append(pack_ms(records))
        if second % 3600 == 0:
            say(second)
    reporting = took[::REPORT_S]
    between = [one for place, one in enumerate(took) if place % REPORT_S]
    kept = memory.kept(Instant("boot", 1.0, 1.0, "ntp"), {one.line.id: one for one in site.models}, site.site)
    return {
        "lines": LINES,
        "points": POINTS,
        "counters": len(site.meters),
        "lockers": LOCKERS,
        "beats": beats,
        "cpu_s": round(sum(took) / 1000, 2),
        "day_cpu_s": round(DAY_BEATS / beats * sum(took) / 1000, 1),
        "beat_ms": {"mean": round(statistics.fmean(took), 3), "between_reports": quantile(between, 0.5)},
        "report_ms": {"median": quantile(reporting, 0.5), "p99": quantile(reporting, 0.99)},
        "pack_ms": quantile(packing, 0.5),
        "frame_bytes": round(statistics.median(frame_bytes)),
        "memory_bytes": len(json.dumps(kept, separators=(",", ":"))),
    }


def since_ms(began: int) -> float:
    return (time.process_time_ns() - began) / 1e6


def pack_ms(records: Records) -> float:
    """What it takes to make the spool's frame of them."""
    began = time.process_time_ns()
    frame.encode(frame.Stamp(1, 2), 0, frame.Marks(0, 0, 0), records[1:], records[0])
    return since_ms(began)


def quantile(values: Sequence[float], share: float) -> float:
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))], 3)


def met(found: dict[str, Any]) -> dict[str, bool]:
    return {
        "report_ms": found["report_ms"]["median"] <= TARGETS["report_ms"],
        "day_cpu_s": found["day_cpu_s"] <= TARGETS["day_cpu_s"],
    }


def table(found: dict[str, Any]) -> str:
    rows = [f"{name:<16}{value}" for name, value in found.items() if name not in {"targets", "met"}]
    said = {name: "met" if good else "MISSED" for name, good in found["met"].items()}
    return "\n".join([*rows, *(f"{name} at most {TARGETS[name]:g}: {word}" for name, word in said.items())])


def progress(second: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{second // 3600:>3} h", end="\r", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beats", type=int, default=DAY_BEATS, help=f"at least {REPORT_S + 1}; a day has {DAY_BEATS}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    args = parser.parse_args()
    if args.beats <= REPORT_S:
        parser.error(f"--beats {args.beats}: a report comes every {REPORT_S}")
    found = measure(args.beats, args.seed, progress)
    found |= {"targets": TARGETS, "met": met(found)}
    print(json.dumps(found) if args.json else table(found))
    return 0 if all(found["met"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
