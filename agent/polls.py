"""How polling goes: what part of it brings values, how long answers take, what each device refused and counted anew."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from itertools import accumulate

from agent.uplink.contract import Json

_STEPS_AN_OCTAVE = 4
_LONGEST_MS = 1 << 16
_P95 = 0.95
_EXCEPTION = "exception_"
_COUNTED = {"wrap": "wrap_n", "reset": "reset_n"}
"""Events of counters that are counted here, by what they are called in payloads."""


class Delays:
    """How long answers took, in steps of a quarter of an octave from a millisecond on, in little memory."""

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
        return next((math.ceil(10 * 2 ** (step / _STEPS_AN_OCTAVE)) / 10 for step in steps), None)


def _no_delays() -> array[int]:
    return array("L", [0]) * (_step(_LONGEST_MS) + 1)


def _step(took_ms: float) -> int:
    """The first step that is no shorter; all below a millisecond is one."""
    return math.ceil(_STEPS_AN_OCTAVE * math.log2(max(took_ms, 1.0)))


@dataclass(slots=True)
class _Polled:
    """Of one device: what was due and brought no value since the report before, sent or not; since the start of the
    agent the code of its last refusal, and events of its counters."""

    due: int = 0
    missed: int = 0
    exception: int | None = None
    events: dict[str, int] = field(default_factory=dict)

    def told(self) -> Json:
        """What is out of the ordinary."""
        share = {"err_pct": math.ceil(1000 * self.missed / self.due) / 10} if self.missed else {}
        refusal = {} if self.exception is None else {"exc_code_last": self.exception}
        return {**share, **refusal, **self.events}


class Polls:
    """Of all devices. Lives in the beat's thread."""

    def __init__(self) -> None:
        self._devices: dict[str, _Polled] = {}
        self._delays = Delays()

    def answered(self, device: str, took_s: float | None, *, usable: bool) -> None:
        """What was due was answered, `took_s` after we asked; None where another did. Not `usable`: by no value."""
        polled = self._of(device)
        polled.due += 1
        polled.missed += not usable
        if took_s is not None:
            self._delays.add(took_s)

    def missed(self, device: str, reason: str) -> None:
        """What was due brought no answer, or a refusal."""
        polled = self._of(device)
        polled.due += 1
        polled.missed += 1
        if reason.startswith(_EXCEPTION) and (code := int(reason.removeprefix(_EXCEPTION))):  # 0: it gives no number
            polled.exception = code

    def noticed(self, device: str, kind: str) -> None:
        """A counter of the device told an event of that kind."""
        if (name := _COUNTED.get(kind)) is not None:
            events = self._of(device).events
            events[name] = events.get(name, 0) + 1

    def report(self) -> Json:
        """`poll_ok_pct` and `poll_lat_p95_ms` since the report before, where anything was due or answered; `devices`:
        what of each is out of the ordinary."""
        due = sum(one.due for one in self._devices.values())
        missed = sum(one.missed for one in self._devices.values())
        told = {device: said for device, one in self._devices.items() if (said := one.told())}
        for one in self._devices.values():
            one.due = one.missed = 0
        return {
            "poll_ok_pct": math.floor(1000 * (due - missed) / due) / 10 if due else None,
            "poll_lat_p95_ms": self._delays.take(_P95),
            "devices": told or None,
        }

    def _of(self, device: str) -> _Polled:
        return self._devices.setdefault(device, _Polled())
