"""Where a waybill could be found: in files, in what was said, and in the memory of a process."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

WAYBILL = re.compile(
    rb"(?<![0-9A-Za-z])(?:\][A-Z][0-9])?"
    rb"(?:(?:SF|YT|JT)[0-9]{12}|JD[XV]|DPK[0-9]{8}|STO[0-9]{8}|CNSD[0-9]{8}|[A-Z]{2}[0-9]{9}CN|(?:43|73|77|97)[0-9]{11})"
)
"""Every code that the twin's scanners ever say."""


def files(folder: Path) -> dict[str, bytes]:
    """Everything below `folder`, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def with_waybills(traces: Mapping[str, bytes]) -> list[str]:
    """Those in which something looks like a waybill."""
    return sorted(name for name, octets in traces.items() if WAYBILL.search(octets))


def resident_bytes() -> int:
    """What this process has in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory(pid: int) -> Iterator[bytes]:
    """What a running process has in memory, region by region; PermissionError where we may not look."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as image:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            addresses, rights, *_ = line.split()
            first, last = (int(address, 16) for address in addresses.split("-"))
            if rights.startswith("r"):
                with suppress(OSError):  # given back meanwhile, or the kernel's own
                    image.seek(first)
                    yield image.read(last - first)
