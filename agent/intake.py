"""From what the wires say to what is known: who is there, who it is, and what it is asked from now on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent import log
from agent.bus import Answered, LinkChanged, Missed, Outcome, Owner, Reopened
from agent.bus.heard_plan import NOT_ASKED, HeardPlan, Plan
from agent.bus.identity import Identity, is_identity
from agent.bus.plans import ABSENT_PERIODS, REFUSED, DevicePlan
from agent.counters import Counters
from agent.load.instant import Instant
from agent.load.meter import Meter
from agent.polls import Polls
from config.device_settings import CounterRef
from drivers import Batch, Told, Value
from drivers.plan import Cut


@dataclass(slots=True)
class Presence:
    """Whether a device answers; `online` is None until that is known. Times are boot-clock seconds.

    `unsupported` are the points that it refuses and that are left out of what it is asked; `unasked` those that
    another master, who is only listened to, does not ask for.
    """

    online: bool | None
    reason: str
    since_s: float
    answered_s: float | None
    unsupported: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()

    @property
    def told(self) -> tuple[object, ...]:
        """What of it is news when it changes."""
        return self.online, self.reason, self.unsupported, self.unasked


class Lockers(Protocol):
    """Who hears what the wires say of lock boards."""

    def owns(self, device: str) -> bool: ...

    def hear(self, outcome: Answered | Missed | Told) -> bool:
        """True when a second look soon would tell more."""
        ...


class Inputs(Protocol):
    """Who hears the bits and gauges of devices."""

    def hears(self, device: str) -> bool: ...

    def hear(self, device: str, points: Sequence[str], values: Sequence[object], at: Instant) -> None: ...


class Intake:
    """Hears outcomes, has counters and inputs fed, keeps each device's presence, who it is and what it is asked.

    `owner_of` gives the owner of a device's wire: it is told when a count wants a second look at once, and when the
    device is asked differently from now on. `kept` is what `identities` gave before, perhaps in another process.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what is read, and what is known of it
        self,
        plans: Sequence[Plan],
        meters: Mapping[CounterRef, Meter],
        owner_of: Callable[[str], Owner],
        now_s: float,
        kept: Mapping[str, object] | None = None,
        lockers: Lockers | None = None,
        inputs: Inputs | None = None,
    ) -> None:
        self._lockers = lockers
        self._inputs = inputs
        self._owner_of = owner_of
        self.plans = {plan.device.id: plan for plan in plans}
        self.polls = Polls()
        self._counters = Counters(plans, meters, self._hurry, self.polls.noticed)
        self._identities = {
            plan.device.id: Identity(plan.device.fingerprint, (kept or {}).get(plan.device.id))
            for plan in plans
            if plan.device.fingerprint is not None and isinstance(plan, DevicePlan)
        }
        self._rare: set[str] = set()
        self.down: dict[str, str] = {}
        """Why each bus whose wire is down is so, as its owner said it last."""
        self.presence = {plan.device.id: Presence(None, "not_asked", now_s, None) for plan in plans}

    def hear(self, outcome: Outcome, now: Instant) -> None:
        """Take one outcome in; `now` is the beat's moment, the outcome carries its own."""
        if isinstance(outcome, Missed):
            self.polls.missed(outcome.device, outcome.reason)
        if self._lockers and isinstance(outcome, Answered | Missed | Told) and self._lockers.owns(outcome.device):
            self._hear_board(self._lockers, outcome)
            return
        match outcome:
            case Answered(device, ask, batch):
                believed = self._is_believed(device, ask, batch)
                self.polls.answered(device, outcome.took_s, usable=believed and _holds_values(batch))
                if believed:
                    self._hear_answer(device, ask, batch, now)
            case Missed(device, ask, reason, at_s):
                self._hear_miss(device, ask, reason, at_s)
            case LinkChanged(bus, up, reason, _):
                _tell("link_up" if up else "link_lost", well=up, bus=bus, reason=reason)
                self._note_wire(bus, "" if up else reason)
                self._doubt(bus)
            case Reopened(bus):
                self._doubt(bus)

    def _hear_board(self, lockers: Lockers, outcome: Answered | Missed | Told) -> None:
        if isinstance(outcome, Answered):
            self.polls.answered(outcome.device, outcome.took_s, usable=_holds_values(outcome.batch))
        if lockers.hear(outcome):
            self._hurry(outcome.device)

    def _hear_answer(self, device: str, ask: int, batch: Batch, now: Instant) -> None:
        self._answered(device, batch.at_s)
        plan, at = self.plans[device], _moment(now, batch.at_s)
        self._counters.feed(device, ask, batch.values, at)
        if self._inputs and self._inputs.hears(device) and (asked := plan.asks.get(ask)):
            self._inputs.hear(device, asked.points, batch.values, at)
        if plan.answered(ask, batch.at_s):
            self._replanned(device, "answers", batch.at_s)

    def _hear_miss(self, device: str, ask: int, reason: str, at_s: float) -> None:
        plan = self.plans[device]
        if reason in REFUSED and device in self._identities and is_identity(plan.device, ask):
            self._identify(device, None, at_s)
        self._missed(device, reason, at_s)
        if plan.missed(ask, reason, at_s):
            self._replanned(device, reason, at_s)

    def _hurry(self, device: str) -> None:
        """A second look at once would tell more."""
        self._owner_of(device).hurry(device)

    def cuts(self) -> dict[str, list[Cut]]:
        """Where the reads of each device are parted because it refused them together."""
        return {name: sorted(plan.learned.cuts) for name, plan in self.plans.items() if plan.learned.cuts}

    def identities(self) -> dict[str, list[object]]:
        """What devices were last known by, for those that have a fingerprint."""
        known = {name: identity.kept() for name, identity in self._identities.items()}
        return {name: kept for name, kept in known.items() if kept is not None}

    def retry(self, now_s: float) -> None:
        """Ask again, where it is time to, for what devices did not have; and notice what is not asked any more."""
        for name, plan in self.plans.items():
            if plan.retry(now_s):
                self._ask_anew(name)
            elif isinstance(plan, HeardPlan):
                self._notice_unasked(name, plan, now_s)

    def _doubt(self, bus: str) -> None:
        """The wire was opened: who is on it must be proved anew."""
        for name, identity in self._identities.items():
            if self.plans[name].device.bus == bus:
                identity.doubt()

    def _is_believed(self, device: str, ask: int, batch: Batch) -> bool:
        """Whether an answer is one of the device meant; where that is not known, the device is asked who it is."""
        identity = self._identities.get(device)
        if identity is None:
            return True
        known = self.plans[device].device
        if is_identity(known, ask):
            self._identify(device, batch.values[0], batch.at_s)
            return identity.trusted
        if self.presence[device].online is False:
            identity.doubt()
        if not identity.trusted and identity.wants_asking(batch.at_s, known.period_s):
            self._hurry(device)
        return identity.trusted

    def _identify(self, device: str, value: Value | None, at_s: float) -> None:
        """Take note of who a device says it is; said once, not each time."""
        identity, seen = self._identities[device], self.presence[device]
        match identity.judge(value):
            case "wrong":
                log.warn("wrong_device", device=device, expected=identity.expected, seen=value)
                self._change(device, Presence(False, "wrong_device", at_s, seen.answered_s, seen.unsupported))
            case "learned":
                log.event("device_learned", device=device, fingerprint=value)
            case "proved":
                log.event("device_proved", device=device, fingerprint=value)
            case "again":
                pass

    def _replanned(self, device: str, reason: str, at_s: float) -> None:
        """The device is asked differently from now on, because it refused or answered something."""
        self._ask_anew(device)
        plan, seen = self.plans[device], self.presence[device]
        if plan.missing == seen.unsupported:
            return
        online = seen.online if len(plan.missing) < len(plan.device.points) else False
        told = ("points_unsupported" if plan.missing else "answers") if online else reason
        self._change(device, Presence(online, told, at_s, seen.answered_s, plan.missing))

    def _ask_anew(self, device: str) -> None:
        plan = self.plans[device]
        assert isinstance(plan, DevicePlan), "only what we ask can be asked differently"
        self._counters.follow(plan)
        self._owner_of(device).replan(device, plan.asks)

    def _notice_unasked(self, device: str, plan: HeardPlan, now_s: float) -> None:
        """Another master need not ask for what we would like to hear, and may stop to."""
        seen, unasked = self.presence[device], plan.unasked(now_s)
        if plan.usual_s > ABSENT_PERIODS * plan.device.period_s and device not in self._rare:
            self._rare.add(device)
            log.warn("device_asked_rarely", device=device, every_s=round(plan.usual_s, 1), write="that as period_s")
        if len(unasked) == len(plan.device.points):
            self._missed(device, plan.why(now_s), now_s)
        elif seen.online and unasked != seen.unasked:
            told = NOT_ASKED if unasked else "answers"
            self._change(device, Presence(True, told, now_s, seen.answered_s, seen.unsupported, unasked))

    def _answered(self, device: str, at_s: float) -> None:
        seen = self.presence[device]
        seen.answered_s = at_s
        if not seen.online:
            told = "points_unsupported" if seen.unsupported else "answers"
            self._change(device, Presence(True, told, at_s, at_s, seen.unsupported))

    def _missed(self, device: str, reason: str, at_s: float) -> None:
        seen = self.presence[device]
        last_s = seen.since_s if seen.answered_s is None else seen.answered_s
        if seen.online is not False and self.plans[device].away(last_s, at_s):
            self._change(device, Presence(False, reason, at_s, seen.answered_s, seen.unsupported, seen.unasked))

    def _note_wire(self, bus: str, reason: str) -> None:
        if reason:
            self.down[bus] = reason
        else:
            self.down.pop(bus, None)

    def _change(self, device: str, presence: Presence) -> None:
        self.presence[device] = presence
        if presence.online is None:
            return
        lacks = ",".join(presence.unsupported) or None
        event = "device_online" if presence.online else "device_offline"
        unasked = ",".join(presence.unasked) or None
        _tell(event, well=presence.online, device=device, reason=presence.reason, unsupported=lacks, unasked=unasked)


def _tell(event: str, *, well: bool, **fields: object) -> None:
    """What went wrong is a warning, what came back is not."""
    log.event(event, logging.INFO if well else logging.WARNING, **fields)


def _holds_values(batch: Batch) -> bool:
    return any(value is not None for value in batch.values)


def _moment(now: Instant, at_s: float) -> Instant:
    """The instant of boot-clock second `at_s`, a little before `now`."""
    return Instant(now.boot_id, at_s, now.wall_s - (now.boot_s - at_s), now.quality)
