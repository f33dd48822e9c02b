"""Whether an agent can be talked to: its control socket is there a moment before it listens, and outlives a kill."""

from __future__ import annotations

from pathlib import Path

from agent.control.remote import Remote


def listens_at(path: Path) -> bool:
    try:
        with Remote(path):
            return True
    except OSError:
        return False
