"""Where a waybill could be found after a run: in files, and in what was said."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
