"""The memory of the process: none is kept that is not used, neither by glibc's allocator nor by CPython's."""

from __future__ import annotations

import ctypes
import gc
import struct
import sys
from functools import cache

SWEEP_S = 10.0
"""CPython keeps up to 2,000 freed tuples of each of twenty lengths, and circles of what was freed, until a full
collection (gc_collect_main and clear_freelists in Modules/gcmodule.c). Left to itself it does one when the new objects
are a quarter of the old: this agent grew for half an hour, by two megabytes, until the hoards were full. More often
costs more: without its cache of attributes the interpreter runs slower for a while."""

CIRCLES = 50_000
"""CPython looks for circles each 700 new objects. A report makes some thousands that are gone after it, and what is
left the sweep finds; so they are looked for in between only where something makes them in masses."""

# <malloc.h>, mallopt(3)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE_BYTES = 128 << 10


def keep_little() -> None:
    """Tell glibc to give back at once what is large, and to keep one heap for all threads; before any thread starts.

    Of itself it raises the mark for "large" to the largest block that was ever freed: one look through a segment of the
    spool, and two megabytes are never given back. Other C libraries have no such call and need none.
    """
    mallopt = getattr(_libc(), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _LARGE_BYTES)


def settle(circles: int = CIRCLES) -> None:
    """Give back what reading the settings took, and never again go round what is here now; look for circles each time
    there are so many new objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(circles)
    give_back()


def give_back() -> None:
    """Return to the system what nobody has any more; after `settle` that takes less than half a millisecond.

    The cache of attributes keeps 4,096 names, and paho makes two dozen new ones for each message that it gets; that of
    struct keeps 100 formats, and paho makes two for each length of a message. A few bytes each, they hold a megabyte
    wherever they lie (an arena of obmalloc.c). glibc keeps what is freed otherwise (malloc_trim(3)).
    """
    gc.collect()
    _forget_formats()
    if sys.version_info < (3, 13):  # later ones keep less, and warn of this
        sys._clear_type_cache()
    trim()


def trim() -> None:
    """Return to the system the pages that glibc keeps of what is freed: those of a report, 0.1 MB."""
    malloc_trim = getattr(_libc(), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


def _forget_formats() -> None:
    forget = getattr(struct, "_clearcache", None)
    if forget is not None:
        forget()


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


class Sweep:
    """Gives back once in SWEEP_S, and in between what costs nothing."""

    def __init__(self) -> None:
        self._swept_s = 0.0

    def advance(self, now_s: float) -> None:
        """It is boot-clock second `now_s`."""
        if now_s - self._swept_s >= SWEEP_S:
            self._swept_s = now_s
            give_back()
        else:
            trim()
