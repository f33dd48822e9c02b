"""Classic mistakes in counting, and directed histories in which the product keeps every promise and each breaks one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from counting_model import NAME, Agent, Frame, World

from agent.baselines import Baselines, Epoch
from agent.bureau.totals import Report, Totals
from agent.load.instant import Instant
from agent.load.meter import CounterRule, Meter, MeterEvent
from agent.load.reckoning import NOTHING, Reckoning

RULE = CounterRule(65_536, 20.0)


# --- the histories, all true of the product


def a_reset_at_full_belt(build: Callable[..., World]) -> None:
    world = build(raw=40_000)
    world.poll()
    world.work(1.0, 10)
    world.device.reset()
    world.work(1.0, 7)
    for _ in range(3):
        world.poll()
        world.work(1.0, 5)
    assert world.agent.meter.total < 100
    world.settle()


def a_reset_hidden_by_a_silence(build: Callable[..., World]) -> None:
    world = build(raw=100)
    world.poll()
    world.work(60.0, 900)
    world.device.reset()
    world.work(60.0, 600)
    world.poll()
    world.settle()


def a_silence_longer_than_a_turn(build: Callable[..., World]) -> None:
    world = build(raw=100)
    world.poll()
    for _ in range(10):
        world.work(3600.0, 40_000)
    for _ in range(2):
        world.poll()
        world.work(1.0, 3)
    world.settle()


def a_wall_clock_that_steps(build: Callable[..., World]) -> None:
    world = build(raw=100)
    world.poll()
    world.commit()
    world.clock.wrong_s, world.clock.quality = -1.7e9, "none"
    world.work(10.0, 150)
    world.poll()
    assert world.agent.meter.total == 150
    world.clock.wrong_s = 86_400.0
    world.work(1.0, 10)
    assert [event.kind for event in world.poll(raw=60_000)] == ["garbage"]
    world.settle()


def a_restart_between_scans(build: Callable[..., World]) -> None:
    world = build()
    world.scan(30)
    world.commit()
    world.publish()
    world.crash()
    world.scan(20)
    world.commit()
    world.publish()
    world.settle()
    assert world.totals.events("scans") == 50


def a_card_that_forgets_an_epoch(build: Callable[..., World]) -> None:
    world = build()
    world.commit()
    world.crash()
    world.scan(30)
    world.commit()
    world.publish()
    while world.network:
        world.deliver()
    world.lie(3)
    world.scan(20)
    world.commit()
    world.publish()
    world.settle()
    assert world.totals.events("scans") == 50


def a_power_cut_in_a_commit(build: Callable[..., World]) -> None:
    world = build(raw=100)
    world.poll()
    world.commit()
    world.work(1.0, 10)
    world.poll()
    world.scan(5)
    world.commit(power_cut=True)
    world.publish()
    while world.network:
        world.deliver()
    world.crash()
    world.settle()


def a_power_cut_before_a_commit(build: Callable[..., World]) -> None:
    world = build()
    world.scan(5)
    world.commit()
    world.scan(7)
    world.publish()
    while world.network:
        world.deliver()
    world.crash()
    world.settle()


def messages_lost_repeated_and_late(build: Callable[..., World]) -> None:
    world = build(raw=100)
    for _ in range(6):
        world.poll()
        world.scan(4)
        world.commit()
        world.work(1.0, 10)
    world.publish()
    world.publish()
    world.lose(2)
    while world.network:
        world.deliver(len(world.network) // 2)
    world.settle()
    assert world.totals.counted(NAME).total == 50


def a_stale_epoch_with_the_greater_number(build: Callable[..., World]) -> None:
    world = build(raw=100)
    world.poll()
    world.commit()
    world.crash()
    for _ in range(3):
        world.work(5.0, 20)
        world.poll()
        world.commit()
    world.publish()
    while world.network:
        world.deliver()
    world.lie(4)  # the number of the epoch comes again, and its sequence begins at 1
    world.work(5.0, 90)
    world.poll()
    world.poll()
    world.settle()
    assert world.totals.counted(NAME).total == world.agent.meter.total == 150


def a_replacement_that_the_card_forgot(build: Callable[..., World]) -> None:
    world = build(raw=100)
    world.poll()
    world.commit()
    for raw in (30_000, 45_000):
        world.device.raw = raw
        for _ in range(3):
            world.work(1.0, 5)
            world.poll()
        world.commit()
        world.publish()
        while world.network:
            world.deliver()
        if raw == 30_000:
            world.lie(1)
            world.clock.true_s += 1.0
            world.clock.boot -= 1  # not long away: the same boot, so that the silence is known
            world.clock.booted_s = 1_800_000_000.0 - 100.0
    world.settle()


HISTORIES = [
    a_reset_at_full_belt,
    a_reset_hidden_by_a_silence,
    a_silence_longer_than_a_turn,
    a_wall_clock_that_steps,
    a_restart_between_scans,
    a_card_that_forgets_an_epoch,
    a_power_cut_in_a_commit,
    a_power_cut_before_a_commit,
    messages_lost_repeated_and_late,
    a_stale_epoch_with_the_greater_number,
    a_replacement_that_the_card_forgot,
]


# --- the mistakes


class GuessingMeter(Meter):
    """Base of the wrong meters: takes what the last sample and this one suggest."""

    __slots__ = ()

    def step(self, raw: int) -> int:
        raise NotImplementedError

    def advance(self, raw: int, at: Instant) -> tuple[MeterEvent, ...]:
        if self.at is None:
            return super().advance(raw, at)
        step = self.step(raw)
        self.raw, self.at = raw, at
        self.lo, self.hi, self.total = self.lo + step, self.lo + step, self.total + step
        return ()


class ResetAsWrap(GuessingMeter):
    def step(self, raw: int) -> int:
        return (raw - self.raw) % self._modulus


class NegativeDelta(GuessingMeter):
    def step(self, raw: int) -> int:
        return raw - self.raw


class NoInterval(Meter):
    def _accept(self, raw: int, at: Instant, more: Reckoning) -> None:
        super()._accept(raw, at, Reckoning(more.total, more.total, more.total))


class WallClock(Meter):
    def advance(self, raw: int, at: Instant) -> tuple[MeterEvent, ...]:
        return super().advance(raw, replace(at, boot_s=at.wall_s))


class BaseCountedOn(Meter):
    """Numbers a new base after the last one it remembers."""

    def _replace(self, raw: int, at: Instant) -> tuple[MeterEvent, ...]:
        self._next_base = self.base + 1
        return super()._replace(raw, at)


def with_meter(kind: type[Meter]) -> type[Agent]:
    return type("AgentWith" + kind.__name__, (Agent,), {"meter_type": kind})


class NoEpoch(Agent):
    """Goes on with the epoch and the sequence it finds."""

    def next_epoch(self, was: Baselines, nonce: int) -> Epoch:
        return was.epoch or Epoch(1, f"{nonce:06x}")

    def message(self) -> dict[str, object]:
        self.seq = max(self.seq, Baselines.decode(self.disk.state).seq)
        return super().message()


class NoNonce(Agent):
    def next_epoch(self, was: Baselines, nonce: int) -> Epoch:
        return Epoch(super().next_epoch(was, nonce).number, "000000")


class TwoTransactions(Agent):
    """Writes messages first and state after: a power cut comes between."""

    def commit(self, power_cut: bool = False) -> None:
        state = self.disk.state
        self.disk.frames.append(Frame([self.message()], state))
        if not power_cut:
            self.disk.frames.append(Frame([], self.state()))


class PublishBeforeCommit(Agent):
    """Sends what it knows now, and makes it durable at the next commit."""

    def sendable(self) -> list[dict[str, object]]:
        return [*super().sendable(), self.message()]


class SummedDeltas(Totals):
    """Adds up differences between neighbouring messages."""

    def __init__(self) -> None:
        super().__init__()
        self.newest: Report | None = None
        self.sum = NOTHING

    def merge(self, message: Report | bytes | Mapping[str, object]) -> bool:
        assert isinstance(message, dict)
        report = Report.from_fields(message)
        if NAME in report.counts:
            base, counted = report.counts[NAME]
            before = self.newest.counts[NAME][1].total if self.newest else 0
            more = abs(counted.total - before)
            self.sum = self.sum.plus(Reckoning(more, more, more))
            self._counts[NAME] = {base: self.sum}
            self.newest = report
        return super().merge({**message, "counts": {}})


class LastWins(Totals):
    """Believes whatever came last."""

    def merge(self, message: Report | bytes | Mapping[str, object]) -> bool:
        self._counts.clear()
        return super().merge(message)


class GreatestIdentityWins(Totals):
    """Believes the message with the greatest (epoch number, sequence number)."""

    def __init__(self) -> None:
        super().__init__()
        self.newest = (0, 0)

    def merge(self, message: Report | bytes | Mapping[str, object]) -> bool:
        assert isinstance(message, dict)
        at = int(str(message["epoch"]).split("-")[0]), int(message["seq"])
        if at <= self.newest:
            return super().merge({**message, "counts": {}})
        self.newest = at
        self._counts.clear()
        return super().merge(message)


MISTAKES: dict[str, Callable[..., World]] = {
    "reset taken for a wrap": lambda **k: World(RULE, agent_type=with_meter(ResetAsWrap), **k),
    "no interval": lambda **k: World(RULE, agent_type=with_meter(NoInterval), **k),
    "negative delta": lambda **k: World(RULE, agent_type=with_meter(NegativeDelta), **k),
    "durations on the wall clock": lambda **k: World(RULE, agent_type=with_meter(WallClock), **k),
    "base counted on": lambda **k: World(RULE, agent_type=with_meter(BaseCountedOn), **k),
    "no epoch": lambda **k: World(RULE, agent_type=NoEpoch, **k),
    "no nonce": lambda **k: World(RULE, agent_type=NoNonce, **k),
    "two transactions": lambda **k: World(RULE, agent_type=TwoTransactions, **k),
    "publish before commit": lambda **k: World(RULE, agent_type=PublishBeforeCommit, **k),
    "summed deltas": lambda **k: World(RULE, totals_type=SummedDeltas, **k),
    "last message wins": lambda **k: World(RULE, totals_type=LastWins, **k),
    "greatest identity wins": lambda **k: World(RULE, totals_type=GreatestIdentityWins, **k),
}


def broken_promises(build: Callable[..., World]) -> list[str]:
    found = []
    for history in HISTORIES:
        try:
            history(build)
        except AssertionError as broken:
            found.append(f"{history.__name__}: {broken}")
    return found
