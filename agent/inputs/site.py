"""All inputs of a site: which line runs, how often it jammed, which alarms stand, and what is to be told of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.inputs.alarms import Alarm, Alarms
from agent.inputs.continuity import Continuity
from agent.inputs.signal import Change, Signal, State
from agent.load.instant import Instant
from config.input_settings import Input

SILENT_PERIODS = 3.0
"""An input that was not heard for so many periods of its device, and time-outs, is unknown."""

STALL_S = 30.0
"""Two beats so far apart: nobody knows what stood in between."""

Stage = Literal["began", "ended", "unknown", "known", "acknowledged", "corrected"]


@dataclass(frozen=True, slots=True)
class News:
    """What happened to an input, and to its alarm where it has one."""

    input: Input
    change: Change | None
    alarm: Alarm | None
    stage: Stage | None


@dataclass(frozen=True, slots=True)
class LineInputs:
    """What the inputs of a line tell: whether it runs, None where none knows, and totals of this run of the agent,
    without drills."""

    run: bool | None
    stop_s: float | None
    flow_pct: float | None
    jam_n: int | None
    estop_n: int | None
    chute_full_n: int | None
    motor_fault_n: int | None


class SiteInputs:
    """Lives in the beat. `patience_s` says by input how long it may be silent."""

    def __init__(self, inputs: Sequence[Input], patience_s: Mapping[str, float], now_s: float) -> None:
        self._inputs = {one.id: one for one in inputs}
        self.signals = {one.id: Signal(one, patience_s[one.id], now_s) for one in inputs}
        self.alarms = Alarms()
        self._by_device: dict[str, dict[str, list[Signal]]] = {}
        for one in inputs:
            points = self._by_device.setdefault(one.point.device, {})
            points.setdefault(one.point.point, []).append(self.signals[one.id])
        self._by_line: dict[str, list[Signal]] = {}
        for signal in self.signals.values():
            self._by_line.setdefault(signal.input.line, []).append(signal)
        self._news: list[News] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self._flows = {one.line: Continuity() for one in inputs if one.line and one.kind == "run"}
        self._at_s = now_s
        self.exercise = False
        """Whether what begins now is part of a drill."""
        self.gone: list[str] = []
        """Alarms of inputs that the settings no longer have: they are to be cleared."""

    def hears(self, device: str) -> bool:
        """Whether a point of that device is an input."""
        return device in self._by_device

    def hear(self, device: str, points: Sequence[str], values: Sequence[object], at: Instant) -> None:
        """Take the values of one read in, at `at`."""
        known = self._by_device[device]
        for point, value in zip(points, values, strict=True):
            for signal in known.get(point, ()):
                sample = value if isinstance(value, bool | int | float) else None
                change = signal.hear(_bit(signal, sample), at.boot_s)
                if change is not None:
                    self._changed(signal, change, at)

    def advance(self, now: Instant) -> None:
        """One beat: who is silent, who stands."""
        for signal in self.signals.values():
            change = signal.advance(now.boot_s)
            if change is not None:
                self._changed(signal, change, now)
        lasted_s, self._at_s = now.boot_s - self._at_s, now.boot_s
        for line, flow in self._flows.items():
            flow.advance(now.boot_s, lasted_s if lasted_s <= STALL_S else 0.0, self.run(line))

    def run(self, line: str) -> bool | None:
        """Whether that line runs: not when one of its run inputs says no or its e-stop is pressed, None where one that
        ought to tell is unknown or was not heard since the agent began, or none tells."""
        own = self._by_line.get(line, ())
        states = [one.state if one.proven else "unknown" for one in own if one.input.kind == "run"]
        pressed = any(one.state == "on" and one.proven for one in own if one.input.kind == "estop")
        if "off" in states or pressed:
            return False
        return True if states and "unknown" not in states else None

    def jammed(self, line: str) -> bool:
        """Whether a contact of that line says that nothing gets through."""
        own = self._by_line.get(line, ())
        return any(one.state == "on" for one in own if one.input.kind in {"jam", "chute_full"})

    def of(self, line: str) -> LineInputs | None:
        """What is told of a line; None where it has no input."""
        kinds = {one.input.kind for one in self._by_line.get(line, ())}
        if not kinds:
            return None
        counts = {kind: self._counts[line, kind] if kind in kinds else None for kind in _COUNTED}
        flow = self._flows.get(line)
        stop_s, flow_pct = (None, None) if flow is None else (round(flow.stood_s, 1), flow.pct)
        return LineInputs(self.run(line), stop_s, flow_pct, *counts.values())

    def acknowledge(self, name: str, by: str, onset_ms: int | None = None) -> bool:
        """Somebody has seen that alarm, of that onset where it is said; False where there is none to be seen."""
        alarm = self.alarms.acknowledge(name, by, onset_ms)
        if alarm is None:
            return False
        if (of := self._inputs.get(name)) is not None:
            self._news.append(News(of, None, alarm, "acknowledged"))
        return True

    def take_news(self) -> list[News]:
        """What happened since this was asked before, oldest first."""
        news, self._news = self._news, []
        return news

    def _changed(self, signal: Signal, change: Change, at: Instant) -> None:
        of = signal.input
        alarm, stage = self._alarm(of, change, at) if of.is_alarm else (None, None)
        self._news.append(News(of, change, alarm, stage))
        if stage == "began":
            corrected = self.alarms.correct(of.line, self._inputs)
            self._news += [News(self._inputs[one.id], None, one, "corrected") for one in corrected]

    def _alarm(self, of: Input, change: Change, at: Instant) -> tuple[Alarm | None, Stage | None]:
        onset_ms = int(1000 * (at.wall_s - (at.boot_s - change.onset_s)))
        if change.after == "unknown":
            doubted = self.alarms.doubt(of.id, known=False)
            return doubted, "unknown" if doubted else None
        if change.after == "off":
            over = self.alarms.end(of.id, int(1000 * at.wall_s))
            return over, "ended" if over else None
        known = self.alarms.doubt(of.id, known=True)
        if known is not None or of.id in self.alarms.active:
            return known, "known" if known else None
        self._counts[of.line, of.kind] += not self.exercise
        return self.alarms.begin(of, self._inputs, change.onset_s, onset_ms, change.value, self.exercise), "began"

    def kept(self) -> dict[str, object]:
        """What must outlive the process, JSON-able."""
        signals = {name: signal.kept() for name, signal in self.signals.items()}
        return {"signals": signals, "alarms": self.alarms.kept()} if signals or self.alarms.active else {}

    def restore(self, kept: Mapping[str, object], shift_s: float) -> None:
        """Go on from `kept()` of an earlier run, whose boot clock was `shift_s` behind ours; ValueError for anything
        else. What was on is on, what was off is off, until a sample says otherwise: a restart is no event."""
        if not kept:
            return
        self.alarms.restore(kept.get("alarms"), shift_s)
        states = kept.get("signals")
        if not isinstance(states, dict):
            raise ValueError("no states of inputs")
        for name, signal in self.signals.items():
            if name in states:
                signal.restore(states[name], shift_s)
        self.gone = [name for name in self.alarms.active if name not in self._inputs]
        for name in self.gone:
            del self.alarms.active[name]

    def states(self) -> Mapping[str, State]:
        """Every input's state."""
        return {name: signal.state for name, signal in self.signals.items()}


_COUNTED = ("jam", "estop", "chute_full", "motor_fault")


def _bit(signal: Signal, value: float | bool | None) -> float | bool | None:
    """A bit point's value as a bit, whatever number it comes as."""
    return bool(value) if value is not None and signal.input.limit is None else value
