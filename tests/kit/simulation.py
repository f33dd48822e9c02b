"""The whole site in one seeded process and in virtual time: devices, agent, card, broker and bureau, under faults.

One seed is one history: the same seed makes the same trace, whose hash is printed. After each beat the promises I1 to
I16 of the design's fault list are held against the truth; the first that breaks ends the run with its seed.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from disk_model import ModelDisk, power_cut
from simulated_network import Network, Uplink
from simulated_promises import Promises
from simulated_site import Life, World, seeded

from agent.bureau.arrival import Arrival, Said

STEP_S = 60.0
DAY_S = 86_400.0
STEPS_A_DAY = int(DAY_S / STEP_S)
HEAL_S = DAY_S
EIO, ENOSPC, EROFS = 5, 28, 30
LOG_ENTRIES = 500
KNOWN_S = 900.0
READING = {"open", "read", "sizes", "attach"}


@dataclass
class Window:
    """Something that is wrong until `until_s` of true time; `mend` makes it right."""

    name: str
    until_s: float
    mend: Callable[[], None]


@dataclass
class Outcome:
    """What a simulation came to. `trace` is the hash of everything that happened."""

    seed: int
    days: float
    steps: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    trace: str = ""
    faults: dict[str, int] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)
    broken: str = ""

    @property
    def months_a_minute(self) -> float:
        """Simulated months of thirty days in a minute of a processor, with every promise looked at."""
        return round(self.figures["beats"] * STEP_S / (30 * DAY_S) / (self.cpu_s / 60), 2) if self.cpu_s else 0.0


class Simulation:
    """One history. `run` plays it to its end or to the first broken promise."""

    def __init__(self, random: Random, world: World) -> None:
        self.random, self.world = random, world
        self.network = Network(self.random)
        self.promises = Promises(self.world, self.network)
        self.faults: Tally[str] = Tally()
        self._windows: list[Window] = []
        self._trace = hashlib.sha256()
        self._backup: ModelDisk | None = None
        self.life = self._start()

    def _start(self) -> Life:
        life = Life(self.world, lambda life: Uplink(self.world, self.network, life))
        self.promises.began(life)
        return life

    def step(self) -> None:
        """A minute: parcels, a beat, the wire, the bureau; then every promise."""
        self.world.work(STEP_S)
        self.promises.before(self.life)
        self.life.tick(self.world.clock.now())
        arrivals = self.network.go_on(self.world.clock.true_s, self.world.clock.true_s)
        self.promises.hold(self.life)
        self._note(arrivals)
        if len(self.world.disk.log) > LOG_ENTRIES:
            self.world.disk.forget()

    def settle(self) -> None:
        """All that is wrong is mended; a while later everything must have come right."""
        for window in self._windows:
            window.mend()
        self._windows.clear()
        for _ in range(int(HEAL_S / STEP_S)):
            self.step()
        self.life.reporter.report(self.world.clock.now())
        self.life.uplink.go_on(self.world.clock.boot_s())
        self.promises.hold(self.life)
        self.network.go_on(self.world.clock.true_s, self.world.clock.true_s)
        self.promises.settled(self.life)

    def _note(self, arrivals: Sequence[Said]) -> None:
        spool, truths = self.life.spool, [counter.truth for counter in self.world.counters.values()]
        marks = [one.mark for one in arrivals if isinstance(one, Arrival)]
        self._trace.update(repr((spool.next_position, spool.acked, truths, spool.condition.place, marks)).encode())

    @property
    def trace(self) -> str:
        return self._trace.hexdigest()[:16]

    # --- faults ---

    def misfortune(self) -> None:
        """What may go wrong in this minute, and what is over."""
        true_s = self.world.clock.true_s
        for window in [one for one in self._windows if one.until_s <= true_s]:
            window.mend()
            self._windows.remove(window)
        for name, chance, act in self._dangers():
            if self.random.random() < chance:
                self.faults[name] += 1
                self._trace.update(name.encode())
                act()

    def _dangers(self) -> Iterator[tuple[str, float, Callable[[], None]]]:
        """Each with its chance in a minute."""
        yield "kill", 1 / 600, self.kill
        yield "power cut", 1 / 900, self.power_cut
        yield "lying card", 1 / 15_000, lambda: self.power_cut(undone=self.random.randint(1, 6))
        yield "old card", 1 / 20_000, self.old_card
        yield "device reset", 1 / 2000, self.reset
        yield "garbage", 1 / 1000, self.garbage
        yield "device silent", 1 / 800, self.silence
        yield "broker away", 1 / 700, self.outage
        yield "broker wiped", 1 / 1500, self.network.wipe
        yield "bureau away", 1 / 900, self.deafness
        yield "line breaks", 1 / 900, self.bad_line
        yield "disk refuses", 1 / 900, self.refuse
        yield "clock steps", 1 / 1200, self.step_clock

    def kill(self) -> None:
        self.life = self._start()

    def power_cut(self, undone: int = 0) -> None:
        """The machine is off for a while; its card has what a card has then."""
        disk = self.world.disk
        image = power_cut(disk.base, disk.log, self.random, undone)
        self.world.disk = ModelDisk(image)
        if undone:
            self.promises.forget()
        self._windows = [one for one in self._windows if one.name != "disk refuses"]
        self.world.work(self.random.choice((30.0, 600.0, 7200.0)))
        self.world.clock.reboot()
        self.kill()

    def old_card(self) -> None:
        """Somebody puts in the copy that was made of the card the last time."""
        backup, self._backup = self._backup, ModelDisk(self.world.disk.now.copy())
        if backup is None:
            return
        self.world.disk = backup
        self.promises.forget()
        self.world.clock.reboot()
        self.kill()

    def new_card(self) -> None:
        """The card is dead, and a new one holds nothing. No danger of every day: see the test."""
        self.world.disk = ModelDisk()
        self.promises.forget()
        self.world.clock.reboot()
        self.kill()

    def reset(self) -> None:
        self.random.choice(list(self.world.counters.values())).raw = 0

    def garbage(self) -> None:
        """One counter shows nonsense for one reading."""
        ref, counter = self.random.choice(list(self.world.counters.items()))
        meter = self.life.meters[ref]
        silence_s = self.world.clock.now().since_s(meter.at) if meter.at else None
        if silence_s is None or silence_s > KNOWN_S or ref.device in self.world.silent:
            return  # after a silence anything may be true: nobody could know
        shown, counter.raw = counter.raw, (counter.raw + counter.modulus // 2) % counter.modulus
        before = counter.truth

        def mend() -> None:
            counter.raw = (shown + counter.truth - before) % counter.modulus

        self._window("garbage", 1.0, mend)

    def silence(self) -> None:
        device = self.random.choice(self.world.settings.devices).id
        self.world.silent.add(device)
        self._window("silent", self.random.choice((300.0, 3600.0, 40_000.0)), lambda: self.world.silent.discard(device))

    def outage(self) -> None:
        self.network.reachable = False
        self._window("outage", self.random.choice((120.0, 3600.0, 30_000.0)), self._reach)

    def _reach(self) -> None:
        self.network.reachable = True

    def deafness(self) -> None:
        self.network.listening = False
        self._window("bureau away", self.random.choice((600.0, 20_000.0)), self._listen)

    def _listen(self) -> None:
        self.network.listening = True

    def bad_line(self) -> None:
        self.network.loses_share = 0.1

        def mend() -> None:
            self.network.loses_share = 0.0

        self._window("bad line", 3600.0, mend)

    def refuse(self) -> None:
        number = self.random.choice((EIO, ENOSPC, EROFS))
        self.world.disk.fault = lambda kind, _: 0 if kind in READING else number
        self._window("disk refuses", self.random.choice((1.0, 600.0, 7200.0)), self._accept)

    def _accept(self) -> None:
        self.world.disk.fault = lambda _kind, _at: 0

    def step_clock(self) -> None:
        clock = self.world.clock
        clock.wrong_s, clock.quality = self.random.choice(
            ((-1.79e9, "none"), (3600.0, "rtc"), (-3600.0, "rtc"), (86_400.0, "rtc"), (-86_400.0, "rtc"))
        )

        def mend() -> None:
            clock.wrong_s, clock.quality = 0.0, "ntp"

        self._window("clock", self.random.choice((600.0, 20_000.0)), mend)

    def _window(self, name: str, lasting_s: float, mend: Callable[[], None]) -> None:
        self._windows.append(Window(name, self.world.clock.true_s + lasting_s, mend))


def simulate(seed: int, days: float, say: Callable[[float], None] = lambda _: None) -> Outcome:
    """Play so many days of faults, heal, and see that everything comes right."""
    outcome, began_s, began_cpu_s = Outcome(seed, days), time.monotonic(), time.process_time()
    random = Random(seed)
    world = World.new(random)
    with seeded(world):
        played = Simulation(random, world)
        try:
            for outcome.steps in range(1, int(days * DAY_S / STEP_S) + 1):
                played.misfortune()
                played.step()
                if outcome.steps % STEPS_A_DAY == 0:
                    say(outcome.steps / STEPS_A_DAY)
            played.settle()
        except Exception as broken:  # noqa: BLE001 - whatever it is, it is what was looked for
            outcome.broken = f"day {outcome.steps / STEPS_A_DAY:.2f}: {str(broken) or repr(broken)}"
    outcome.seconds = round(time.monotonic() - began_s, 2)
    outcome.cpu_s = round(time.process_time() - began_cpu_s, 2)
    outcome.trace, outcome.faults = played.trace, dict(sorted(played.faults.items()))
    outcome.figures = played.promises.figures()
    return outcome
