"""What other programs of this machine know of the service: systemd of its unit, the journal of what it logged."""

from __future__ import annotations

import os
import subprocess

UNIT = "hubpulse"
_PATIENCE_S = 30.0
_SHOWN = (
    "LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainCode,ExecMainStatus,ExecMainStartTimestamp,"
    "ActiveEnterTimestamp,InactiveEnterTimestamp,NRestarts,MemoryCurrent,TasksCurrent,"
    "WatchdogTimestamp,StatusText,FragmentPath,DropInPaths,NeedDaemonReload"
)
"""Nothing of what is set for the unit: an Environment= may hold a password."""


class NotToldError(Exception):
    """The program is not here, or tells nothing; the text says why."""


def unit() -> dict[str, object]:
    """How systemd sees the service, by property. Raises NotToldError."""
    said = _said("systemctl", "show", f"--property={_SHOWN}", f"{UNIT}.service")
    pairs = (line.partition("=") for line in said.splitlines())
    return {name: int(value) if value.isdecimal() else value for name, _, value in pairs}


def journal(lines: int) -> str:
    """The last lines that the service and systemd of it logged, oldest first. Raises NotToldError."""
    form = ("--no-pager", "--no-hostname", "--output=short-iso")
    return _said("journalctl", f"--unit={UNIT}", f"--lines={lines}", *form)


def _said(*command: str) -> str:
    spoken = {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - names are ours, and the user's own PATH
            command, capture_output=True, env=spoken, stdin=subprocess.DEVNULL, timeout=_PATIENCE_S, check=False
        )
    except FileNotFoundError:
        raise NotToldError(f"{command[0]} is not on this machine") from None
    except subprocess.TimeoutExpired:
        raise NotToldError(f"{command[0]} did not answer within {_PATIENCE_S:.0f} s") from None
    except OSError as error:
        raise NotToldError(f"{command[0]}: {error.strerror}") from error
    said, complaint = (octets.decode("utf-8", "replace").strip() for octets in (done.stdout, done.stderr))
    if done.returncode or not said or said == "-- No entries --":
        raise NotToldError(f"{command[0]}: {(complaint or said or 'nothing').splitlines()[0]}")
    return f"{said}\n"
