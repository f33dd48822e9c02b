"""A site under faults: broker stopped and wiped, agent and consumer killed, lines unplugged, counters reset, packets
swallowed, clocks wrong, the agent paused and starved; the bureau's totals must be true.

Everything is real: the twin's devices on TCP and a PTY, the agent as a process of its own, mosquitto, a subscriber, and
the reference consumer, whose store is the record: it gives receipts and asks for what is missing.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from broker import Broker
from hardship import RIGHT, WRONG, WallClock, forget, starved
from soak_centre import Centre, Held
from tcp_proxy import FaultProxy
from traces import files, with_waybills
from vitals import WARM_S, Vitals, steady

import config
from agent.bureau.subscriber import Subscriber
from agent.load.reckoning import Reckoning
from agent.twin.control import SOCKET, Remote
from agent.twin.show import bureau_scans
from agent.uplink.search import named
from agent.uplink.spool import Spool

SITE = Path(config.__file__).parent / "examples" / "demo-hub.toml"
UNIT = Path(config.__file__).parent / "hubpulse.service"
SITE_ID = "gz-baiyun"
SERIAL_BUS = "panel"
TUNNEL, READER = "tunnel-north", "reader-south"
COMMIT_S = 4.0
"""What was scanned so shortly before a kill may be lost: a second that has not ended, a report, the bureau's hurry."""
RESET_DEVICE = "odd-shapes"
SETTLE_S = 90.0
LAST_WORD_S = 10.0
"""What the agent said as it ended is on its way to the consumer's store."""
START_S = 30.0
EARLY = 0.35
"""By this part of a long soak the last kill is done; one of the outages has begun."""
COMPRESSED = ("spool/", "bureau.db")
"""Where compressed or hashed bytes look like anything by chance; what is in them is looked at as it was said."""


@dataclass(frozen=True)
class Difference:
    """A counter whose total is not what its device counted."""

    counter: str
    truth: int
    lost: int
    bureau: Reckoning


@dataclass
class Scans:
    """A line's scans by column, as said and as the bureau knows them. `at_stake` lines were said shortly before a kill.

    Who starts anew has forgotten which codes it has seen: what came round is new to it. So passes are compared.
    """

    truth: dict[str, int]
    bureau: dict[str, int]
    at_stake: int

    @property
    def good(self) -> bool:
        said, known = sum(self.truth.values()), sum(self.bureau.values())
        return said - self.at_stake <= known <= said and passes(self.bureau) <= passes(self.truth)


def passes(columns: Mapping[str, int]) -> int:
    return columns.get("new", 0) + columns.get("recirculated", 0)


@dataclass
class Verdict:
    """What came out. `lost` is what a reset took before any read could see it: no reader can know that."""

    seconds: float
    faults: list[str] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    outside: list[Difference] = field(default_factory=list)
    lost: dict[str, int] = field(default_factory=dict)
    scans: dict[str, Scans] = field(default_factory=dict)
    waybills_in: list[str] = field(default_factory=list)
    books: dict[str, int] = field(default_factory=dict)
    wraps: int = 0
    resets: int = 0
    online: bool | None = None
    centre: Held | None = None
    centre_differences: list[Difference] = field(default_factory=list)
    vitals: dict[str, float | None] = field(default_factory=dict)
    centre_vitals: dict[str, float | None] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        counted = bool(self.counters) and not self.differences and not self.outside and self.books["residual"] == 0
        kept = self.centre is not None and self.centre.is_whole and not self.centre_differences
        kept = kept and steady(self.vitals) and steady(self.centre_vitals)
        return counted and kept and all(scans.good for scans in self.scans.values()) and not self.waybills_in


