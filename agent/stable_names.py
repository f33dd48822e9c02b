"""Names of serial ports that stay: which of the system's links lead to the adapter behind a name that may change.

systemd's udev keeps two for each adapter (60-serial.rules): by-path names the socket it is plugged into, by-id the
adapter by its serial number. Cheap adapters have none, and two of them share one by-id name: by-path goes first.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from config.faults import Fault

SERIAL = Path("/dev/serial")
_KINDS = ("by-path", "by-id")
_UNSTABLE, _KNOWN = "W2402", "W2420"


def stable_names(port: str, root: Path = SERIAL) -> tuple[Path, ...]:
    """The links under `root` that lead to the same device as `port` now; none where there is no such device."""
    device = os.path.realpath(port)
    links = [link for kind in _KINDS for link in _links(root / kind)]
    return tuple(link for link in links if os.path.realpath(link) == device and Path(device).exists())


def with_stable_names(notices: Sequence[Fault], root: Path = SERIAL) -> tuple[Fault, ...]:
    """The same notices; that of a port whose name may change tells the one that stays, where it is plugged in."""
    return tuple(_told(notice, root) if notice.code == _UNSTABLE else notice for notice in notices)


def _told(notice: Fault, root: Path) -> Fault:
    names = stable_names(str(notice.parameters["value"]), root)
    if not names:
        return notice
    return replace(notice, code=_KNOWN, parameters={**notice.parameters, "stable": names[0]})


def _links(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
