"""The counting path as a small world with one true device: register → meter → commit → network → totals.

The device, the disk, the clocks and the network are played here; the meter, the baselines and the totals are the
product's. `check` and `settle` hold the promises (numbered as in the design's fault list) against the truth.
`Agent` and the two product parts can be exchanged for mutants, which must then be caught.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

from agent.baselines import Baselines, Epoch
from agent.bureau.totals import Totals
from agent.load.instant import ClockQuality, Instant
from agent.load.meter import CounterRule, Meter, MeterEvent

NAME = "eye-1.di0"
SPOOL_MESSAGES = 12


class Device:
    """A counter as it is: `truth` is every parcel it ever counted, `raw` what its register shows."""

    def __init__(self, modulus: int, raw: int = 0) -> None:
        self.modulus = modulus
        self.raw = raw
        self.truth = 0

    def count(self, parcels: int) -> None:
        self.truth += parcels
        self.raw = (self.raw + parcels) % self.modulus

    def reset(self) -> None:
        self.raw = 0


@dataclass
class Clock:
    """True time, and what the machine makes of it: boot seconds are true, the wall is off by `wrong_s`."""

    true_s: float = 1_800_000_000.0
    boot: int = 1
    booted_s: float = 1_800_000_000.0 - 100.0
    wrong_s: float = 0.0
    quality: ClockQuality = "ntp"

    def now(self) -> Instant:
        return Instant(f"boot-{self.boot}", self.true_s - self.booted_s, self.true_s + self.wrong_s, self.quality)

    def reboot(self) -> None:
        self.boot += 1
        self.booted_s = self.true_s - 5.0


@dataclass
class Frame:
    """One durable transaction."""

    messages: list[dict[str, object]]
    state: bytes


@dataclass
class Disk:
    """Frames in order; what was acknowledged or dropped is only marked, so that the books can be read."""

    frames: list[Frame] = field(default_factory=list)
    acked: set[tuple[object, object]] = field(default_factory=set)
    dropped: set[tuple[object, object]] = field(default_factory=set)

    @property
    def state(self) -> bytes:
        return self.frames[-1].state if self.frames else b""

    @property
    def messages(self) -> list[dict[str, object]]:
        return [message for frame in self.frames for message in frame.messages]

    def held(self) -> list[dict[str, object]]:
        gone = self.acked | self.dropped
        return [message for message in self.messages if identity(message) not in gone]

    def bound(self) -> None:
        for message in self.held()[:-SPOOL_MESSAGES]:
            self.dropped.add(identity(message))


def identity(message: dict[str, object]) -> tuple[object, object]:
    return message["epoch"], message["seq"]


class Agent:
    """One run of the daemon over `disk`: what it holds in memory dies with it. A mutant overrides a method."""

    meter_type: type[Meter] = Meter

    def __init__(self, disk: Disk, rule: CounterRule, nonce: int) -> None:
        self.disk = disk
        was = Baselines.decode(disk.state)
        self.epoch = self.next_epoch(was, nonce)
        self.seq = 0
        self.scans = 0
        self.meter = self.meter_type(rule, first_base=nonce)
        if NAME in was.counters:
            self.meter.restore(was.counters[NAME])
        self.write([])

    def next_epoch(self, was: Baselines, nonce: int) -> Epoch:
        return Epoch((was.epoch.number if was.epoch else 0) + 1, f"{nonce:06x}")

    def message(self) -> dict[str, object]:
        self.seq += 1
        meter = self.meter
        counts = {NAME: [meter.base, meter.lo, meter.hi, meter.total]} if meter.base else {}
        return {"epoch": str(self.epoch), "seq": self.seq, "counts": counts, "events": {"scans": self.scans}}

    def state(self) -> bytes:
        return Baselines(self.epoch, self.seq, {NAME: self.meter.state()}).encode()

    def write(self, messages: list[dict[str, object]]) -> None:
        self.disk.frames.append(Frame(messages, self.state()))
        self.disk.bound()

    def commit(self, power_cut: bool = False) -> None:
        """Report; with a power cut in the middle the one frame is lost whole."""
        message = self.message()
        if not power_cut:
            self.write([message])

    def sendable(self) -> list[dict[str, object]]:
        return self.disk.held()


class World:
    """The whole path, driven step by step. Every broken promise is an AssertionError."""

    def __init__(
        self,
        rule: CounterRule,
        raw: int = 0,
        agent_type: type[Agent] = Agent,
        totals_type: type[Totals] = Totals,
    ) -> None:
        self.rule = rule
        self.agent_type, self.totals_type = agent_type, totals_type
        self.clock = Clock()
        self.device = Device(rule.modulus, raw)
        self.disk = Disk()
        self.runs = 0
        self.totals = totals_type()
        self.network: list[dict[str, object]] = []
        self.delivered: list[dict[str, object]] = []
        self.contents: dict[tuple[object, object], str] = {}
        self.origin: dict[int, int] = {}  # the truth when a base began
        self.counted: dict[int, int] = {}  # the truth of a base at its last accepted sample
        self.true_at: dict[tuple[int, int, Instant | None], int] = {}  # the same, of every accepted sample
        self.known: dict[tuple[object, object], tuple[int, int]] = {}  # of a message: its base and that truth
        self.scanned = 0
        self.lied = False
        self.start()

    # --- the agent's life

    def start(self) -> None:
        self.runs += 1
        # Nonces fall, so that nothing can rely on their order.
        self.agent = self.agent_type(self.disk, self.rule, 0xFFFFFF - 0x1000 * self.runs)

    def crash(self) -> None:
        """kill -9: memory is gone, the disk stays, and its last state must be the sum of its messages."""
        self.start()
        self.check_state_is_the_fold_of_the_frames()

    def lie(self, flushes: int) -> None:
        """The card takes back its last flushes, then power fails."""
        for _ in range(min(flushes, len(self.disk.frames))):
            self.disk.frames.pop()
        self.lied = True
        self.reboot()

    def reboot(self) -> None:
        self.clock.reboot()
        self.start()

    # --- the device and its wire

    def work(self, seconds: float, parcels: int) -> None:
        self.clock.true_s += seconds
        self.device.count(min(parcels, int(self.rule.max_rate_per_s * seconds)))

    def poll(self, raw: int | None = None, latency_s: float = 0.0) -> tuple[MeterEvent, ...]:
        """One reading, as old as `latency_s` when it arrives; `raw` where the wire says what the device does not."""
        value, truth = self.device.raw if raw is None else raw, self.device.truth
        self.work(latency_s, int(self.rule.max_rate_per_s * latency_s))
        meter = self.agent.meter
        kept = meter.state()
        events = meter.advance(value, self.clock.now())
        if meter.refused_s is not None:
            assert meter.state() == kept, "I13: a refused sample changed what is known"
            return events
        assert raw is None, f"a false value was taken: {raw}"
        if any(event.kind in {"baseline", "replaced"} for event in events):
            assert meter.base not in self.origin, "a base was used twice"
            self.origin[meter.base] = truth
        self.counted[meter.base] = self.true_at[meter.base, meter.raw, meter.at] = truth - self.origin[meter.base]
        self.check_meter()
        return events

    # --- reports and their way

    def scan(self, reads: int) -> None:
        self.agent.scans += reads
        self.scanned += reads

    def commit(self, power_cut: bool = False) -> None:
        self.agent.commit(power_cut)
        meter = self.agent.meter
        for message in (*self.disk.frames[-1].messages, *self.agent.sendable()):
            if meter.base and identity(message) not in self.known:
                self.known[identity(message)] = (meter.base, self.true_at[meter.base, meter.raw, meter.at])

    def publish(self) -> None:
        """Send everything held; each identity must always carry the same content."""
        for message in self.agent.sendable():
            content = json.dumps(message, sort_keys=True)
            assert self.contents.setdefault(identity(message), content) == content, "I5: one identity, two contents"
            self.network.append(message)

    def deliver(self, which: int = 0, *, acknowledge: bool = True, again: bool = False) -> None:
        """One message arrives, out of order when `which` > 0, and perhaps again later."""
        if not self.network:
            return
        message = self.network[which % len(self.network)] if again else self.network.pop(which % len(self.network))
        before = self.totals.counted(NAME), self.totals.events("scans")
        self.totals.merge(message)
        self.delivered.append(message)
        if acknowledge:
            self.disk.acked.add(identity(message))
        self.check_received(before[0].lo, before[0].total, before[1])

    def lose(self, which: int = 0) -> None:
        if self.network:
            self.network.pop(which % len(self.network))

    # --- promises

    def check_meter(self) -> None:
        meter = self.agent.meter
        truth = self.counted[meter.base]
        assert meter.lo <= truth, f"I1: lo {meter.lo} is above the truth {truth}"
        assert meter.hi is None or truth <= meter.hi, f"I1: hi {meter.hi} is below the truth {truth}"
        assert meter.lo <= meter.total and (meter.hi is None or meter.total <= meter.hi), "total outside its interval"

    def check_state_is_the_fold_of_the_frames(self) -> None:
        # The last frame opened this run's epoch; before it stands the run that died.
        last = next((message for frame in reversed(self.disk.frames[:-1]) for message in frame.messages), None)
        was = Baselines.decode(self.disk.frames[-2].state) if len(self.disk.frames) > 1 else Baselines()
        if last is None or str(was.epoch) != last["epoch"]:
            return
        assert was.seq == last["seq"], f"I7: the state says {was.seq}, the frames {last['seq']}"
        state = was.counters[NAME]
        counts = last["counts"]
        assert isinstance(counts, dict)
        if counts:
            assert counts[NAME] == [state[2], *state[3:6]], "I7: the state's counts are not the messages'"

    def check_received(self, lo: int, total: int, scans: int) -> None:
        now = self.totals.counted(NAME)
        assert now.lo >= lo and now.total >= total, "I2: a received total fell"
        assert self.totals.events("scans") >= scans, "I2: a received event count fell"
        assert self.totals.events("scans") <= self.committed_scans(), (
            "I3: more events at the bureau than were committed"
        )
        self.check_bureau_interval()

    def check_bureau_interval(self) -> None:
        newest: dict[int, int] = {}
        for message in self.delivered:
            base, truth = self.known.get(identity(message), (0, 0))
            newest[base] = max(truth, newest.get(base, 0))
        for base, counted in self.totals.bases(NAME).items():
            assert counted.lo <= self.counted[base], "I1: the bureau's lo is above the truth"
            assert counted.hi is None or counted.hi >= newest.get(base, 0), "I1: the bureau's hi is below the truth"

    def committed_scans(self) -> int:
        """Per epoch the last durable (or delivered: the card may have lied) cumulative count, summed."""
        best: dict[object, int] = {}
        for message in (*self.disk.messages, *(self.delivered if self.lied else ())):
            events = message["events"]
            assert isinstance(events, dict)
            best[message["epoch"]] = max(best.get(message["epoch"], 0), events["scans"])
        return sum(best.values())

    def settle(self) -> None:
        """Heal everything and drain: then bureau and agent agree, and no order of arrival would have changed it."""
        self.commit()
        self.publish()
        while self.network:
            self.deliver(len(self.network) // 2)
        meter = self.agent.meter
        if meter.base:
            mine = self.totals.bases(NAME).get(meter.base)
            assert mine is not None, "I16: the agent's base never came through"
            assert mine.total == meter.total or self.lied, "I16: the drained total is not the agent's"
            assert mine.total >= meter.total
        if not self.lied and not self.disk.dropped:
            assert self.totals.events("scans") == self.committed_scans(), "I4: committed events did not all arrive"
        self.check_order_is_free()

    def check_order_is_free(self) -> None:
        shuffled = self.delivered + self.delivered[::3]
        random.Random(len(shuffled)).shuffle(shuffled)
        other = self.totals_type()
        for message in shuffled:
            other.merge(message)
        assert other.bases(NAME) == self.totals.bases(NAME), "I6: another order gives other totals"
        assert other.events("scans") == self.totals.events("scans"), "I6: another order gives other event counts"
