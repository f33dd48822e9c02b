"""When a floor will be full if it goes on as now, and how far that has been wrong before: a time with its interval.

The rate is the net inflow of the last quarter of an hour, never of less. How long it will stand nobody knows: trucks
come in waves. So every five minutes each earlier claim is held against what truly came, 15 minutes to 4 hours later.
For each of these horizons the mean error is kept, which the next claims are corrected by, and the mean squares of what
came faster and slower than that, which make their interval; old ones fade over a day. How many deviations wide it must
be, `agent.load.calibration` learns from the claims whose time has come. Until it has learned, it uses errors that an
ordinary day of truck waves makes. The noise of single parcels, widened by how uneven the minutes of the last hour were,
is the least the error can be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from agent.load.calibration import Calibration
from agent.load.rows import Rows

MARK_S = 300.0
WINDOW_S = 900.0
STATED = 0.90
"""The truth lies within the interval so often."""

HORIZONS_MIN = (15, 30, 60, 120, 240)
PRIOR = (0.10, 0.16, 0.26, 0.36, 0.45)
"""Errors of the net rate at each horizon to begin with, as shares of the gross rate."""

PRIOR_WEIGHT = 12.0
MEMORY = 288.0
_SPANS = tuple(int(minutes * 60 / MARK_S) for minutes in HORIZONS_MIN)
_GRID_MIN = tuple(5.0 * 1.13**n for n in range(48))


class TimeToSaturation(NamedTuple):
    """Minutes until full, and the interval in which that lies in nine of ten cases; `hi` None: perhaps never."""

    min: float
    lo: float
    hi: float | None


class Mark(NamedTuple):
    """What had come and gone at a moment, and what was claimed then; `net_pph` NaN where nothing was."""

    at_s: float
    came: float
    went: float
    net_pph: float
    gross_pph: float


class _Error:
    """The mean of relative errors, and mean squares of what lies above and below it, fading."""

    __slots__ = ("bias", "down", "up", "weight")

    def __init__(self, prior: float) -> None:
        self.up = self.down = prior * prior / 2.0
        self.bias = 0.0
        self.weight = PRIOR_WEIGHT

    def learn(self, error: float) -> None:
        self.weight = min(MEMORY, self.weight + 1.0)
        off = error - self.bias
        self.bias += off / self.weight
        self.up += ((off * off if off > 0 else 0.0) - self.up) / self.weight
        self.down += ((off * off if off < 0 else 0.0) - self.down) / self.weight


class Forecast:
    """Learns from totals of what came and went; tells when a floor that holds so many will be full."""

    def __init__(self) -> None:
        self._marks = Rows(len(Mark._fields), _SPANS[-1] + 1)
        self._minutes = Rows(2, 61)
        self._errors = tuple(_Error(prior) for prior in PRIOR)
        self._minute_s = self._mark_s = -math.inf
        self._dispersion = 1.0
        self._worth = Calibration()
        self._learned: list[object] | None = None

    def restart(self) -> None:
        """The totals do not continue: what was learned stays, the marks go."""
        self._marks.clear()
        self._minutes.clear()
        self._minute_s = self._mark_s = -math.inf
        self._dispersion = 1.0
        self._worth.forget()

    def advance(self, at_s: float, came: int, went: int, in_pph: float | None, out_pph: float | None) -> None:
        """Take in the totals at boot-clock second `at_s`, and the rates of the last quarter of an hour."""
        if at_s - self._minute_s < 60.0:
            return
        if at_s - self._minute_s > 90.0:
            self._minutes.clear()
        self._minute_s = at_s
        self._minutes.append(came - went, came + went)
        self._dispersion = _dispersion(self._minutes)
        if at_s - self._mark_s >= MARK_S - 30.0:
            net_pph = self._claimed(in_pph, out_pph)
            claimed_pph = math.nan if net_pph is None else net_pph
            self._take(Mark(at_s, came, went, claimed_pph, ((in_pph or 0.0) + (out_pph or 0.0)) / 2))

    def _take(self, mark: Mark) -> None:
        if self._marks and mark.at_s - self._mark_s > 2 * MARK_S:
            self._marks.clear()
        self._mark_s = mark.at_s
        self._marks.append(*mark)
        for error, span in zip(self._errors, _SPANS, strict=True):
            then = Mark(*self._marks[-1 - span]) if len(self._marks) > span else None
            if then is not None and not math.isnan(then.net_pph) and then.gross_pph:
                hours = (mark.at_s - then.at_s) / 3600.0
                truly = (mark.came - then.came - mark.went + then.went) / hours
                error.learn((truly - then.net_pph) / then.gross_pph)
                self._learned = None

    def _claimed(self, in_pph: float | None, out_pph: float | None) -> float | None:
        """The net rate, where it is more than noise."""
        if in_pph is None or out_pph is None:
            return None
        net = in_pph - out_pph
        return net if net > self._noise_pph(in_pph + out_pph) else None

    def _noise_pph(self, both_pph: float) -> float:
        """One standard deviation of the net rate over the window: Poisson's, times how uneven the minutes were."""
        return math.sqrt(self._dispersion * max(both_pph, 1.0) * 3600.0 / WINDOW_S)

    def until_full(self, room: float, in_pph: float | None, out_pph: float | None) -> TimeToSaturation | None:
        """When `room` more parcels are there; None where the floor does not fill for sure, or not within a day."""
        net = self._claimed(in_pph, out_pph)
        if net is None or in_pph is None or out_pph is None:
            return None
        if room <= 0:
            return TimeToSaturation(0.0, 0.0, 0.0)
        gross, noise = (in_pph + out_pph) / 2, self._noise_pph(in_pph + out_pph)
        mean = [net + gross * error.bias for error in self._errors]
        likely = _reached(room, mean)
        if likely is None:
            return None
        both = list(zip(mean, self._errors, strict=True))
        up = [rate + self._worth.up * max(noise, gross * math.sqrt(2 * error.up)) for rate, error in both]
        down = [rate - self._worth.down * max(noise, gross * math.sqrt(2 * error.down)) for rate, error in both]
        lo, hi = _reached(room, up) or likely, _reached(room, down)
        return TimeToSaturation(likely, min(lo, likely), None if hi is None else max(hi, likely))

    def hold_to(self, at_s: float, tts: TimeToSaturation | None, *, full: bool) -> None:
        """Remember what was told at boot-clock second `at_s`, and score by how it is what was told before."""
        self._worth.score(at_s, full=full)
        if tts is not None and not full:
            self._worth.claim(at_s, tts.lo, tts.hi)

    def drained_pph(self, in_pph: float, out_pph: float) -> float | None:
        """How fast the floor drains; None where that is no more than noise."""
        drained = out_pph - in_pph
        return drained if drained > self._noise_pph(in_pph + out_pph) else None

    def kept(self) -> list[object]:
        """What must outlive the process, JSON-able: what was learned."""
        if self._learned is None:
            four = [(error.bias, error.up, error.down, error.weight) for error in self._errors]
            self._learned = [[round(one, 5) for one in errors] for errors in four]
        return [*self._learned, [round(self._worth.up, 3), round(self._worth.down, 3)]]

    def restore(self, kept: object) -> None:
        """Go on from `kept()`; ValueError, and nothing changed, for anything else."""
        if not isinstance(kept, list) or len(kept) != len(self._errors) + 1 or not all(map(_sound, kept[:-1])):
            raise ValueError("no errors of a forecast")
        self._worth.restore(kept[-1])
        for error, (bias, up, down, weight) in zip(self._errors, kept[:-1], strict=True):
            error.bias, error.up, error.down, error.weight = bias, up, down, max(PRIOR_WEIGHT, weight)
        self._learned = None


