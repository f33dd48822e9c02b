"""Who has a device file open: by the process's own descriptors, which only root sees of others."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC, DEV = Path("/proc"), Path("/dev")
_OURS = "hubpulse"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has the port open."""

    pid: int
    name: str
    ours: bool

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


def holders(port: Path, proc: Path = PROC) -> tuple[Holder, ...]:
    """The processes that have `port` open, this one excepted; those of other users only where we are root."""
    return by_port(proc).get(os.path.realpath(port), ())


def by_port(proc: Path = PROC, dev: Path = DEV) -> dict[str, tuple[Holder, ...]]:
    """The same for every device file that anybody has open."""
    found = dict[str, tuple[Holder, ...]]()
    for process in proc.iterdir():
        if not process.name.isdecimal() or int(process.name) == os.getpid():
            continue
        for path in _open_devices(process, f"{dev}/"):
            found[path] = (*found.get(path, ()), _holder(process))
    return found


def said(found: tuple[Holder, ...]) -> str:
    """Their names; a dash where nobody is seen."""
    return ", ".join(map(str, found)) or "–"


def _open_devices(process: Path, dev: str) -> set[str]:
    try:
        descriptors = list((process / "fd").iterdir())
    except OSError:  # it ended, or is not ours to look into
        return set()
    found = set[str]()
    for descriptor in descriptors:
        try:
            target = os.readlink(descriptor)  # noqa: PTH115  pathlib gives no text
        except OSError:
            continue
        if target.startswith(dev):
            found.add(target)
    return found


def _holder(process: Path) -> Holder:
    command = _text(process / "cmdline").split("\0")
    name = _text(process / "comm").strip() or "?"
    ours = _OURS in [Path(word).name for word in command[:2]] or command[1:4] == ["-m", "agent", "run"]
    return Holder(int(process.name), name, ours)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