class Site:
    """The processes of one simulated site."""

    def __init__(self, folder: Path, broker: Broker, stack: ExitStack, seed: int) -> None:
        self.folder = folder
        self.broker = broker
        self.proxy = stack.enter_context(FaultProxy(broker.port))
        self.vitals, self.centre_vitals = Vitals(), Vitals()
        self.wall = WallClock(folder)
        self._log = stack.enter_context((folder / "agent.log").open("ab"))
        words = ["simulate", SITE, "--at", folder, "--frozen", "--seed", seed, "--spool", folder / "spool"]
        stack.enter_context(process([*words, "--broker", f"127.0.0.1:{self.proxy.port}"], "ready"))
        settings = folder / "hubpulse.toml"
        settings.write_text(settings.read_text().replace("[bureau]", "[bureau]\nreceipts = true"))
        self.twin = stack.enter_context(Remote(folder / SOCKET))
        self.agent = self._start()
        self.said: list[tuple[float, dict[str, int]]] = []
        self.at_stake: Counter[str] = Counter()
        stack.callback(self.stop)
        self.centre = Centre(folder, broker.port)
        stack.callback(self.centre.stop)

    def _start(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "agent", "run", "--verbose", str(self.folder / "hubpulse.toml")]
        return subprocess.Popen(words, stderr=self._log, env={**unit_environment(), **self.wall.environment()})

    def kill(self) -> None:
        """As a power cut is to a process; it starts again at once, as systemd would."""
        self.agent.kill()
        self.agent.wait()
        forget(self.agent.pid)
        self.look()
        now_s, now = self.said[-1]
        before = next(said for at_s, said in reversed(self.said) if now_s - at_s >= COMMIT_S or at_s == self.said[0][0])
        self.at_stake.update({line: now[line] - before[line] for line in now})
        self.agent = self._start()

    def pause(self, seconds: float) -> None:
        """As a machine that is suspended, or a virtual one that is moved."""
        self.agent.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.agent.send_signal(signal.SIGCONT)

    def starve(self, seconds: float) -> None:
        """A tenth of a processor."""
        with starved(self.agent, 0.1):
            self.wait(time.monotonic() + seconds)

    def look(self) -> None:
        """Note how much each line's scanners have said by now."""
        scans = self.twin.ask("truth")["scans"]
        self.said.append((time.monotonic(), {line: sum(columns.values()) for line, columns in scans.items()}))

    def wait(self, until_s: float) -> None:
        """Let time pass."""
        while (left_s := until_s - time.monotonic()) > 0:
            self.look()
            self.vitals.look(self.agent.pid)
            self.centre_vitals.look(self.centre.pid)
            self.centre.keep_alive()
            time.sleep(min(left_s, 0.5))

    def stop(self) -> None:
        """As `systemctl stop`."""
        if self.agent.poll() is None:
            self.agent.send_signal(signal.SIGTERM)
        self.agent.wait(timeout=10)


def unit_environment() -> dict[str, str]:
    """What systemd would start the agent with."""
    key = "Environment="
    lines = [line.removeprefix(key) for line in UNIT.read_text().splitlines() if line.startswith(key)]
    return dict(line.split("=", 1) for line in lines)


