"""From what the wires say to what is known: each counter's meter, each device's presence."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent import log
from agent.bus import Answered, LinkChanged, Missed, Outcome
from agent.load.instant import Instant
from agent.load.meter import CounterRule, Meter, MeterEvent
from config.settings import CounterRef, Device, Point, Settings
from drivers import Ask, Value

ABSENT_PERIODS = 3
"""A device is away when nothing came of it for this many of its periods."""

SECOND_LOOK = frozenset({"doubt", "garbage"})
"""Events after which a device is read again at once."""

ORDINARY = frozenset({"baseline", "wrap", "doubt"})
"""Events that nobody needs to read about in the log of a healthy site."""


@dataclass(slots=True)
class Presence:
    """Whether a device answers; `online` is None until that is known. Times are boot-clock seconds."""

    online: bool | None
    reason: str
    since_s: float
    answered_s: float | None


def counter_meters(settings: Settings) -> dict[CounterRef, Meter]:
    """A meter for every counter that a line names, before its first sample.

    A counter without a past begins a base that none of its name ever had, even on a new card: a random number, the
    same for all that begin now, so that a message need say it only once.
    """
    base = 1 + secrets.randbelow(2**31)
    timeout_s = {bus.id: bus.timeout_s for bus in settings.buses}
    wanted = {ref for line in settings.lines for _, ref in line.counters()}
    return {
        ref: Meter(_rule(point, device, timeout_s[device.bus]), first_base=base)
        for device in settings.devices
        for point in device.points
        if (ref := CounterRef(device.id, point.name)) in wanted
    }


def _rule(point: Point, device: Device, timeout_s: float) -> CounterRule:
    assert point.modulus is not None, "the settings let a line name counters only"
    return CounterRule(point.modulus, point.max_rate_per_s, period_s=device.period_s, latency_s=timeout_s)


class Intake:
    """Hears outcomes, advances meters, keeps each device's presence.

    `hurry` is called with a device's id when one of its counts wants a second look at once.
    """

    def __init__(
        self,
        devices: Sequence[tuple[Device, Sequence[Ask]]],
        meters: Mapping[CounterRef, Meter],
        hurry: Callable[[str], None],
        now_s: float,
    ) -> None:
        self._hurry = hurry
        self._devices = {device.id: device for device, _ in devices}
        self._counters = {
            (device.id, n): _counters_in(device, ask, meters) for device, asks in devices for n, ask in enumerate(asks)
        }
        self._unreadable: set[CounterRef] = set()
        self.presence = {device.id: Presence(None, "not_asked", now_s, None) for device, _ in devices}

    def hear(self, outcome: Outcome, now: Instant) -> None:
        """Take one outcome in; `now` is the beat's moment, the outcome carries its own."""
        match outcome:
            case Answered(device, ask, batch):
                self._answered(device, batch.at_s)
                at = _moment(now, batch.at_s)
                for position, ref, meter in self._counters[device, ask]:
                    self._count(ref, meter, batch.values[position], at)
            case Missed(device, _, reason, at_s):
                self._missed(device, reason, at_s)
            case LinkChanged(bus, up, reason, _):
                log.event("link_up" if up else "link_lost", bus=bus, reason=reason)

    def _count(self, ref: CounterRef, meter: Meter, value: Value | None, at: Instant) -> None:
        if value is None or self._unreadable:
            self._notice(ref, readable=value is not None)
        if value is None:
            return
        for event in meter.advance(int(value), at):
            _tell(ref, event)
            if event.kind in SECOND_LOOK:
                self._hurry(ref.device)

    def _notice(self, ref: CounterRef, *, readable: bool) -> None:
        """A device that answers with what is no number within the declared limits: said once, not each time."""
        if readable and ref in self._unreadable:
            self._unreadable.discard(ref)
            log.event("counter_readable", counter=ref)
        elif not readable and ref not in self._unreadable:
            self._unreadable.add(ref)
            log.warn("counter_unreadable", counter=ref, detail="no number within its limits")

    def _answered(self, device: str, at_s: float) -> None:
        seen = self.presence[device]
        seen.answered_s = at_s
        if not seen.online:
            self._change(device, Presence(True, "answers", at_s, at_s))

    def _missed(self, device: str, reason: str, at_s: float) -> None:
        seen = self.presence[device]
        last_s = seen.since_s if seen.answered_s is None else seen.answered_s
        if seen.online is not False and at_s - last_s >= ABSENT_PERIODS * self._devices[device].period_s:
            self._change(device, Presence(False, reason, at_s, seen.answered_s))

    def _change(self, device: str, presence: Presence) -> None:
        self.presence[device] = presence
        log.event("device_online" if presence.online else "device_offline", device=device, reason=presence.reason)


def _counters_in(
    device: Device, ask: Ask, meters: Mapping[CounterRef, Meter]
) -> tuple[tuple[int, CounterRef, Meter], ...]:
    """Which values of the ask's batch feed which meters."""
    named = ((position, CounterRef(device.id, name)) for position, name in enumerate(ask.points))
    return tuple((position, ref, meters[ref]) for position, ref in named if ref in meters)


def _moment(now: Instant, at_s: float) -> Instant:
    """The instant of boot-clock second `at_s`, a little before `now`."""
    return Instant(now.boot_id, at_s, now.wall_s - (now.boot_s - at_s), now.quality)


def _tell(ref: CounterRef, event: MeterEvent) -> None:
    level = logging.DEBUG if event.kind in ORDINARY else logging.WARNING
    log.event(f"counter_{event.kind}", level, counter=ref, detail=event.detail)
