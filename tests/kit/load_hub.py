"""A hub of lines and docks in virtual time: its counters, its models, and what they draw."""

from __future__ import annotations

from agent.load.conditions import ORDINARY, Conditions
from agent.load.instant import Instant
from agent.load.line import LineModel
from agent.load.meter import CounterRule, Meter
from agent.load.site import SiteLoad, SiteModel
from config.device_settings import CounterRef
from config.line_settings import Line
from config.load_settings import Floor, LoadSettings

RULE = CounterRule(2**32, 100.0)
DOCK_IN, DOCK_OUT = CounterRef("dock", "in"), CounterRef("dock", "out")
FLOOR = Floor(unload=(DOCK_IN,), load=(DOCK_OUT,), buffer_parcels=10_000)


def line(name: str, **other: object) -> Line:
    induct, discharge = CounterRef(name, "in"), CounterRef(name, "out")
    given = {"recirculation": (), "reject": (), "capacity_pph": 10_000.0, "buffer_parcels": 5000, **other}
    return Line(name, name, name, (induct,), (discharge,), **given)  # type: ignore[arg-type]


class Hub:
    """Two lines and docks, whose counters run at set rates, read and sampled once a second."""

    def __init__(self, floor: Floor = FLOOR, *lines: Line) -> None:
        self.lines = lines or (line("north"), line("south"))
        refs = [ref for one in self.lines for _, ref in one.counters()] + list(floor.counters())
        self.meters = {ref: Meter(RULE, 1) for ref in refs}
        self.models = [LineModel(one, self.meters) for one in self.lines]
        self.site = SiteModel(LoadSettings(floor), self.models, self.meters)
        self.raw = dict.fromkeys(refs, 1000)
        self.now_s = 5000.0
        self.boot = "a"
        self.silent: set[CounterRef] = set()

    @property
    def at(self) -> Instant:
        return Instant(self.boot, self.now_s, 1.8e9 + self.now_s, "ntp")

    def run(self, seconds: int, conditions: Conditions = ORDINARY, **per_s: int) -> SiteLoad:
        """Rates by device: `north=3` inducts and discharges three a second, `dock_in` and `dock_out` are the docks'."""
        for _ in range(seconds):
            self.now_s += 1.0
            for ref, meter in self.meters.items():
                key = f"{ref.device}_{ref.point}" if ref.device == "dock" else ref.device
                self.raw[ref] += per_s.get(key, 0)
                if ref not in self.silent:
                    meter.advance(self.raw[ref], self.at)
            for model in self.models:
                model.sample(self.at, conditions)
            self.site.sample(self.at, conditions)
        return self.draw()

    def draw(self) -> SiteLoad:
        return self.site.advance(self.at, {model.line.id: model.advance(self.at) for model in self.models})
