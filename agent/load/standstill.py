"""Seconds in which nothing moved on a line, parted by why as far as its counters and its run input can tell."""

from __future__ import annotations

from agent.load.conditions import Conditions

QUIET_S = 60.0
"""An end of a line at which nothing was counted for longer stands still."""


class Standstill:
    """Seconds since this run of the agent began, as totals; they stand where the counters are not fresh.

    - `blocked_s`: parcels are on the line, or come onto it, or an input says that nothing gets through, and for over a
      minute none came out.
    - `starved_s`: for over a minute none came onto it, and it is not blocked.
    - `idle_run_s`: it runs, says its input, and for over a minute none came onto it; None without an input.

    A line that is known to be stopped is neither starved nor blocked.
    """

    __slots__ = ("_at_s", "_came", "_came_s", "_went", "_went_s", "blocked_s", "idle_run_s", "starved_s")

    def __init__(self) -> None:
        self.blocked_s = self.starved_s = 0.0
        self.idle_run_s: float | None = None
        self._at_s: float | None = None
        self._came = self._went = 0
        self._came_s = self._went_s = 0.0

    def silent(self) -> None:
        """The counters are not fresh: nobody knows what moved since."""
        self._at_s = None

    def advance(self, at_s: float, came: int, went: int, conditions: Conditions, *, occupied: bool) -> None:
        """`came` onto and `went` off the line until `at_s`; `occupied` where parcels are known to be on it."""
        if self._at_s is None:
            self._at_s, self._came, self._went = at_s, came, went
            self._came_s = self._went_s = at_s
            return
        lasted_s, self._at_s = at_s - self._at_s, at_s
        if came != self._came:
            self._came, self._came_s = came, at_s
        if went != self._went:
            self._went, self._went_s = went, at_s
        run = conditions.run
        if run is not None:
            self.idle_run_s = self.idle_run_s or 0.0
        if run is not False:
            self._share_out(lasted_s, at_s, occupied=occupied or conditions.jammed, run=run)

    def _share_out(self, lasted_s: float, at_s: float, *, occupied: bool, run: bool | None) -> None:
        none_came, none_went = at_s - self._came_s > QUIET_S, at_s - self._went_s > QUIET_S
        if none_went and (occupied or not none_came):
            self.blocked_s += lasted_s
        elif none_came:
            self.starved_s += lasted_s
        if none_came and run and self.idle_run_s is not None:
            self.idle_run_s += lasted_s
