"""How wide an interval must be to hold the truth as often as it says: each claim is scored when its time has come."""

from __future__ import annotations

import math
from typing import NamedTuple

from agent.load.rows import Rows

EACH_END = 0.05
"""The truth may lie before the interval, and after it, in such a share of cases."""

Z = 1.645
"""Standard deviations beyond which a normal error lies in that share: where it begins."""

STEP = 0.2
LEAST, MOST = 0.2, 4.0
CLAIM_S = 300.0
LONGEST_S = 86_400.0
_MOST_CLAIMS = int(LONGEST_S / CLAIM_S) + 1


class _Claim(NamedTuple):
    """The boot-clock seconds between which the floor was said to become full; `lo_s` NaN once that end is scored,
    `hi_s` infinite where it may never."""

    made_s: float
    lo_s: float
    hi_s: float


class Calibration:
    """`up` and `down` are the deviations of the net rate by which the early and the late end are drawn.

    An end that the truth passed is moved out by a step, one that it did not pass is moved in by as much less as that
    may happen less often; so in the long run it is passed in just that share of cases (adaptive conformal inference,
    Gibbs and Candès 2021).
    """

    __slots__ = ("_claims", "_due_s", "down", "up")

    def __init__(self) -> None:
        self.up = self.down = Z
        self._claims = Rows(len(_Claim._fields), _MOST_CLAIMS)
        self._due_s = math.inf  # before that no claim's time has come

    def claim(self, at_s: float, lo_min: float, hi_min: float | None) -> None:
        """Remember what was said now; once in five minutes is enough."""
        if self._claims and at_s - _Claim(*self._claims[-1]).made_s < CLAIM_S:
            return
        hi_s = math.inf if hi_min is None else at_s + 60.0 * hi_min
        self._keep(_Claim(at_s, at_s + 60.0 * lo_min, hi_s))

    def score(self, at_s: float, *, full: bool) -> None:
        """Hold what was said against how it is at `at_s`."""
        if not full and at_s < self._due_s:
            return
        self._due_s = math.inf
        for _ in range(len(self._claims)):
            self._score(_Claim(*self._claims.popleft()), at_s, full=full)

    def _score(self, claim: _Claim, at_s: float, *, full: bool) -> None:
        """One whose second end is open still is kept."""
        if not math.isnan(claim.lo_s) and (full or at_s >= claim.lo_s):
            self.up = _moved(self.up, passed=at_s < claim.lo_s)
            claim = claim._replace(lo_s=math.nan)
        late = at_s > claim.hi_s
        if full or late or at_s - claim.made_s > LONGEST_S:
            self.down = _moved(self.down, passed=late)
        else:
            self._keep(claim)

    def _keep(self, claim: _Claim) -> None:
        self._claims.append(*claim)
        lo_s = math.inf if math.isnan(claim.lo_s) else claim.lo_s
        self._due_s = min(self._due_s, lo_s, claim.hi_s, claim.made_s + LONGEST_S)

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
