"""The wall time by which orders begin and end: exact once a trusted clock was seen in this boot, else a lower bound."""

from __future__ import annotations

from typing import NamedTuple

from agent.load.instant import Instant


class Known(NamedTuple):
    """It is `least_ms` at least (Unix ms, 0 where nothing is known); `exact` when it is just that."""

    least_ms: int
    exact: bool


class KnownTime:
    """Remembers the last moment at which the wall clock could be trusted.

    A clock that was right once in this boot is carried on by the boot clock, which never steps. After a reboot the
    time is at least the last trusted one and what has gone by since the boot.
    """

    def __init__(self, *, trust_rtc: bool = False) -> None:
        self._trust_rtc = trust_rtc
        self._last: Instant | None = None

    def at(self, now: Instant) -> Known:
        """What is known of the time at `now`."""
        if now.wall_trusted or (self._trust_rtc and now.quality == "rtc"):
            self._last = now
        last = self._last
        if last is None:
            return Known(0, exact=False)
        same_boot = last.boot_id == now.boot_id
        since_s = now.boot_s - last.boot_s if same_boot else now.boot_s
        return Known(int(1000 * (last.wall_s + since_s)), exact=same_boot)

    def kept(self) -> list[object] | None:
        """What must outlive the process, JSON-able."""
        return None if self._last is None else self._last.to_list()

    def restore(self, kept: object) -> None:
        """Go on from `kept()`; ValueError for anything else."""
        self._last = None if kept is None else Instant.from_list(kept)
