"""How wide an interval must be to hold the truth as often as it says: each claim is scored when its time has come."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

EACH_END = 0.05
"""The truth may lie before the interval, and after it, in such a share of cases."""

Z = 1.645
"""Standard deviations beyond which a normal error lies in that share: where it begins."""

STEP = 0.2
LEAST, MOST = 0.2, 4.0
CLAIM_S = 300.0
LONGEST_S = 86_400.0


@dataclass(slots=True)
class _Claim:
    """The boot-clock seconds between which the floor was said to become full; `hi_s` None where it may never."""

    made_s: float
    lo_s: float | None
    hi_s: float | None


class Calibration:
    """`up` and `down` are the deviations of the net rate by which the early and the late end are drawn.

    An end that the truth passed is moved out by a step, one that it did not pass is moved in by as much less as that
    may happen less often; so in the long run it is passed in just that share of cases (adaptive conformal inference,
    Gibbs and Candès 2021).
    """

    __slots__ = ("_claims", "down", "up")

    def __init__(self) -> None:
        self.up = self.down = Z
        self._claims: deque[_Claim] = deque()

    def claim(self, at_s: float, lo_min: float, hi_min: float | None) -> None:
        """Remember what was said now; once in five minutes is enough."""
        if self._claims and at_s - self._claims[-1].made_s < CLAIM_S:
            return
        hi_s = None if hi_min is None else at_s + 60.0 * hi_min
        self._claims.append(_Claim(at_s, at_s + 60.0 * lo_min, hi_s))

    def score(self, at_s: float, *, full: bool) -> None:
        """Hold what was said against how it is at `at_s`."""
        if not self._claims:
            return
        for claim in self._claims:
            if claim.lo_s is not None and (full or at_s >= claim.lo_s):
                self.up = _moved(self.up, passed=at_s < claim.lo_s)
                claim.lo_s = None
        open_claims: deque[_Claim] = deque()
        for claim in self._claims:
            late = claim.hi_s is not None and at_s > claim.hi_s
            if full or late or at_s - claim.made_s > LONGEST_S:
                self.down = _moved(self.down, passed=late)
            else:
                open_claims.append(claim)
        self._claims = open_claims

    def restore(self, kept: object) -> None:
        """Go on with `[up, down]` of an earlier run; ValueError, and nothing changed, for anything else."""
        if not isinstance(kept, list) or len(kept) != 2 or not all(isinstance(one, int | float) for one in kept):
            raise ValueError("no width of a forecast")
        self.up, self.down = (min(MOST, max(LEAST, float(one))) for one in kept)

    def forget(self) -> None:
        """What was said before can no longer be scored."""
        self._claims.clear()


def _moved(deviations: float, *, passed: bool) -> float:
    return min(MOST, max(LEAST, deviations + STEP * ((1.0 if passed else 0.0) - EACH_END)))
