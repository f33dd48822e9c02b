"""How the machine is that the agent runs on, as its kernel tells: supply, heat, memory and disk, and what we take."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent import clock, log
from agent.load.instant import Instant
from agent.uplink.contract import Json

UNDERVOLT_S = 300.0
"""So long it is told that the supply was too weak, for it comes and goes with the load."""

_MB = 1 << 20


class Machine:
    """Watched each beat; what the kernel does not tell is left out. Lives in the beat's thread."""

    def __init__(self, disk: Path, root: Path = Path("/")) -> None:
        """`disk` is the directory of the spool; `root` holds proc and sys."""
        self._disk = disk
        self._root = root
        self._alarm = _undervoltage_alarm(root)
        self._weak_s: float | None = None
        self._cpu_s, self._told_s = time.process_time(), clock.boot_seconds()

    def watch(self, now_s: float) -> None:
        """Look at the supply in boot-clock second `now_s`; the kernel tells of a dip for two seconds."""
        if self._alarm is not None and _text(self._alarm) == "1":
            if self._weak_s is None:
                log.warn("undervoltage", do="give this machine the supply that its maker names, on a short thick cable")
            self._weak_s = now_s
        elif self._weak_s is not None and now_s - self._weak_s > UNDERVOLT_S:
            log.event("voltage_good", for_s=round(UNDERVOLT_S))
            self._weak_s = None

    def report(self, now: Instant) -> Json:
        """The facts, and `cpu_pct`: what the agent took of one processor since the report before."""
        took_s, lasted_s = time.process_time() - self._cpu_s, now.boot_s - self._told_s
        self._cpu_s, self._told_s = self._cpu_s + took_s, now.boot_s
        share = {"cpu_pct": round(100 * took_s / lasted_s, 1)} if lasted_s > 0 else {}
        return {**self.facts(), **share}

    def facts(self) -> Json:
        """`undervolt` (in the last UNDERVOLT_S), `temp_c` of the hottest zone, `mem_mb` that the agent takes,
        `mem_free_mb` that programs can still have, `disk_free_mb` where the spool lies."""
        return dict(self._facts())

    def _facts(self) -> Iterator[tuple[str, object]]:
        if self._alarm is not None:
            yield "undervolt", self._weak_s is not None
        if (hottest := max(_temperatures_c(self._root), default=None)) is not None:
            yield "temp_c", hottest
        with suppress(OSError, ValueError, LookupError):
            yield "mem_mb", _kilobytes(self._root / "proc/self/status", "VmRSS") >> 10
        with suppress(OSError, ValueError, LookupError):
            yield "mem_free_mb", _kilobytes(self._root / "proc/meminfo", "MemAvailable") >> 10
        with suppress(OSError):
            disk = os.statvfs(self._disk)
            yield "disk_free_mb", disk.f_bavail * disk.f_frsize // _MB


def _undervoltage_alarm(root: Path) -> Path | None:
    """Where a Raspberry Pi's firmware says that it has been given too little (raspberrypi-hwmon.rst in the kernel's
    Documentation/hwmon); None on a machine that does not tell."""
    for chip in sorted(root.glob("sys/class/hwmon/hwmon*")):
        if _text(chip / "name") == "rpi_volt":
            return chip / "in0_lcrit_alarm"
    return None


def _temperatures_c(root: Path) -> Iterator[float]:
    """Of each zone that tells it, of the thousandths in which it is told (driver-api/thermal/sysfs-api.rst)."""
    for zone in root.glob("sys/class/thermal/thermal_zone*/temp"):
        with suppress(ValueError):
            yield round(int(_text(zone)) / 1000, 1)


def _kilobytes(file: Path, name: str) -> int:
    """A line of the form `name: 1234 kB` (proc(5)). Raises OSError, ValueError, LookupError."""
    rows = [row.split() for row in file.read_text().splitlines() if row.startswith(f"{name}:")]
    return int(rows[0][1])


def _text(file: Path) -> str:
    """What stands in a file of one line; nothing where it cannot be read."""
    try:
        return file.read_text().strip()
    except (OSError, ValueError):
        return ""
