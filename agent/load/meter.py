"""One device counter made continuous: wraps, resets, torn reads, garbage and silences, held in an interval.

What is known of a counter is `lo <= truth <= hi`, where truth is what the device has counted since the first
sample of this `base`, and `total`, the best value between them. Between two accepted samples the counter can
have moved in two ways, with M the modulus and `cap` the most it can have counted in the time between:

- it ran on, perhaps round its end: (raw - last) mod M, plus any k * M, up to `cap`;
- it was reset, once or more often: anything from `raw` to `cap`, when `raw <= cap`.

`lo` grows by the least of all that, `hi` by the most, so both ways stay inside. `total` follows the likelier
one: it ran on, without a whole turn more than was seen (k = 0), as long as it can have run that far; else a reset.

A small count makes the second way possible at every sample: it may have been reset and have come back above
its last value unseen. Taken by itself each time, that would let `hi` of an idle counter at 0 grow by `cap` a
second. So while a counter is *watched* (accepted samples less than 3 periods apart), at most one
such reset is taken to have hidden since the count was last seen to begin again or was last out of sight: the
widest chance is added once, not each. Every longer silence may hide resets of its own and is widened for them
in full. `period_s = 0` assumes nothing and widens every time.

What no register can tell: a counter exchanged for another during a silence in which it could have run on to where
the other stands.
"""

from __future__ import annotations

from agent.load.counter import CounterRule, Suspects
from agent.load.instant import Instant
from agent.load.reckoning import FORM, NOTHING, MeterState, Reckoning, possible
from agent.load.refusal import EventKind, MeterEvent, Refusal
from fastpath.steady import SteadyCount

__all__ = ["CounterRule", "Meter", "MeterEvent"]

CLOCK_GRACE_S = 120.0
"""How long after a reboot a counter waits for the network to set the clock, before its silence is called unknown."""

LONGEST_SILENCE_S = 10 * 366 * 86400.0
"""No silence of unknown length is longer; a greater step of a 64-bit counter is garbage all the same."""


