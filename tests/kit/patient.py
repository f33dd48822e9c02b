"""The agent as a process that may take its time over its last words: a busy machine needs more than it gives them."""

from __future__ import annotations

import sys

_UNHURRIED = "import runpy; from agent import service; service.UPLINK_STOP_S = 60.0; \
runpy.run_module('agent', run_name='__main__', alter_sys=True)"
PATIENT_AGENT = (sys.executable, "-c", _UNHURRIED)
"""What `python -m agent` is, before the verb."""
