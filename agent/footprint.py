"""The memory of the process: what its start took is given back, and what CPython hoards is freed once a minute."""

from __future__ import annotations

import ctypes
import gc

SWEEP_S = 60.0
"""CPython keeps up to 2,000 freed tuples of each of twenty lengths, and circles of what was freed, until a full
collection (gc_collect_main and clear_freelists in Modules/gcmodule.c). Left to itself it does one when the new objects
are a quarter of the old: this agent grew for half an hour, by two megabytes, until the hoards were full."""


def settle() -> None:
    """Return to the system what reading the settings took, and never again go round what is here now.

    glibc keeps what is freed otherwise (malloc_trim(3)).
    """
    gc.collect()
    gc.freeze()
    # Once more: this is where the collector counts what it takes for old, and all that is frozen now.
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Sweep:
    """A full collection each SWEEP_S; of what came after `settle`, so it takes about a millisecond."""

    def __init__(self) -> None:
        self._swept_s = 0.0

    def advance(self, now_s: float) -> None:
        """It is boot-clock second `now_s`."""
        if now_s - self._swept_s >= SWEEP_S:
            self._swept_s = now_s
            gc.collect()