class Meter(SteadyCount[Instant, MeterEvent]):
    """A counter's total since the first sample of `base`, as lo <= truth <= hi and the best value `total`.

    `base` is 0 until the first sample. It changes when the counter was replaced, and all three begin at 0 again.
    The bases that begin in this run are `first_base` and on; it must be new to this counter, so draw it at
    random at each start: a card that forgot its last frames, or an old copy of it, knows no number that is safe.
    `hi` is None where nothing bounds it. `earlier` sums the bases that have ended, if any. `breaks` counts the events
    across which no rate is true, `estimated_s` is the boot-clock second of the last increment that was an
    estimate, `refused_s` that of the last sample that was not taken, None when the last one was. `estimated_s` does
    not outlive a run: a restart leaves a guess in `lo` and `hi`, and rates are drawn from counts after it only.
    """

    __slots__ = ("_blind", "_modulus", "_next_base", "_refusal", "_suspects", "rule")

    def __init__(self, rule: CounterRule, first_base: int) -> None:
        super().__init__(rule)
        self.rule = rule
        self._next_base = first_base
        self._modulus, self._blind = rule.modulus, rule.blind
        self._suspects = Suspects(rule)
        self._refusal = Refusal(rule)

    def consider(self, raw: int, at: Instant) -> tuple[MeterEvent, ...]:
        """Take in a reading that is not certain to be the ordinary step: a reading from -M/2 is taken as signed; any
        other outside 0..M-1 is garbage."""
        events = self._consider(raw, at)
        return events if self.refused_s is not None else self._refusal.end(raw, events)

    def _consider(self, raw: int, at: Instant) -> tuple[MeterEvent, ...]:
        if -self._modulus // 2 <= raw < 0:
            raw += self._modulus
        if not 0 <= raw < self._modulus:
            return self._refuse("garbage", raw, at, f"{raw} is no value below {self._modulus}")
        if self.at is None:
            return (self._begin("baseline", raw, at, f"counted from {raw}"),)
        cap = self._cap(at)
        ran_on = (raw - self.raw) % self._modulus
        if cap is not None and ran_on <= cap < self._blind:
            return self._run_on(raw, at, ran_on, cap)
        return self._suspect(raw, at, cap)

    def _cap(self, at: Instant) -> int | None:
        """The most that can have been counted since the last accepted sample; None when that time is unknown."""
        assert self.at is not None
        elapsed_s = at.since_s(self.at)
        return None if elapsed_s is None else self.rule.within(elapsed_s)

    def _run_on(self, raw: int, at: Instant, ran_on: int, cap: int) -> tuple[MeterEvent, ...]:
        """The counter ran on, over its end or not; a reset may hide behind it when `raw <= cap`."""
        wrapped = raw < self.raw
        events = (MeterEvent("wrap", f"{self.raw} then {raw}"),) if wrapped else ()
        chance = cap - ran_on if raw <= cap else 0
        if wrapped or not self.fresh(at):
            self.unseen = 0
            most = ran_on + chance
        else:
            most = ran_on + max(0, chance - self.unseen)
            self.unseen = max(self.unseen, chance)
        # Where a reset can look like a wrap, the least is what stands in the register now.
        self._accept(raw, at, Reckoning(min(ran_on, raw), most, ran_on))
        return events

    def _suspect(self, raw: int, at: Instant, cap: int | None) -> tuple[MeterEvent, ...]:
        """A fall, a leap, or a sample after so long a silence that nothing can be called a leap: ask again."""
        bound = self.rule.within(LONGEST_SILENCE_S) if cap is None else cap
        feasible = min(raw, (raw - self.raw) % self._modulus) <= bound
        agreeing = self._suspects.hear(raw, at.boot_s, feasible=feasible)
        if agreeing >= (2 if feasible else self.rule.agree):
            if cap is None and feasible and self._clock_may_come(at):
                self.refused_s = at.boot_s
                return ()
            return self._settle(raw, at, cap) if feasible else self._replace(raw, at)
        detail = f"{raw} after {self.raw}, at most {cap} more can be true"
        return self._refuse("doubt" if feasible else "garbage", raw, at, detail)

    def _clock_may_come(self, at: Instant) -> bool:
        """True soon after a reboot, when waiting can still make the silence a known one; the device counts on."""
        assert self.at is not None
        return self.at.wall_trusted and not at.wall_trusted and at.boot_s < CLOCK_GRACE_S

    def _refuse(self, kind: EventKind, raw: int, at: Instant, detail: str) -> tuple[MeterEvent, ...]:
        self.refused_s = at.boot_s
        return self._refusal.hear(kind, raw, at.boot_s, detail)

    def _settle(self, raw: int, at: Instant, cap: int | None) -> tuple[MeterEvent, ...]:
        """The suspect was confirmed, and could have come about: by a reset, a wrap, or unseen turns in a silence."""
        ran_on, fell = (raw - self.raw) % self._modulus, raw < self.raw
        can_run_on = not fell if cap is None else ran_on <= cap
        likely = ran_on if can_run_on else raw
        gap = cap is None or ran_on + self._modulus <= cap
        length = "an unknown time" if cap is None else f"longer than a turn of {self._modulus}"
        events = [MeterEvent("gap", f"silent for {length}")] if gap else []
        if fell:
            events.append(MeterEvent("wrap" if can_run_on else "reset", f"{self.raw} then {raw}"))
        if gap or not can_run_on:
            self.estimated_s = at.boot_s
        self.breaks += gap
        self.unseen = 0
        self._accept(raw, at, Reckoning(*possible(ran_on, raw, self._modulus, cap), likely))
        return tuple(events)

    def _replace(self, raw: int, at: Instant) -> tuple[MeterEvent, ...]:
        """Samples agree with each other and not with the past: another counter, from here on."""
        was = self.raw
        self.earlier = self.overall
        return (self._begin("replaced", raw, at, f"{was} then {raw}, {self._suspects.agreeing} times"),)

    def _begin(self, kind: EventKind, raw: int, at: Instant, detail: str) -> MeterEvent:
        self.base, self._next_base = self._next_base, self._next_base + 1
        self.lo = self.hi = self.total = self.unseen = 0
        self.breaks += 1
        self._accept(raw, at, NOTHING)
        return MeterEvent(kind, detail)

    def _accept(self, raw: int, at: Instant, more: Reckoning) -> None:
        self.raw, self.at = raw, at
        self.lo, self.hi, self.total = Reckoning(self.lo, self.hi, self.total).plus(more)
        self.refused_s = None
        self._suspects.clear()

    @property
    def overall(self) -> Reckoning:
        """Counted in all bases together."""
        return Reckoning(*(self.earlier or NOTHING)).plus(Reckoning(self.lo, self.hi, self.total))

    def state(self) -> list[object]:
        """What must be kept with the messages that hold these counts; JSON-able; empty before the first sample."""
        if self.at is None:
            return []
        here = self.lo, self.hi, self.total
        earlier = self.earlier or NOTHING
        return [FORM, self._modulus, self.base, *here, *earlier, self.raw, self.unseen, *self.at.to_list()]

    def restore(self, state: object) -> None:
        """Go on from `state()` of an earlier run.

        ValueError with the reason, and nothing changed, when it is none of this counter: the next sample then
        begins a new base.
        """
        if state == []:
            return
        kept = MeterState.from_list(state)
        if kept.modulus != self._modulus:
            raise ValueError(f"a counter's state has modulus {kept.modulus}, not {self._modulus}")
        self.base, self.earlier, self.raw, self.at = kept.base, kept.earlier, kept.raw, kept.at
        self.lo, self.hi, self.total = kept.here
        self.unseen = kept.unseen
        self.refused_s = None
        self._suspects.clear()
