"""Flow continuity of a line: in which share of the last hour it ran, of the time for which that is known."""

from __future__ import annotations

from agent.load.rows import Rows

HOUR_S = 3600.0
MARK_S = 60.0
_MARKS = int(HOUR_S / MARK_S) + 2
ENOUGH_S = 600.0
"""A share of less known time says nothing."""


class Continuity:
    """`stood_s` are the seconds in which it was known to stand. The hour is one to a minute."""

    __slots__ = ("_marks", "_ran_s", "_run", "stood_s")

    def __init__(self) -> None:
        self.stood_s = self._ran_s = 0.0
        self._run: bool | None = None
        self._marks = Rows(3, _MARKS)  # of boot-clock seconds, and the seconds that it had run and stood by then

    def advance(self, at_s: float, lasted_s: float, run: bool | None) -> None:
        """For the `lasted_s` before `at_s` it did what it was last known to do, and now it runs, stands, or nobody
        knows."""
        if self._run is True:
            self._ran_s += lasted_s
        elif self._run is False:
            self.stood_s += lasted_s
        self._run = run
        if not self._marks or at_s - self._marks[-1][0] >= MARK_S:
            self._marks.append(at_s, self._ran_s, self.stood_s)
        while len(self._marks) > 1 and at_s - self._marks[1][0] >= HOUR_S:
            self._marks.popleft()

    @property
    def pct(self) -> float | None:
        """None until ENOUGH_S of the hour are known."""
        if not self._marks:
            return None
        _, ran_s, stood_s = self._marks[0]
        ran_s, stood_s = self._ran_s - ran_s, self.stood_s - stood_s
        return 100.0 * ran_s / (ran_s + stood_s) if ran_s + stood_s >= ENOUGH_S else None