def _dispersion(minutes: Rows) -> float:
    """Variance of the minutes' net over their gross: 1 where parcels come by chance, more in clumps. `minutes` are
    totals of both at each minute's end."""
    nets = [later[0] - earlier[0] for earlier, later in pairwise(minutes)]
    passed = minutes[-1][1] - minutes[0][1]
    if len(nets) < 10 or not passed:
        return 1.0
    mean = sum(nets) / len(nets)
    variance = sum((net - mean) ** 2 for net in nets) / (len(nets) - 1)
    return max(1.0, variance / (passed / len(nets)))


def _sound(kept: object) -> bool:
    return (
        isinstance(kept, list)
        and len(kept) == 4
        and all(isinstance(one, int | float) and abs(one) <= 1e6 for one in kept)
        and min(kept[1:]) >= 0
    )


def _reached(room: float, rates: Sequence[float]) -> float | None:
    """The first minutes at which `room` is filled when the mean rate until each horizon is `rates`; None: never."""
    before_min = before = 0.0
    for minutes in _GRID_MIN:
        filled = _at(minutes, rates) * minutes / 60.0
        if filled >= room:
            return before_min + (minutes - before_min) * (room - before) / (filled - before)
        before_min, before = minutes, filled
    return None


def _at(minutes: float, deviations: Sequence[float]) -> float:
    """Between the horizons in a straight line; beyond them as at the nearest."""
    for (left_min, left), (right_min, right) in pairwise(zip(HORIZONS_MIN, deviations, strict=True)):
        if minutes <= right_min:
            share = max(0.0, (minutes - left_min) / (right_min - left_min))
            return left + share * (right - left)
    return deviations[-1]
