"""What the machine is and how it stands: release, kernel, libc, this boot, clock, disks, memory, serial ports."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from agent import clock, sysfs
from agent.commission.ports import ports
from agent.machine import temperatures_c
from agent.release import VERSION
from agent.supply import alarm

_LIBRARIES = ("paho-mqtt", "pyserial", "pymodbus", "rich", "segno")
_ROOT = Path("/")
_MODEL = Path("/proc/device-tree/model")
_MEMORY = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")


def machine(folders: Sequence[Path]) -> dict[str, object]:
    """All of it but the ports; how full the disks of `folders` are, or of the nearest folder above that is there."""
    now = clock.now()
    return {
        "hubpulse": VERSION,
        "python": sys.version,
        "prefix": sys.prefix,
        "libraries": dict(_libraries()),
        "kernel": " ".join((os.uname().sysname, os.uname().release, os.uname().version)),
        "machine": os.uname().machine,
        "model": sysfs.text(_MODEL),
        "libc": " ".join(platform.libc_ver()),
        "system": _system(),
        "boot": in_fours(now.boot_id),
        "up_s": round(now.boot_s, 1),
        "clock": {
            "at": datetime.fromtimestamp(int(now.wall_s), UTC).isoformat(),
            "quality": now.quality,
            "zone": "/".join(Path(os.path.realpath("/etc/localtime")).parts[-2:]),
        },
        "temp_c": max(temperatures_c(_ROOT), default=None),
        "undervoltage_alarm": None if (file := alarm(_ROOT)) is None else sysfs.text(file),
        "load": [round(one, 2) for one in os.getloadavg()],
        "memory_mb": dict(_memory()),
        "disks": {str(folder): _room(folder) for folder in folders},
        "as_root": os.geteuid() == 0,
    }


def serial_ports() -> list[dict[str, object]]:
    """Each port with its stable names, its adapter, who holds it and what will bite. Raises OSError."""
    return [{"use": port.best, **asdict(port)} for port in ports()]


def in_fours(digits: str) -> str:
    """A hash or an id that this machine made itself, cut so that nobody and no gate takes it for a code."""
    bare = "".join(filter(str.isalnum, digits))
    return ":".join(bare[at : at + 4] for at in range(0, len(bare), 4))


def _libraries() -> Iterator[tuple[str, str]]:
    for name in _LIBRARIES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            yield name, "not installed"


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""


def _memory() -> Iterator[tuple[str, int]]:
    for line in sysfs.text(Path("/proc/meminfo")).splitlines():
        name, _, amount = line.partition(":")
        if name in _MEMORY:
            yield name, int(amount.split()[0]) >> 10


def _room(folder: Path) -> dict[str, object]:
    there = next(one for one in (folder, *folder.absolute().parents) if os.path.isdir(one))  # noqa: PTH112 - not barred
    try:
        room, nodes = shutil.disk_usage(there), os.statvfs(there)
    except OSError as error:
        return {"seen_at": str(there), "error": error.strerror}
    return {
        "seen_at": str(there),
        "free_mb": room.free >> 20,
        "of_mb": room.total >> 20,
        "free_inodes": nodes.f_favail,
        "read_only": bool(nodes.f_flag & os.ST_RDONLY),
    }
