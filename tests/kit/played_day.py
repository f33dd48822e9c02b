"""A day of the twin through the real load model, in virtual time: what was true beside what was said of it.

A hub of two lines, docks, a floor, a locker and a panel of contacts and gauges; its counters are read each ten seconds,
its inputs each second, its state is judged as the agent judges it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

from site_text import HEAD

import config
from agent.bus import Answered
from agent.load.conditions import Conditions
from agent.load.early import EarlyWarning
from agent.load.forecast import TimeToSaturation
from agent.load.instant import Instant
from agent.load.line import LineModel
from agent.load.machine import Transition
from agent.load.meter import CounterRule, Meter
from agent.load.site import SiteModel
from agent.lockers.site import SiteLockers
from agent.twin.board_speech import Cabinet
from agent.twin.counted_day import CountedDay
from agent.twin.people import People, Place
from agent.twin.script import DayKind, Script
from config.device_settings import CounterRef
from config.line_settings import Line
from config.load_settings import Floor, LoadSettings, Mode
from config.locker_settings import Locker
from drivers import Batch
from tests.kit.day_inputs import DayInputs, Told, Truth
from tests.kit.day_links import DayLinks

STEP_S = 10.0
LOOK_S = 300.0
DAY_S = 86_400.0
START_S = 1_800_000_000.0
FLOOR_PARCELS = 8_000
DOCKS = CounterRef("dock", "in"), CounterRef("dock", "out")
MODES: dict[DayKind, Mode] = {"peak": "peak", "sale": "peak", "typhoon": "emergency"}
SITE = "site"
SITE_TOML = (
    HEAD
    + """\
