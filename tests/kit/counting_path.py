"""Anything the field can do to a counter, in any order: the whole counting path against a true device, and the search
for a history that breaks a promise.

`python tests/kit/counting_path.py` plays as many as one likes; a history that fails is printed step by step, shortened.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from counting_model import World
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from agent.load.counter import WATCHED_PERIODS, CounterRule
from agent.load.instant import ClockQuality

SECONDS = st.sampled_from([0.2, 1.0, 1.0, 1.0, 2.5, 5.0, 60.0, 3600.0, 20_000.0])
LATENCIES = st.sampled_from([0.0, 0.0, 0.4, 1.0])
RULES = [(1000, 5.0), (10_000, 20.0), (65_536, 20.0), (10**6, 5.0), (2**32, 20.0), (2**32, 900.0)]


class CountingPath(RuleBasedStateMachine):
    """Anything the field can do, in any order. `period_s` 0: nothing is assumed of hidden resets."""

    period_s = 0.0
    played = 0
    """Histories begun, of all kinds."""

    @initialize(rule=st.sampled_from(RULES), start=st.sampled_from([0, 3, 500, -1, -30]))
    def begin(self, rule: tuple[int, float], start: int) -> None:
        CountingPath.played += 1
        self.modulus, rate = rule
        self.world = World(CounterRule(self.modulus, rate, period_s=self.period_s), start % self.modulus)
        self.fed: list[int] = []
        self.resets = 0
        self.hidden = False
        self.swapped_at = 0
        self.accepted_s = self.world.clock.true_s

    @rule(seconds=SECONDS, share=st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    def work(self, seconds: float, share: float) -> None:
        self.world.work(seconds, int(self.world.rule.max_rate_per_s * seconds * share))

    @rule(latency_s=LATENCIES)
    def poll(self, latency_s: float) -> None:
        value = self.world.device.raw
        kinds = {event.kind for event in self.world.poll(latency_s=latency_s)}
        if self.world.agent.meter.refused_s is not None:
            self.fed.append(value)
            return
        away_s = self.world.clock.true_s - self.accepted_s
        if kinds & {"reset", "wrap", "gap", "replaced"} or away_s >= WATCHED_PERIODS * self.period_s:
            self.hidden = False
        elif self.resets:
            self.hidden = True
        self.resets, self.fed, self.accepted_s = 0, [], self.world.clock.true_s
        if kinds - {"trusted"} and self.period_s:
            self.world.commit()  # a reset that was seen and forgotten in a crash could hide the second time

    @rule(samples=st.integers(1, 8), share=st.sampled_from([0.0, 0.3, 1.0]), latency_s=LATENCIES)
    def watch(self, samples: int, share: float, latency_s: float) -> None:
        for _ in range(samples):
            self.work(1.0, share)
            self.poll(latency_s)

    @rule(away_s=SECONDS, share=st.sampled_from([0.1, 1.0]), latency_s=LATENCIES)
    def look_again_after(self, away_s: float, share: float, latency_s: float) -> None:
        self.work(away_s, share)
        self.poll(latency_s)
        self.watch(2, share, latency_s)

    @rule()
    def report(self) -> None:
        self.world.commit()
        self.world.publish()
        self.world.deliver()

    @precondition(lambda self: not (self.period_s and self.hidden))
    @rule()
    def reset(self) -> None:
        self.world.device.reset()
        self.resets += 1

    def false_value_is_recognisable(self, value: int) -> bool:
        """No honest counter can have come from anything seen of it to `value`."""
        away_s = self.world.clock.true_s - self.accepted_s
        reach = int(self.world.rule.max_rate_per_s * (away_s + 20)) * 2
        seen = (self.world.agent.meter.raw, *self.fed)
        return all((value - raw) % self.modulus > reach for raw in seen)

    def feed_false(self, value: int) -> None:
        if self.world.agent.meter.base and self.false_value_is_recognisable(value):
            self.world.poll(raw=value)
            self.fed.append(value)

    @rule(value=st.integers(0, 2**33))
    def garbage(self, value: int) -> None:
        reach = int(self.world.rule.max_rate_per_s * (self.world.clock.true_s - self.accepted_s + 20)) * 2
        if value > reach:
            self.feed_false(value)

    @rule()
    def false_zero(self) -> None:
        self.feed_false(0)

    @precondition(lambda self: self.modulus == 2**32)
    @rule(seconds=st.sampled_from([0.2, 1.0]), high_first=st.booleans())
    def torn_read(self, seconds: float, high_first: bool) -> None:
        before = self.world.device.raw
        self.world.work(seconds, int(self.world.rule.max_rate_per_s * seconds))
        after = self.world.device.raw
        first, last = (before, after) if high_first else (after, before)
        torn = (first >> 16 << 16) | (last & 0xFFFF)
        if torn not in {before, after}:
            self.feed_false(torn)

    @rule(raw=st.integers(0, 2**32))
    def swap_device(self, raw: int) -> None:
        raw %= self.modulus
        away_s = self.world.clock.true_s - self.accepted_s
        meter, room = self.world.agent.meter, int(200 * self.world.rule.max_rate_per_s)
        if meter.at is None or away_s > 5 or self.fed or meter.at.boot_id != self.world.clock.now().boot_id:
            return
        if not all(room <= distance % self.modulus < self.modulus - room for distance in (raw, raw - meter.raw)):
            return  # too near to be told from the old device
        self.world.device.raw = raw
        kinds: list[str] = []
        for _ in range(self.world.rule.agree):
            self.world.work(1.0, 1)
            kinds += [event.kind for event in self.world.poll()]
        assert kinds == ["garbage", "replaced"]
        self.resets, self.hidden, self.accepted_s = 0, False, self.world.clock.true_s
        self.world.commit()
        self.swapped_at = len(self.world.disk.frames)

    @rule(wrong_s=st.sampled_from([-1.8e9, -86_400.0, -3600.0, 3600.0, 1e8]), quality=st.sampled_from(["none", "rtc"]))
    def lose_the_clock(self, wrong_s: float, quality: ClockQuality) -> None:
        self.world.clock.wrong_s, self.world.clock.quality = wrong_s, quality

    @rule(wrong_s=st.sampled_from([-1.0, 0.0, 1.0]))
    def ntp_step(self, wrong_s: float) -> None:
        self.world.clock.wrong_s, self.world.clock.quality = wrong_s, "ntp"

    @rule()
    def crash(self) -> None:
        self.world.crash()
        self.forget()

    @rule(down_s=SECONDS)
    def reboot(self, down_s: float) -> None:
        self.work(down_s, 0.5)
        self.world.reboot()
        self.forget()

    @precondition(lambda self: not self.period_s)
    @rule(flushes=st.integers(1, 4))
    def lying_card(self, flushes: int) -> None:
        # A device exchanged in a silence nobody remembers cannot be told from one that counted on.
        self.world.lie(min(flushes, len(self.world.disk.frames) - self.swapped_at))
        self.forget()

    def forget(self) -> None:
        """The agent is back at its last durable sample: everything since may have happened in one silence."""
        self.fed = []
        at = self.world.agent.meter.at
        self.accepted_s = -1e9 if at is None else self.world.clock.booted_s + at.boot_s
        if at is None or at.boot_id != self.world.clock.now().boot_id:
            self.accepted_s = 0.0

    @rule(reads=st.integers(0, 50))
    def scan(self, reads: int) -> None:
        self.world.scan(reads)

    @rule(power_cut=st.sampled_from([False, False, False, True]))
    def commit(self, power_cut: bool) -> None:
        self.world.commit(power_cut)
        if power_cut:
            self.crash()

    @rule()
    def publish(self) -> None:
        self.world.publish()

    @rule(which=st.integers(0, 30), acknowledge=st.booleans(), again=st.booleans())
    def deliver(self, which: int, acknowledge: bool, again: bool) -> None:
        self.world.deliver(which, acknowledge=acknowledge, again=again)

    @rule(which=st.integers(0, 30))
    def lose(self, which: int) -> None:
        self.world.lose(which)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()


class WatchedCountingPath(CountingPath):
    """The same where at most one reset hides in a watched stretch, as the product assumes to keep `hi` useful."""

    period_s = 1.0


MACHINES = (CountingPath, WatchedCountingPath)


def search(machine: type[CountingPath], histories: int) -> None:
    """Play so many histories of forty steps at most. Raises AssertionError at one that breaks a promise, shortened."""
    unhurried = settings(
        max_examples=histories,
        stateful_step_count=40,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=unhurried)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=5000, metavar="N", help="of each kind (5000)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(words)
    for machine in MACHINES:
        search(machine, args.histories)
    found = {"histories": CountingPath.played, "untrue": 0}
    print(json.dumps(found) if args.json else f"{found['histories']:,} histories, no total was untrue")
    return 0


if __name__ == "__main__":
    sys.exit(main())
