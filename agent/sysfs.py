"""What the kernel tells in small files: nothing where it cannot be read, for a device may go while it is asked."""

from __future__ import annotations

from pathlib import Path


def text(file: Path) -> str:
    """What stands in it, without the white space and the NUL at its end; empty where it cannot be read."""
    try:
        return file.read_text().strip("\0 \n")
    except (OSError, ValueError):
        return ""


def found(root: Path, pattern: str) -> list[Path]:
    """The files below `root` of that pattern; none where a folder cannot be listed."""
    try:
        return sorted(root.glob(pattern))
    except OSError:
        return []