[bus.b]
serial = "/dev/serial/by-path/0"
baud = 19200
[locker.west.board.1]
bus = "b"
language = "kerong_cu16"
address = 0
compartments = "1-16"
[locker.west.board.2]
bus = "b"
language = "kerong_cu16"
address = 1
compartments = "17-30"
"""
)
VISITS_S = {False: 240.0, True: 60.0}
"""Between two visits to the locker, in a rush and else."""


def _line(name: str, capacity_pph: float) -> Line:
    roles = [(CounterRef(name, role),) for role in ("in", "out", "recirc", "reject")]
    return Line(name, name, name, roles[0], roles[1], roles[2], roles[3], capacity_pph, 3000)


LINES = (_line("north", 12_000.0), _line("south", 8_000.0))


@dataclass(frozen=True, slots=True)
class Look:
    """The site at one moment: what was true (`level`, `occupied`) and what was said of it."""

    at_s: float
    level: int
    occupied: int
    backlog: int | None
    index: float | None
    tts: TimeToSaturation | None
    occupied_told: int | None


@dataclass
class Played:
    """One day. `flows` are the true (came, gone, level) of the site and its lines at each step, `moves` all
    transitions and `warnings` the site's; `blocked_s` was told of the first line. `true_alarms` were, `told_alarms` the
    bureau heard of, and at `gasps` that the mains were gone. `links` know when devices could be heard."""

    kind: DayKind
    seed: int
    mode: Mode
    script: Script
    links: DayLinks
    looks: list[Look] = field(default_factory=list)
    moves: list[tuple[float, str, Transition]] = field(default_factory=list)
    warnings: list[tuple[float, EarlyWarning]] = field(default_factory=list)
    flows: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    blocked_s: float = 0.0
    counted: tuple[int, int] = (0, 0)
    true_alarms: list[Truth] = field(default_factory=list)
    told_alarms: list[Told] = field(default_factory=list)
    gasps: list[float] = field(default_factory=list)


def play(kind: DayKind, seed: int, day_s: float = DAY_S) -> Played:
    """One day from nine to nine."""
    hub = Hub(kind, seed)
    played = Played(
        kind, seed, hub.mode, hub.day.script, hub.links, flows={SITE: [], **{line.id: [] for line in LINES}}
    )
    locker = RushedLocker(seed) if kind == "lockers" else None
    for step in range(1, int(day_s / STEP_S) + 1):
        at = hub.step()
        if locker is not None:
            locker.step(at, rush=hub.day.script.holds(hub.day.at_s, "rush"))
        _note(played, hub)
        if step % int(LOOK_S / STEP_S) == 0:
            played.looks.append(_look(hub, at, locker))
    loads = [model.advance(at) for model in hub.models]
    played.blocked_s = loads[0].pace.blocked_s
    inputs = hub.inputs
    played.true_alarms, played.told_alarms, played.gasps = inputs.true, inputs.told, inputs.gasps
    played.counted = tuple(hub.meters[ref].total for ref in DOCKS)  # type: ignore[assignment]
    return played


def _note(played: Played, hub: Hub) -> None:
    """What is true after this step, and what was said in it."""
    day = hub.day
    played.flows[SITE].append((day.unloaded, day.loaded, day.level))
    for one in day.lines:
        played.flows[one.line.id].append((one.inducted, one.discharged + one.rejected, one.belt))
    for name, steering in ((SITE, hub.site.steering), *((one.line.id, one.steering) for one in hub.models)):
        for event in steering.take_events():
            if isinstance(event, Transition):
                played.moves.append((day.at_s, name, event))
            elif isinstance(event, EarlyWarning) and name == SITE:
                played.warnings.append((day.at_s, event))


def _look(hub: Hub, at: Instant, locker: RushedLocker | None) -> Look:
    load = hub.site.advance(at, {model.line.id: model.advance(at) for model in hub.models})
    occupied, told = locker.look(at) if locker else (0, None)
    return Look(hub.day.at_s, hub.day.level, occupied, load.backlog, load.load_index, hub.site.steering.tts, told)


class Hub:
    """The models of the hub and the counters that feed them."""

    def __init__(self, kind: DayKind, seed: int) -> None:
        self.day = CountedDay(LINES, kind, seed)
        refs = [ref for line in LINES for _, ref in line.counters()] + list(DOCKS)
        self.meters = {ref: Meter(CounterRule(2**32, 100.0, STEP_S), 1) for ref in refs}
        self.models = [LineModel(line, self.meters) for line in LINES]
        floor = Floor(unload=DOCKS[:1], load=DOCKS[1:], buffer_parcels=FLOOR_PARCELS)
        self.site = SiteModel(LoadSettings(floor), self.models, self.meters)
        self.mode = MODES.get(kind, "normal")
        begin = Instant("boot", 1000.0, START_S, "ntp")
        self.inputs = DayInputs(self.day.script, tuple(line.id for line in LINES), begin)
        self.links = DayLinks(self.day.script, seed, begin)
        self._read(begin)

    def step(self) -> Instant:
        """One step goes by."""
        self.day.step(STEP_S)
        at = Instant("boot", 1000.0 + self.day.at_s, START_S + self.day.at_s, "ntp")
        self._read(at)
        self.inputs.advance(at)
        self.links.advance(at)
        for model in self.models:
            model.sample(at, self._conditions(model.line.id))
        self.site.sample(at, self._conditions())
        return at

    def _conditions(self, line: str = "") -> Conditions:
        """As the helm sees them, in the mode of the day."""
        return replace(self.inputs.helm.conditions(line), mode=self.mode)

    def _read(self, at: Instant) -> None:
        for ref, raw in self._counts():
            self.meters[ref].advance(raw, at)

    def _counts(self) -> Iterator[tuple[CounterRef, int]]:
        for one in self.day.lines:
            line = one.line
            yield line.induct[0], one.inducted
            yield line.discharge[0], one.discharged
            yield line.recirculation[0], one.recirculated
            yield line.reject[0], one.rejected
        yield DOCKS[0], self.day.unloaded
        yield DOCKS[1], self.day.loaded


class SaidCabinet(Cabinet):
    """A board's cabinet, point by point."""

    def says(self, point: str) -> bool:
        """Whether that door is closed or that item there."""
        what, _, channel = point.partition(".")
        return (self.closed if what == "door" else self.present)[int(channel) - 1]


class RushedLocker:
    """A locker of thirty compartments with parcel sensors, and the people who come."""

    def __init__(self, seed: int) -> None:
        locker = _locker()
        self.lockers = SiteLockers([locker], 1000.0)
        self.cabinets = {board.id: SaidCabinet([True] * 16) for board in locker.boards}
        places = [
            Place(one.number, one.size, self.cabinets[board.id], one.channel - 1, has_item=True)
            for board in locker.boards
            for one in board.compartments
        ]
        self.people = People(locker, places, Random(f"{seed} {locker.id}"))

    def step(self, at: Instant, *, rush: bool) -> None:
        """So much of people's time goes by; each board is read once."""
        self.people.rush = rush
        self.people.advance(STEP_S, 2.0 / VISITS_S[rush])
        for board, asked in self.lockers.asking:
            cabinet = self.cabinets[board.id]
            for number, ask in enumerate(asked):
                values = tuple(cabinet.says(point) for point in ask.points)
                self.lockers.hear(Answered(board.id, number, Batch(values, at.boot_s)))
        self.lockers.advance(at)

    def look(self, at: Instant) -> tuple[int, int | None]:
        """Compartments with a parcel: in truth, and as it is told."""
        [load] = [model.draw(at) for model in self.lockers.models.values()]
        return sum(place.full for place in self.people.places.values()), load.all.occupied


def _locker() -> Locker:
    report = config.check_text("days.toml", SITE_TOML.encode())
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    return report.settings.lockers[0]
