"""Whether this user may open a port, and if not, which group opens it and what has to be done for that."""

from __future__ import annotations

import getpass
import grp
import os
import pwd
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from agent.commission import ComplaintError

Barrier = Literal["", "no_permission", "log_in_again", "roots_alone"]
"""Nothing in the way; to join its group; to log in anew, as who joined it since; only root may open it."""

_CODES = {"no_permission": "E2604", "log_in_again": "E2627", "roots_alone": "E2628"}
_ROOT = "root"  # whose group opens all of the machine: nobody should join it
_GROUPS_MAY = 0o060


def barrier(port: Path) -> Barrier:
    """What keeps this user from the port."""
    if os.access(port, os.R_OK | os.W_OK):
        return ""
    group = group_of(port)
    if group == _ROOT or not _opens_to_its_group(port):
        return "roots_alone"
    return "log_in_again" if group in _joined(user()) else "no_permission"


def complaint(port: str) -> ComplaintError:
    """What to say of a port that the system did not let this user open."""
    device = Path(port)
    return ComplaintError(_CODES[barrier(device) or "roots_alone"], 77, port=port, group=group_of(device), user=user())


def group_of(port: Path) -> str:
    """The port's group; that of serial ports where the system does not say."""
    try:
        return port.group()
    except (OSError, KeyError):
        return "dialout"


def user() -> str:
    """Who asks, also through sudo."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def _opens_to_its_group(port: Path) -> bool:
    try:
        return port.stat().st_mode & _GROUPS_MAY == _GROUPS_MAY
    except OSError:
        return False


def _joined(name: str) -> Iterable[str]:
    """The groups that user is in from the next login on."""
    try:
        numbers = os.getgrouplist(name, pwd.getpwnam(name).pw_gid)
    except KeyError:
        return ()
    return {one.gr_name for one in grp.getgrall() if one.gr_gid in numbers}
