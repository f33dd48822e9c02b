"""Classic mistakes in counting, each built into an agent or a bureau that is right but for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from counting_histories import HISTORIES
from counting_model import NAME, Agent, Frame, World

from agent.baselines import Baselines, Epoch
from agent.bureau.totals import Report, Totals
from agent.load.instant import Instant
from agent.load.meter import CounterRule, Meter, MeterEvent
from agent.load.reckoning import NOTHING, Reckoning

RULE = CounterRule(65_536, 20.0)


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
