"""What is hoped to be heard of a device that another master asks, and how often it asks for each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.bus.plans import ABSENT_PERIODS, DevicePlan
from config.device_settings import Device
from drivers.plan import NOTHING, Learned, parts

NOT_ASKED = "not_asked_by_master"
PATIENCE_LEAST_S = 10.0
"""Nobody knows how often another master asks until it has asked twice."""


@dataclass(frozen=True, slots=True)
class Part:
    """Points that are heard together or not at all."""

    points: tuple[str, ...]


class _Rhythm:
    """When a part was last heard, and how far apart the last hearings were."""

    __slots__ = ("_before_s", "_gap_s", "_heard_s")

    def __init__(self, now_s: float) -> None:
        self._heard_s = now_s
        self._gap_s = self._before_s = 0.0

    def heard(self, at_s: float) -> None:
        self._gap_s, self._before_s = at_s - self._heard_s, self._gap_s
        self._heard_s = at_s

    @property
    def usual_s(self) -> float:
        """How far apart hearings are, when nothing is amiss."""
        return min(self._gap_s, self._before_s)

    def overdue(self, period_s: float, now_s: float) -> bool:
        """Whether nothing was heard for three times as long as is usual: one long pause is not usual."""
        longest_s = ABSENT_PERIODS * max(period_s, self.usual_s)
        return now_s - self._heard_s >= max(longest_s, PATIENCE_LEAST_S)


class HeardPlan:
    """The parts of one device by number, as `drivers.plan.parts` has them; nothing of it can be asked for."""

    learned: Learned = NOTHING
    missing: tuple[str, ...] = ()

    def __init__(self, device: Device, now_s: float) -> None:
        self.device = device
        runs = enumerate(parts(device))
        self.asks: Mapping[int, Part] = {n: Part(tuple(point.name for point in run)) for n, run in runs}
        self._rhythms = {number: _Rhythm(now_s) for number in self.asks}
        self._reason, self._reason_s = NOT_ASKED, now_s

    def answered(self, number: int, at_s: float) -> bool:
        """Part `number` was heard. Never a reason to plan anew, as nothing here is planned."""
        self._rhythms[number].heard(at_s)
        self._reason = NOT_ASKED
        return False

    def missed(self, number: int, reason: str, at_s: float) -> bool:
        """Part `number` was asked for in vain."""
        self._reason, self._reason_s = reason, at_s
        return False

    def retry(self, now_s: float) -> bool:
        """Nothing is asked, so nothing is asked again."""
        return False

    def away(self, last_s: float, now_s: float) -> bool:
        """Whether nothing at all was heard for so long that the device counts as absent."""
        return len(self.unasked(now_s)) == len(self.device.points)

    def why(self, now_s: float) -> str:
        """Why nothing is heard: what the last question brought, or that there was none lately."""
        recent = now_s - self._reason_s < max(ABSENT_PERIODS * self.device.period_s, PATIENCE_LEAST_S)
        return self._reason if recent else NOT_ASKED

    @property
    def usual_s(self) -> float:
        """How often the master asks for what it asks for most rarely."""
        return max(rhythm.usual_s for rhythm in self._rhythms.values())

    def unasked(self, now_s: float) -> tuple[str, ...]:
        """Points that the master does not ask for, or asks for in vain."""
        late = (n for n, rhythm in self._rhythms.items() if rhythm.overdue(self.device.period_s, now_s))
        return tuple(sorted(name for number in late for name in self.asks[number].points))


Plan = DevicePlan | HeardPlan
