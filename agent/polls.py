"""How polling goes: what part of it brings values, how long answers take, what each device refused and counted anew."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from itertools import accumulate

from agent.bus.outcomes import Answered, Missed
from agent.uplink.contract import Json

_STEPS_AN_OCTAVE = 4
_LONGEST_MS = 1 << 16
_P95 = 0.95
_EXCEPTION = "exception_"
_ENDS = {"wrap": "wrap_n", "reset": "reset_n"}
"""Events of a counter that are counted, by what they are called in payloads."""


class Delays:
    """How long answers took, in steps of a quarter of an octave: a share of them is known to 19 %, in little memory."""

    def __init__(self) -> None:
        self._counts = _no_delays()

    def add(self, took_s: float) -> None:
        """One answer took so long."""
        self._counts[_step(min(1000 * took_s, _LONGEST_MS))] += 1

    def take(self, share: float) -> float | None:
        """So many milliseconds at most took that share of the answers since the last call; None: there were none."""
        counts, self._counts = self._counts, _no_delays()
        needed = max(1, math.ceil(share * sum(counts)))
        steps = (step for step, answers in enumerate(accumulate(counts)) if answers >= needed)
        return next((round(2 ** (step / _STEPS_AN_OCTAVE), 1) for step in steps), None)


def _no_delays() -> array[int]:
    return array("L", [0]) * (_step(_LONGEST_MS) + 1)


def _step(took_ms: float) -> int:
    """The first step that is no shorter; all below a millisecond is one."""
    return math.ceil(_STEPS_AN_OCTAVE * math.log2(max(took_ms, 1.0)))


@dataclass(slots=True)
class _Tally:
    """Of one device: what it was due and missed since the report before, and since the start of the agent the code of
    its last refusal and how often its counters wrapped or were reset."""

    due: int = 0
    missed: int = 0
    exception: int | None = None
    ends: dict[str, int] = field(default_factory=dict)

    def told(self) -> Json:
        """What is out of the ordinary."""
        share = {"err_pct": round(100 * self.missed / self.due, 1)} if self.missed else {}
        refusal = {} if self.exception is None else {"exc_code_last": self.exception}
        return {**share, **refusal, **self.ends}


class Polls:
    """Of all devices. Lives in the beat's thread."""

    def __init__(self) -> None:
        self._devices: dict[str, _Tally] = {}
        self._delays = Delays()

    def hear(self, outcome: Answered | Missed) -> None:
        """What was due brought a value, or none."""
        tally = self._devices.setdefault(outcome.device, _Tally())
        tally.due += 1
        if isinstance(outcome, Missed):
            tally.missed += 1
            if outcome.reason.startswith(_EXCEPTION):
                tally.exception = int(outcome.reason.removeprefix(_EXCEPTION))
        elif outcome.took_s is not None:
            self._delays.add(outcome.took_s)

    def ended(self, device: str, kind: str) -> None:
        """A counter of the device told an event of that kind."""
        if (name := _ENDS.get(kind)) is not None:
            ends = self._devices.setdefault(device, _Tally()).ends
            ends[name] = ends.get(name, 0) + 1

    def report(self) -> Json:
        """`poll_ok_pct` and `poll_lat_p95_ms` since the report before, where anything was due or answered; `devices`:
        what of each is out of the ordinary."""
        due = sum(one.due for one in self._devices.values())
        missed = sum(one.missed for one in self._devices.values())
        told = {device: said for device, one in self._devices.items() if (said := one.told())}
        for one in self._devices.values():
            one.due = one.missed = 0
        return {
            "poll_ok_pct": round(100 * (due - missed) / due, 1) if due else None,
            "poll_lat_p95_ms": self._delays.take(_P95),
            "devices": told or None,
        }
