"""What systemd would set for our services, from the unit that is shipped and the one that is printed."""

from __future__ import annotations

import re
from pathlib import Path

import config

AGENT = Path(config.__file__).parent / "hubpulse.service"
MANUAL = Path(__file__).resolve().parents[2] / "docs" / "bureau.md"
_NAME = "/etc/systemd/system/hubpulse-bureau.service"


def agent_environment() -> dict[str, str]:
    """That of the agent."""
    return environment(AGENT.read_text("utf-8"))


def bureau_environment() -> dict[str, str]:
    """That of a bureau, as its manual prints the unit."""
    return environment(printed_unit(MANUAL.read_text("utf-8")))


def printed_unit(manual: str) -> str:
    """The unit of a bureau in a manual."""
    (unit,) = re.findall(rf"```ini\n# {_NAME}\n(.*?)```", manual, re.DOTALL)
    return str(unit)


def environment(unit: str) -> dict[str, str]:
    """What a unit sets, by name."""
    key = "Environment="
    lines = [line.removeprefix(key) for line in unit.splitlines() if line.startswith(key)]
    return dict(line.split("=", 1) for line in lines)
