"""With which exit code a verb ends where the system refuses: those of sysexits.h, as `hubpulse --help` lists them."""

from __future__ import annotations

import os

FAILED = 1


def status(error: OSError) -> int:
    """77 where this user may not, 66 where there is no such file, 73 where it is there already, else 1."""
    match error:
        case PermissionError():
            return os.EX_NOPERM
        case FileNotFoundError() | NotADirectoryError():
            return os.EX_NOINPUT
        case FileExistsError():
            return os.EX_CANTCREAT
        case _:
            return FAILED
