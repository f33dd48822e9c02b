"""Runs the command as a user whom file permissions bind: root, under whom tests may run, is bound by none."""

from __future__ import annotations

import os
import subprocess
import sys

_BOUND = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-dac_override,-dac_read_search")


def hubpulse(*words: str) -> subprocess.CompletedProcess[str]:
    """`hubpulse` with these words, to its end."""
    before = _BOUND if os.geteuid() == 0 else ()
    return subprocess.run(
        [*before, sys.executable, "-m", "agent", *words], capture_output=True, text=True, check=False, timeout=120
    )
