"""The door for people on this machine: a Unix socket to the running agent, through which everything can be read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

SOCKET = "control.sock"
DEFAULT_FOLDER = Path("/run/hubpulse")
LONGEST_LINE = 4096
"""Bytes of a request with its end of line. A reply is longer: it may hold 2000 bits."""


class ControlError(Exception):
    """What was asked for was refused; `reason` is a stable code, `detail` is for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


def default_socket(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the agent of this machine listens: in the directory that systemd made for it (RuntimeDirectory=)."""
    return Path(environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] or DEFAULT_FOLDER) / SOCKET
