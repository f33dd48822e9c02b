"""A serial line that keeps the time of a real one, emulated in C (line_emulator.c)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def emulated(words: Sequence[object], told: dict[str, Any]) -> Iterator[str]:
    """Run the emulator with these words; gives the name of its port, and afterwards `told` what went over it."""
    process = subprocess.Popen([*map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        said, _ = process.communicate()
        told |= json.loads(said)
