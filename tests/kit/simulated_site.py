"""A site in virtual time: its clock, its counters with their truth, its wires, and the agent's core over a model disk.

Everything of the agent runs here but its threads and sockets. What would make two runs differ has two ways in,
`agent.clock` and `secrets`, and both lead to the world's seed while it is played.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from disk_model import ModelDisk

from agent import clock
from agent import helm as helms
from agent.assembling import device_plan, make_lockers
from agent.baselines import Baselines, Epoch
from agent.beat import Beat
from agent.bus import Answered, Missed, Outcome
from agent.bus.plans import DevicePlan
from agent.counters import counter_meters
from agent.intake import Intake
from agent.load import memory
from agent.load.attendance import Register
from agent.load.instant import ClockQuality, Instant
from agent.load.line import LineModel
from agent.load.meter import Meter
from agent.load.scans import ScanLoad
from agent.load.site import SiteModel
from agent.machine import Machine
from agent.report.commits import Commits
from agent.report.handover import Handover
from agent.report.numbering import Numbering
from agent.report.reporter import Reporter
from agent.service import identity
from agent.site import Site
from agent.stocktake import StockTakes
from agent.systemd import Notify
from agent.uplink.spool import Spool
from config.device_settings import CounterRef
from config.loading import load
from config.settings import Settings
from drivers import Batch

SETTINGS = Path(__file__).with_name("simulated_site.toml")
SITE = "44/4401/sim"
SPOOL_BYTES = 1 << 20
PARCELS_PER_S = 2.0
READS = "scan.north.new"
"""A counter's greatest speed in the world; the settings' plausible rate is well above it."""


@dataclass
class WorldClock:
    """True time, and what the machine makes of it: boot seconds are true, the wall is off by `wrong_s`."""

    true_s: float = 1_800_000_000.0
    boots: int = 1
    booted_s: float = 1_800_000_000.0 - 100.0
    wrong_s: float = 0.0
    quality: ClockQuality = "ntp"

    def now(self) -> Instant:
        return Instant(f"{self.boots:08x}-b007", self.boot_s(), self.true_s + self.wrong_s, self.quality)

    def boot_s(self) -> float:
        return self.true_s - self.booted_s

    def reboot(self) -> None:
        self.boots += 1
        self.booted_s = self.true_s - 20.0


@dataclass
class Counter:
    """A counter as it is: `truth` is every parcel it ever counted, `raw` what its register shows."""

    modulus: int
    raw: int
    truth: int = 0

    def count(self, parcels: int) -> None:
        self.truth += parcels
        self.raw = (self.raw + parcels) % self.modulus


@dataclass
class World:
    """All that is outside of the process: clock, counters, which devices are silent, the card."""

    random: Random
    settings: Settings
    clock: WorldClock
    counters: dict[CounterRef, Counter]
    silent: set[str] = field(default_factory=set)
    disk: ModelDisk = field(default_factory=ModelDisk)
    machine: Path = Path("/nowhere")
    """Where the kernel would tell how the machine is: it would tell another thing in each run."""

    @classmethod
    def new(cls, random: Random) -> World:
        settings = load(SETTINGS)
        moduli = {CounterRef(one.id, point.name): point.modulus for one in settings.devices for point in one.points}
        counters = {ref: Counter(modulus or 0, random.randrange(1000)) for ref, modulus in moduli.items()}
        return cls(random, settings, WorldClock(), counters)

    def work(self, seconds: float) -> None:
        """Time goes by, and parcels: as many as the hour brings."""
        self.clock.true_s += seconds
        busy = 0.2 + 0.8 * (self.clock.true_s // 3600 % 24 in range(6, 23))
        for counter in self.counters.values():
            counter.count(int(seconds * busy * PARCELS_PER_S * self.random.random()))


@contextmanager
def seeded(world: World) -> Iterator[None]:
    """The process's clock and its secrets are the world's."""
    random = world.random
    with (
        patch.object(clock, "now", world.clock.now),
        patch.object(clock, "boot_seconds", world.clock.boot_s),
        patch.object(clock, "processor_seconds", lambda: 0.0),
        patch.multiple(
            secrets,
            token_hex=lambda octets: random.randbytes(octets).hex(),
            randbits=random.getrandbits,
            randbelow=random.randrange,
        ),
    ):
        yield


class Wires:
    """All buses' owner: each device is read once a beat, unless it is silent."""

    name = "wires"

    def __init__(self, world: World) -> None:
        self._world = world
        self.plans: dict[str, DevicePlan] = {}
        self.hurried: list[str] = []

    @property
    def progress_s(self) -> float:
        return self._world.clock.boot_s()

    def take(self) -> Sequence[Outcome]:
        return [outcome for device, plan in self.plans.items() for outcome in self._read(device, plan)]

    def _read(self, device: str, plan: DevicePlan) -> Iterator[Outcome]:
        at_s = self._world.clock.boot_s()
        for number, ask in plan.asks.items():
            if device in self._world.silent:
                yield Missed(device, number, "timeout", at_s)
            else:
                values = tuple(self._world.counters[CounterRef(device, name)].raw for name in ask.points)
                yield Answered(device, number, Batch(values, at_s))

    def hurry(self, device: str) -> None:
        self.hurried.append(device)

    def replan(self, device: str, asks: Mapping[int, object]) -> None: ...

    def counts(self) -> Mapping[str, Any]:
        return {}


