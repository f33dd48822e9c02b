"""A token bucket: how many things may pass in a while."""

from __future__ import annotations


class TokenBucket:
    """Lets `rate_per_s` things pass, in bursts of at most `burst`: a tenth of a second's worth where none is said."""

    __slots__ = ("_at_s", "_burst", "_rate_per_s", "_tokens")

    def __init__(self, rate_per_s: float, burst: float = 0.0) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst or max(1.0, rate_per_s / 10)
        self._tokens = self._burst
        self._at_s = 0.0

    def pace(self, rate_per_s: float) -> None:
        """Another rate from now on, with its own burst."""
        self._rate_per_s = rate_per_s
        self._burst = max(1.0, rate_per_s / 10)

    def ready_in_s(self, now_s: float, count: int = 1) -> float:
        """Seconds until the next `count` (or as many as a burst is) may pass together; 0 when they may now."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._rate_per_s)
        self._at_s = now_s
        return max(0.0, (min(count, self._burst) - self._tokens) / self._rate_per_s)

    @property
    def whole(self) -> int:
        """How many may pass now."""
        return max(0, int(self._tokens))

    def take(self, count: int = 1) -> None:
        self._tokens -= count

    def rest(self, pause_s: float) -> None:
        """Let nothing pass for so long."""
        self._tokens = 1.0 - pause_s * self._rate_per_s
