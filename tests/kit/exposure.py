"""How exposed the shipped unit is, as systemd rates it: 0 is best, 10 worst; prints one JSON object."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from agent.cli import install


def exposure(folder: Path) -> float | None:
    """The rating; None where systemd is not installed."""
    if not shutil.which("systemd-analyze"):
        return None
    unit = folder / "hubpulse.service"
    unit.write_text(install.unit_text("/bin/true"))
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", unit]
    rated = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", rated.stdout)
    return float(found[1]) if found else None


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="hubpulse-unit-") as name:
        rating = exposure(Path(name))
    if rating is None:
        sys.exit("exposure: systemd-analyze is not installed")
    print(json.dumps({"exposure": rating}))
