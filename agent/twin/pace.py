"""The twin's own time: it can stand still, and run faster than the wall clock."""

from __future__ import annotations

from agent.clock import boot_seconds


class Pace:
    """Seconds of the simulated day, from `begin_s` at construction; `running` False holds them."""

    def __init__(self, speed: float, *, running: bool, begin_s: float = 0.0) -> None:
        self.speed = speed
        self.running = running
        self._past_s = begin_s
        self._since_s = boot_seconds()

    @property
    def now_s(self) -> float:
        """The day's second at this moment."""
        return self._past_s + (self.speed * (boot_seconds() - self._since_s) if self.running else 0.0)

    def change(self, *, speed: float | None = None, running: bool | None = None) -> None:
        """Run at another speed, stop or go on, from this moment."""
        self._past_s, self._since_s = self.now_s, boot_seconds()
        self.speed = self.speed if speed is None else speed
        self.running = self.running if running is None else running