@contextmanager
def process(words: list[object], ready: str) -> Iterator[subprocess.Popen[str]]:
    """A verb of hubpulse as a process, from its line beginning with `ready` on."""
    command = [sys.executable, "-m", "agent", *(str(word) for word in words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        try:
            if not any(line.startswith(ready) for line in running.stdout):
                raise RuntimeError(f"{words[0]} did not become ready")
            yield running
        finally:
            running.terminate()


def soak(
    seconds: float,
    seed: int,
    *,
    kills: int = 5,
    outages: int = 2,
    wipes: int = 1,
    holes: int = 1,
    say: Callable[[str], None] = print,
    keep: Path | None = None,
) -> Verdict:
    """Run a site for `seconds` under seeded faults and compare the bureau's totals with the devices' truth.

    Everything happens in a temporary directory, or in `keep`, which stays.
    """
    verdict = Verdict(seconds)
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hubpulse-soak-")))
        broker = Broker(folder / "broker").start()
        stack.callback(broker.stop)
        site = Site(folder, broker, stack, seed)
        bureau = stack.enter_context(Subscriber("127.0.0.1", broker.port))
        truth = dict.fromkeys(counters_of(site.twin), 0)
        if not bureau.wait_until(lambda: set(bureau.totals(SITE_ID).counters) == set(truth), START_S):
            raise RuntimeError("the agent did not report every counter")
        site.twin.ask("go")
        for at_s, name, act in plan(
            site, random.Random(seed), seconds, kills=kills, outages=outages, wipes=wipes, holes=holes
        ):
            site.wait(at_s)
            say(f"{name}")
            verdict.faults.append(name)
            act()
        site.twin.ask("freeze")
        compare(site, bureau, verdict)
        site.stop()
        bureau.wait_until(lambda: bureau.read(lambda view: view.site(SITE_ID).online) is False, 5.0)
        verdict.online = bureau.read(lambda view: view.site(SITE_ID).online)
        compare_scans(site, bureau, verdict)
        compare_centre(site, verdict)
        verdict.vitals, verdict.centre_vitals = site.vitals.summary(), site.centre_vitals.summary()
    return verdict


def plan(
    site: Site, chance: random.Random, seconds: float, *, kills: int, outages: int, wipes: int, holes: int
) -> list[tuple[float, str, Callable[[], None]]]:
    """What happens when: kills anywhere, outages of a tenth of the time, one unplugging, one reset left in peace.

    Where the time is long enough to judge how memory grows, kills are early: what comes later comes to one life.
    The broker keeps nothing over its death: a wipe is its death between an acknowledgement and the consumer.
    """
    start_s, twin, broker = time.monotonic(), site.twin, site.broker
    reset_s = 0.5 * seconds
    events: list[tuple[float, str, Callable[[], None]]] = [
        (reset_s, f"reset {RESET_DEVICE}", lambda: twin.ask("reset", device=RESET_DEVICE, clean=True) and None),
        (0.15 * seconds, f"unplug {SERIAL_BUS}", lambda: twin.ask("unplug", bus=SERIAL_BUS) and None),
        (0.22 * seconds, f"plug {SERIAL_BUS}", lambda: twin.ask("plug", bus=SERIAL_BUS) and None),
        (
            0.02 * seconds,
            "garbage",
            lambda: [twin.ask("garbage", scanner=one, share=0.2) for one in (TUNNEL, READER)] and None,
        ),
        (0.30 * seconds, f"unplug {TUNNEL}", lambda: twin.ask("unplug", scanner=TUNNEL) and None),
        (0.34 * seconds, f"plug {TUNNEL}", lambda: twin.ask("plug", scanner=TUNNEL) and None),
        (0.60 * seconds, "burst", lambda: twin.ask("burst", scanner=TUNNEL, parcels=5000) and None),
        (seconds, "end", lambda: None),
    ]
    for n in range(outages):
        down_s = (0.28 + 0.4 * n) * seconds
        events += [(down_s, "broker stopped", broker.stop), (down_s + 0.1 * seconds, "broker back", start(broker))]
    for _ in range(wipes):
        wipe_s = chance.uniform(0.45, 0.6) * seconds
        events += [
            (wipe_s - 0.01 * seconds, "consumer killed", site.centre.kill),
            (wipe_s, "broker wiped", wipe(broker)),
        ]
    for _ in range(holes):
        hole_s = chance.uniform(0.75, 0.85) * seconds
        events += [(hole_s, "packets vanish", swallow(site, True))]
        events += [(hole_s + min(0.1 * seconds, 40.0), "packets pass", swallow(site, False))]
    events += hardships(site, chance, seconds)
    last = EARLY if (1 - EARLY) * seconds >= WARM_S else 0.95
    for _ in range(kills):
        kill_s = chance.uniform(0.05, last) * seconds
        while abs(kill_s - reset_s) < 5.0:
            kill_s = chance.uniform(0.05, last) * seconds
        events.append((kill_s, "agent killed", site.kill))
    return [(start_s + at_s, name, act) for at_s, name, act in sorted(events, key=lambda event: event[0])]


def hardships(site: Site, chance: random.Random, seconds: float) -> Iterator[tuple[float, str, Callable[[], None]]]:
    """Every wrong clock once, each for a while, in any order; a pause of a minute at most, and a lack of processor."""
    wrong = chance.sample(WRONG, len(WRONG))
    for n, what in enumerate(wrong):
        at_s = (0.05 + 0.14 * n) * seconds
        yield at_s, f"clock {what}", partial(site.wall.say, what)
        yield at_s + 0.09 * seconds, "clock right", partial(site.wall.say, RIGHT)
    yield 0.4 * seconds, "agent paused", partial(site.pause, min(0.08 * seconds, 60.0))
    yield 0.7 * seconds, "agent starved", partial(site.starve, min(0.08 * seconds, 60.0))


def wipe(broker: Broker) -> Callable[[], None]:
    """With -9: it keeps nothing over its death."""

    def act() -> None:
        broker.kill()
        broker.start()

    return act


def swallow(site: Site, swallowed: bool) -> Callable[[], None]:
    """Whether the packets between agent and broker vanish, while nobody hangs up."""

    def act() -> None:
        site.proxy.black_hole = swallowed

    return act


def start(broker: Broker) -> Callable[[], None]:
    return lambda: broker.start() and None


def counters_of(twin: Remote) -> dict[str, int]:
    """Every counter of every line and of the docks, as its device counted since the twin began."""
    told = twin.ask("truth")
    groups = [*told["truth"].values(), told["docks"]]
    return {name: count for roles in groups for counts in roles.values() for name, count in counts.items()}


def compare(site: Site, bureau: Subscriber, verdict: Verdict) -> None:
    """Wait until the bureau's totals are the truth, or until it is clear that they will not be."""
    truth, lost = counters_of(site.twin), site.twin.ask("truth")["lost"]
    totals = bureau.totals(SITE_ID)

    def equal() -> bool:
        return all(totals.counted(name).total == count - lost.get(name, 0) for name, count in truth.items())

    bureau.wait_until(equal, SETTLE_S)
    until_s = time.monotonic() + SETTLE_S
    while site.centre.held().gaps and time.monotonic() < until_s:
        site.wait(time.monotonic() + 0.5)
    found = bureau.read(lambda _: {name: totals.counted(name) for name in truth})
    verdict.counters, verdict.lost = truth, lost
    for name, count in truth.items():
        difference = Difference(name, count, lost.get(name, 0), found[name])
        if found[name].total != count - lost.get(name, 0):
            verdict.differences.append(difference)
        if not (found[name].lo <= count and (found[name].hi is None or count <= found[name].hi)):
            verdict.outside.append(difference)
    site.stop()
    events = (site.folder / "agent.log").read_text(errors="replace")
    verdict.wraps, verdict.resets = events.count(" counter_wrap "), events.count(" counter_reset ")
    verdict.books = books(site.folder / "spool")


def compare_scans(site: Site, bureau: Subscriber, verdict: Verdict) -> None:
    """After the agent has ended; and no code may be in anything that it left behind or said."""
    truth = site.twin.ask("truth")["scans"]
    known = bureau.read(lambda view: bureau_scans(truth, view.site(SITE_ID)))
    verdict.scans = {line: Scans(truth[line], known[line], site.at_stake[line]) for line in truth}
    said = bureau.read(lambda view: repr(view.site(SITE_ID).latest)).encode()
    left = {name: octets for name, octets in files(site.folder).items() if not name.startswith(COMPRESSED)}
    verdict.waybills_in = with_waybills(
        {**left, "the latest messages": said, "the spool": b"\n".join(records(site.folder))}
    )


def compare_centre(site: Site, verdict: Verdict) -> None:
    """What the consumer kept must be the same totals, and every message of the spool, or it is known to be gone."""
    spooled = {(one.epoch, one.seq) for one in map(named, records(site.folder))}
    until_s = time.monotonic() + LAST_WORD_S
    while not (held := site.centre.held(spooled)).is_whole and time.monotonic() < until_s:
        time.sleep(0.2)
    verdict.centre = held
    for name, count in verdict.counters.items():
        lost, found = verdict.lost.get(name, 0), held.totals.get(name)
        if found is None or found.total != count - lost:
            verdict.centre_differences.append(Difference(name, count, lost, found or Reckoning(0, 0, 0)))


def records(folder: Path) -> list[bytes]:
    """Every message that the spool still has."""
    spool = Spool.open(folder / "spool", 16 << 20)
    try:
        return [record for _, record in spool.read(0, 1 << 20, 1 << 30)]
    finally:
        spool.close()


def books(directory: Path) -> dict[str, int]:
    """The spool's books after the agent has ended."""
    spool = Spool.open(directory, 16 << 20)
    try:
        found = spool.books()
        return {**asdict(found), "residual": found.residual}
    finally:
        spool.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=5, help="how often the agent is killed (5); with 0 it is one life")
    parser.add_argument("--keep", type=Path, help="leave logs, spool and settings in this new directory")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    started_s = time.monotonic()
    if args.keep:
        args.keep.mkdir(parents=True)

    def say(text: str) -> None:
        print(f"{time.monotonic() - started_s:7.1f} s  {text}", file=sys.stderr, flush=True)

    verdict = soak(60 * args.minutes, args.seed, kills=args.kills, say=say, keep=args.keep)
    found = {**asdict(verdict), "good": verdict.good}
    print(json.dumps(found, indent=1) if args.json else "\n".join(f"{key}: {value}" for key, value in found.items()))
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
