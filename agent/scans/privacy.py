"""Waybill numbers pass through this process's memory; no image of that memory may be written or read."""

from __future__ import annotations

import ctypes

_PR_SET_DUMPABLE = 4  # <linux/prctl.h>


def forbid_core_images() -> None:
    """No core file, whatever the system's settings, and no other program of our user looks in (prctl(2)).

    Raises OSError where the kernel refuses, which none does.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no core images cannot be had")
