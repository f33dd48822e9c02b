"""How fast a total grew over the last minute or quarter of an hour, on the boot clock, in fixed memory."""

from __future__ import annotations

from array import array

MARKS = 60
"""A window is kept as this many marks; it is longer than its name by at most one of them."""

ENOUGH_S = 10.0
"""Below so many seconds of counting there is no rate: one parcel more would change it by hundreds per hour."""


class WindowRate:
    """The mean rate of one total over the last `window_s` seconds, from samples at any distance.

    The rate is the counts between two true samples over the time between them: the newest, and the youngest that
    is at least `window_s` old. So irregular samples and missed reads do not bend it. After a silence longer than
    the window, and after `restart`, it begins anew.
    """

    __slots__ = ("_at_s", "_spacing_s", "_times", "_total", "_totals", "window_s")

    def __init__(self, window_s: float) -> None:
        self.window_s = window_s
        self._spacing_s = window_s / MARKS
        self._times = array("d")
        self._totals = array("q")
        self._at_s = 0.0
        self._total = 0

    def restart(self) -> None:
        """Forget the past: the counts to come do not continue it."""
        del self._times[:], self._totals[:]

    def advance(self, at_s: float, total: int) -> None:
        """Take in that `total` was counted up to boot-clock second `at_s`; nothing older is taken."""
        times = self._times
        if times and at_s <= self._at_s:
            return
        if times and at_s - self._at_s > self.window_s:
            self.restart()
        self._at_s, self._total = at_s, total
        if not times or at_s - times[-1] >= self._spacing_s:
            times.append(at_s)
            self._totals.append(total)
        while len(times) > 1 and at_s - times[1] >= self.window_s:
            del times[0], self._totals[0]

    @property
    def span_s(self) -> float:
        """How much time the rate is drawn over: up to the window and one mark, 0 before the second sample."""
        return self._at_s - self._times[0] if self._times else 0.0

    @property
    def per_hour(self) -> float | None:
        """Counts per hour; None until the samples span ENOUGH_S."""
        span_s = self.span_s
        return 3600.0 * (self._total - self._totals[0]) / span_s if span_s >= ENOUGH_S else None
