"""One thread of another process, stopped for good while the others go on, as ptrace(2) can: a worker that hangs."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uplink_rig import eventually

_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17  # <linux/ptrace.h>
_ALL_KINDS = 0x4000_0000  # __WALL: threads too
_NONE = "-1"
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def workers(pid: int) -> list[int]:
    """The threads of a process but for its main one, in the order of their birth."""
    return sorted(int(one.name) for one in Path(f"/proc/{pid}/task").iterdir() if int(one.name) != pid)


@contextmanager
def stopped(thread: int) -> Iterator[None]:
    """Let that thread hang where it waits for its wire, so without the interpreter's lock. It is let go, or its end is
    taken note of, behind. Raises OSError where ptrace is forbidden."""
    assert eventually(lambda: _halted(thread))
    try:
        yield
    finally:
        try:
            _ptrace(_DETACH, thread)
        except ProcessLookupError:
            os.waitpid(thread, _ALL_KINDS)


def _halted(thread: int) -> bool:
    """Stop it while it polls; False, and it goes on, where it did not or had just begun to do something else."""
    if "poll" not in Path(f"/proc/{thread}/wchan").read_text():
        return False
    polling = _call(thread)
    _ptrace(_SEIZE, thread)
    _ptrace(_INTERRUPT, thread)
    os.waitpid(thread, _ALL_KINDS)
    if _call(thread) == polling != _NONE:
        return True
    _ptrace(_DETACH, thread)
    return False


def _call(thread: int) -> str:
    """The number of the system call that the thread is in."""
    return Path(f"/proc/{thread}/syscall").read_text().split()[0]


def _ptrace(request: int, thread: int) -> None:
    if _LIBC.ptrace(request, thread, None, None) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
