"""What the bureau steers a line or a site by: its state, when it will be full, when empty, and the early warnings."""

from __future__ import annotations

from collections.abc import Mapping

from agent.load.backlog import Drifted, Rebased
from agent.load.conditions import Conditions
from agent.load.early import EarlyWarning, EarlyWarnings
from agent.load.forecast import WINDOW_S, Forecast, TimeToSaturation
from agent.load.line_load import Quality, Standing, Steered
from agent.load.machine import Machine, Transition
from agent.load.tally import Record
from agent.load.ways import Missing, Signs
from config.load_settings import NORMAL, Mode, Thresholds

Event = Transition | EarlyWarning | Rebased | Drifted | Record
"""What happens to a line or a site and is told at once."""

CONTRADICTION_S = 60.0
"""A line that is said to stand for so long and still counts parcels does not stand: nobody knows whether it runs."""

MISSING: Mapping[Quality, Missing] = {"stale": "stale", "bad": "bad"}


class Steering:
    """Judges one line or site at each sample; `events` are what is new since they were taken."""

    def __init__(self, thresholds: Mapping[Mode, Thresholds], patience_s: float) -> None:
        self._thresholds = thresholds
        self.machine = Machine(patience_s)
        self._forecast = Forecast()
        self.warnings = EarlyWarnings()
        self.tts: TimeToSaturation | None = None
        self.clear_min: float | None = None
        self._breaks: int | None = None
        self._passed = -1
        self._moved_s = self._stood_s = 0.0
        self._events: list[Event] = []

    def limits(self, mode: Mode) -> Thresholds:
        """The thresholds of a mode."""
        return self._thresholds.get(mode, NORMAL)

    def advance(self, at_s: float, now: Standing, quality: Quality, conditions: Conditions) -> None:
        """Judge how it stands at boot-clock second `at_s`."""
        limits = self.limits(conditions.mode)
        settled = now.settled_s >= 0.9 * WINDOW_S
        self._foresee(at_s, now, limits, settled=settled)
        missing = MISSING.get(quality) or ("no_figures" if now.load_index is None else None)
        signs = Signs(
            load_index=now.load_index,
            fill=now.fill,
            tts_min=None if self.tts is None else self.tts.min,
            missing=missing,
            settled_s=now.settled_s,
            forecast_settled=settled,
            run=self._run(at_s, now, conditions.run),
            suspended=conditions.suspended,
            exercise=conditions.exercise,
        )
        found = self.machine.advance(at_s, signs, limits, conditions.mode)
        if found is not None:
            self._events.append(found)
        self._events += self.warnings.advance(at_s, self.tts, settled and missing is None)

    def _foresee(self, at_s: float, now: Standing, limits: Thresholds, *, settled: bool) -> None:
        if now.breaks != self._breaks:
            self._breaks = now.breaks
            self._forecast.restart()
        self.tts = self.clear_min = None
        if not settled or now.level is None or now.in_pph is None or now.gone_pph is None:
            return
        self._forecast.advance(at_s, now.came, now.went, now.in_pph, now.gone_pph)
        if now.size:
            room = limits.overflow_fill * now.size - now.level
            self.tts = self._forecast.until_full(room, now.in_pph, now.gone_pph)
            self._forecast.hold_to(at_s, self.tts, full=room <= 0)
        drains = self._forecast.drained_pph(now.in_pph, now.gone_pph)
        self.clear_min = None if drains is None else 60.0 * now.level / drains

    def _run(self, at_s: float, now: Standing, run: bool | None) -> bool | None:
        """What the run input says, None where the counters contradict it."""
        if now.came + now.went != self._passed:
            self._passed, self._moved_s = now.came + now.went, at_s
        if run is not False:
            self._stood_s = at_s
            return run
        contradicted = at_s - self._stood_s > CONTRADICTION_S and self._moved_s - self._stood_s > CONTRADICTION_S
        return None if contradicted and at_s - self._moved_s < CONTRADICTION_S else False

    def draw(self, at_s: float) -> Steered:
        """What it is steered by at boot-clock second `at_s`."""
        tts, machine = self.tts, self.machine
        return Steered(
            tts_min=tts.min if tts else None,
            tts_lo_min=tts.lo if tts else None,
            tts_hi_min=tts.hi if tts else None,
            clear_min=self.clear_min,
            warn_min=self.warnings.most_urgent,
            state=machine.state,
            state_s=0.0 if machine.since_s is None else at_s - machine.since_s,
            cause=machine.cause,
        )

    def note(self, event: Event) -> None:
        """Something else that happened, to be told in its place."""
        self._events.append(event)

    def take_events(self) -> list[Event]:
        """What happened since this was asked before, oldest first."""
        events, self._events = self._events, []
        return events

    def kept(self) -> list[object]:
        """What must outlive the process, JSON-able."""
        return [self.machine.kept(), self.warnings.kept(), self._forecast.kept()]

    def restore(self, kept: object, shift_s: float) -> None:
        """Go on from `kept()` of an earlier run, whose boot clock was `shift_s` behind ours; ValueError for anything
        else."""
        if not isinstance(kept, list) or len(kept) != 3:
            raise ValueError("no state of a line")
        self.machine.restore(kept[0], shift_s)
        self.warnings.restore(kept[1])
        self._forecast.restore(kept[2])
