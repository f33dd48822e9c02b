"""The clocks: boot time for every duration, wall time with its quality, for labels only."""

from __future__ import annotations

import ctypes
import time
from functools import cache
from pathlib import Path

from agent.load.instant import ClockQuality, Instant

BUILD_FLOOR_S = 1_795_000_000.0
"""Wall time of this release (2026-11): a clock before it is not set."""

_floor_s = BUILD_FLOOR_S

_TIMESYNC_MARK = Path("/run/systemd/timesync/synchronized")  # systemd-timesyncd.service(8)
_STA_UNSYNC = 0x0040  # <linux/timex.h>


def boot_seconds() -> float:
    """Seconds since boot, running on through suspend; never steps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def processor_seconds() -> float:
    """What this process has taken of the processors since its start."""
    return time.process_time()


@cache
def boot_id() -> str:
    """The kernel's random name of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class _Timex(ctypes.Structure):
    _fields_ = [
        ("modes", ctypes.c_uint),
        ("_gap", ctypes.c_long * 4),
        ("status", ctypes.c_int),
        ("_rest", ctypes.c_long * 32),
    ]


def raise_floor(ntp_s: float) -> None:
    """A time server once vouched for that wall time: a clock before it that none vouches for is not set."""
    global _floor_s  # noqa: PLW0603 - one clock, one floor
    _floor_s = max(BUILD_FLOOR_S, ntp_s)


def wall_quality(wall_s: float) -> ClockQuality:
    """`ntp` when the kernel's clock is disciplined, `rtc` when it is merely not before the floor, else `none`."""
    if wall_s < BUILD_FLOOR_S:
        return "none"
    if _kernel_clock_is_synchronised():
        return "ntp"
    return "rtc" if wall_s >= _floor_s else "none"


@cache
def _libc() -> ctypes.CDLL:
    """Once: each one is a class of its own, and a class is a circle that only the collector can free."""
    return ctypes.CDLL(None)


def _kernel_clock_is_synchronised() -> bool:
    timex = _Timex()
    state = _libc().adjtimex(ctypes.byref(timex))
    if state >= 0:
        return not timex.status & _STA_UNSYNC
    # The hardened unit forbids even this reading; systemd-timesyncd leaves a mark when it has set the clock.
    return _TIMESYNC_MARK.exists()


def now() -> Instant:
    """This moment on both clocks."""
    wall_s = time.time()
    return Instant(boot_id(), boot_seconds(), wall_s, wall_quality(wall_s))


def wait(seconds: float) -> None:
    """Let so much time go by; for people's verbs only, what runs for ever waits for events."""
    time.sleep(seconds)
