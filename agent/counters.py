"""The site's counters: a meter for each, and which value of which answer feeds it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence

from agent import log
from agent.bus.heard_plan import Plan
from agent.load.instant import Instant
from agent.load.meter import CounterRule, Meter, MeterEvent
from config.device_settings import CounterRef, Device, Point
from config.settings import Settings
from drivers import Value

SECOND_LOOK = frozenset({"doubt", "garbage"})
"""Events after which a device is read again at once."""

ORDINARY = frozenset({"baseline", "wrap", "doubt"})
"""Events that nobody needs to read about in the log of a healthy site."""


Counted = tuple[int, CounterRef, Meter]
"""A counter's position in the values of an answer, its name and its meter."""


def counter_meters(settings: Settings) -> dict[CounterRef, Meter]:
    """A meter for every counter that a line or its scanners name, before its first sample.

    A counter without a past begins a base that none of its name ever had, even on a new card: a random number, the
    same for all that begin now, so that a message need say it only once.
    """
    base = 1 + secrets.randbelow(2**31)
    timeout_s = {bus.id: bus.timeout_s for bus in settings.buses}
    wanted = {ref for line in settings.lines for _, ref in line.counters()}
    wanted |= {ref for line in settings.lines for ref in settings.eyes(line.id)}
    wanted |= set(settings.load.floor.counters())
    return {
        ref: Meter(_rule(point, device, timeout_s[device.bus]), first_base=base)
        for device in settings.devices
        for point in device.points
        if (ref := CounterRef(device.id, point.name)) in wanted
    }


def _rule(point: Point, device: Device, timeout_s: float) -> CounterRule:
    assert point.modulus is not None, "the settings let a line name counters only"
    return CounterRule(point.modulus, point.max_rate_per_s, period_s=device.period_s, latency_s=timeout_s)


class Counters:
    """Advances the meters. `hurry` is called with a device whose count wants a second look at once, `noticed` with the
    device and kind of each event of a counter."""

    def __init__(
        self,
        plans: Sequence[Plan],
        meters: Mapping[CounterRef, Meter],
        hurry: Callable[[str], None],
        noticed: Callable[[str, str], None],
    ) -> None:
        self._meters = meters
        self._hurry = hurry
        self._noticed = noticed
        self._by_ask: dict[str, dict[int, tuple[Counted, ...]]] = {}
        self._unreadable: set[CounterRef] = set()
        for plan in plans:
            self.follow(plan)

    def follow(self, plan: Plan) -> None:
        """The device is asked like this from now on."""
        device, meters = plan.device, self._meters
        self._by_ask[device.id] = {at: tuple(_counters_in(device, ask.points, meters)) for at, ask in plan.asks.items()}

    def feed(self, device: str, ask: int, values: Sequence[Value | None], at: Instant) -> None:
        """Take in what the device answered to that ask, read at `at`."""
        for position, ref, meter in self._by_ask[device].get(ask, ()):
            self._count(ref, meter, values[position], at)

    def _count(self, ref: CounterRef, meter: Meter, value: Value | None, at: Instant) -> None:
        if value is None or self._unreadable:
            self._notice(ref, readable=value is not None)
        if value is None:
            return
        for event in meter.advance(int(value), at):
            _tell(ref, event)
            self._noticed(ref.device, event.kind)
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


def _counters_in(device: Device, points: Sequence[str], meters: Mapping[CounterRef, Meter]) -> Iterator[Counted]:
    named = ((position, CounterRef(device.id, name)) for position, name in enumerate(points))
    return ((position, ref, meters[ref]) for position, ref in named if ref in meters)


def _tell(ref: CounterRef, event: MeterEvent) -> None:
    level = logging.DEBUG if event.kind in ORDINARY else logging.INFO if event.kind == "trusted" else logging.WARNING
    log.event(f"counter_{event.kind}", level, counter=ref, detail=event.detail)
