"""How the machine is that the agent runs on, as its kernel tells: supply, heat, memory and disk, and what we take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent import clock, sysfs
from agent.load.instant import Instant
from agent.supply import Supply
from agent.uplink.contract import Json
from agent.uplink.spool import Spool

LIKELY_C = (-55.0, 150.0)
"""What a chip can stand; a sensor that fails tells other figures."""
LEAST_S = 1.0
"""Of a shorter time a share of the processor says nothing."""

_MB = 1 << 20


class Machine:
    """What the kernel does not tell is left out. Lives in the beat's thread."""

    def __init__(self, spool: Spool, directory: Path, root: Path = Path("/")) -> None:
        """`directory` is where the spool lies; `root` holds proc and sys."""
        self._spool = spool
        self._directory = directory
        self._root = root
        self._status, self._memory = root / "proc/self/status", root / "proc/meminfo"
        self._supply = Supply(root)
        self._cpu_s, self._told_s = clock.processor_seconds(), clock.boot_seconds()

    def watch(self, now_s: float) -> None:
        """Look at the supply in boot-clock second `now_s`."""
        self._supply.watch(now_s)

    def report(self, now: Instant) -> Json:
        """The facts, and `cpu_pct`: what the agent took of one processor since the report before."""
        took_s, lasted_s = clock.processor_seconds() - self._cpu_s, now.boot_s - self._told_s
        if lasted_s < LEAST_S:
            return self.facts()
        self._cpu_s, self._told_s = self._cpu_s + took_s, now.boot_s
        return {**self.facts(), "cpu_pct": round(100 * took_s / lasted_s, 1)}

    def facts(self) -> Json:
        """`undervolt` (seen within UNDERVOLT_S), `temp_c` of the hottest zone, `mem_mb` that the agent takes,
        `mem_free_mb` that programs can still have, `disk_free_mb` where the spool lies."""
        return dict(self._facts())

    def _facts(self) -> Iterator[tuple[str, object]]:
        if (undervolt := self._supply.undervolt) is not None:
            yield "undervolt", undervolt
        if (hottest := max(temperatures_c(self._root), default=None)) is not None:
            yield "temp_c", hottest
        with suppress(ValueError, LookupError):
            yield "mem_mb", _kilobytes(self._status, "VmRSS") >> 10
        with suppress(ValueError, LookupError):
            yield "mem_free_mb", _kilobytes(self._memory, "MemAvailable") >> 10
        if self._spool.condition.place == "disk":  # else another disk may stand in its place
            with suppress(OSError):
                disk = os.statvfs(self._directory)
                yield "disk_free_mb", disk.f_bavail * disk.f_frsize // _MB


def temperatures_c(root: Path) -> Iterator[float]:
    """Of each zone that tells it, of the thousandths in which it is told (driver-api/thermal/sysfs-api.rst)."""
    for zone in sysfs.found(root, "sys/class/thermal/thermal_zone*/temp"):
        with suppress(ValueError, OverflowError):
            told_c = int(sysfs.text(zone)) / 1000
            if LIKELY_C[0] <= told_c <= LIKELY_C[1]:
                yield round(told_c, 1)


def _kilobytes(file: Path, name: str) -> int:
    """A line of the form `name: 1234 kB` (proc(5)). Raises ValueError, LookupError."""
    rows = [row.split() for row in sysfs.text(file).splitlines() if row.startswith(f"{name}:")]
    return int(rows[0][1])