class Scanner:
    """What the agent itself counts: reads since this run began; a report says how many, and each commit keeps it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.reads = self.reported = self.kept = 0

    def take(self, at: Instant) -> None:
        self.reads += self._world.random.randrange(40)

    def advance(self, at: Instant) -> Mapping[str, ScanLoad]:
        self.reported = self.reads
        return {"north": ScanLoad({READS: self.reads}, self.reads, 0, 0, 0, 0, 0, 0, None, None, None, 0, None)}

    def streams(self) -> Mapping[str, int]:
        self.kept = self.reads
        return {READS: self.reads}

    def health(self) -> Mapping[str, object]:
        return {}

    def finish(self) -> None: ...


class Life:
    """One run of the daemon over the world's disk, assembled as `agent.service` does; its memory dies with it."""

    def __init__(self, world: World, uplink: Any) -> None:
        settings = world.settings
        self.spool = Spool.open(Path("model"), SPOOL_BYTES, disk=world.disk, clock=world.clock.boot_s)
        self.past = Baselines.decode(self.spool.state)
        self.found_end = self.spool.next_position
        self.scans = Scanner(world)
        self.meters: dict[CounterRef, Meter] = counter_meters(settings)
        for ref, meter in self.meters.items():
            if str(ref) in self.past.counters:
                meter.restore(self.past.counters[str(ref)])
        self.epoch = Epoch.after(self.past.epoch.number if self.past.epoch else 0)
        self.identity = identity(settings, self.epoch)
        wires, now = Wires(world), world.clock.now()
        for device in settings.devices:
            plan = device_plan(settings, device, self.past.cuts.get(device.id, ()))
            assert isinstance(plan, DevicePlan)
            wires.plans[device.id] = plan
        self.intake = Intake(list(wires.plans.values()), self.meters, lambda _: wires, now.boot_s)  # type: ignore[arg-type, return-value]
        lines = [LineModel(line, self.meters, settings.load, 200.0) for line in settings.lines]
        whole = SiteModel(settings.load, lines, self.meters, 200.0)
        memory.restore(self.past.load, now, {one.line.id: one for one in lines}, whole, lambda _name, _why: None)
        self.lockers = make_lockers(settings, self.past.lockers)
        register = Register([*self.intake.presence, *(self.lockers.presence if self.lockers else ())])
        register.restore(self.past.load.get("devices"))
        parts = self.meters, lines, whole, self.intake, [wires], register, self.scans, self.lockers
        site = Site(*parts)  # type: ignore[arg-type]
        with patch.object(helms, "trail_in", lambda *_: None):  # it would be a real file
            helm = helms.at_the_helm(settings, now)
        helm.begin(now, self.past.helm)
        numbering = Numbering(self.epoch, helm)
        handover = Handover(numbering, site, helm, self.past, settings.site.path, lambda: self.uplink.is_heard)
        self.commits = Commits(self.spool, settings.spool, handover.baselines)
        self.uplink = uplink(self)
        self.reporter = Reporter(
            settings,
            site,
            self.spool,
            helm,
            numbering,
            self.commits,
            self.uplink,
            StockTakes(),
            Notify(None),
            Machine(self.spool, Path("model"), world.machine),
        )
        self.reporter.begin(now, self.past)
        self._beat = Beat([wires], [wires], self.intake, self.reporter, Notify(None))  # type: ignore[list-item]

    def tick(self, now: Instant) -> None:
        """One beat, and what the uplink makes of it."""
        self._beat.tick(now)
        self.uplink.go_on(now.boot_s)
