"""How the reader calls hubpulse here: as an installed command, or through the clone's ./dev."""

from __future__ import annotations

import shutil
from pathlib import Path


def hubpulse() -> str:
    """The word or words before the verb, so that a printed line works when it is typed in this folder."""
    dev = Path(__file__).resolve().parents[2] / "dev"
    if shutil.which("hubpulse") or not dev.is_file():
        return "hubpulse"
    return "./dev run" if dev.parent == Path.cwd() else f"{dev} run"
