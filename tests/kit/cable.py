"""Two machines and a cable between them, as network namespaces: cut it, and packets vanish while nobody hangs up.

A namespace has no name and ends with its last descriptor and process: nothing is left behind. Root is needed, and
iproute2; the packets are lost as by a switch that died: each side sends them on to a station that is not there.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType

_CLONE_NEWNET = 0x4000_0000  # <linux/sched.h>
_MINE = "/proc/thread-self/ns/net"
_NOBODY = "02:00:00:00:00:77"
_LIBC = ctypes.CDLL(None, use_errno=True)
NEAR, FAR = "192.0.2.1", "192.0.2.2"  # RFC 5737


def why_not() -> str:
    """Why there can be no cable here; empty where there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "there is no ip (iproute2)"
    try:
        with Cable():
            return ""
    except (OSError, subprocess.CalledProcessError) as refusal:
        return f"the kernel refuses network namespaces: {refusal}"


class Cable:
    """What is started inside `near` or `far` stays there, threads and processes alike."""

    def __enter__(self) -> Cable:
        self._near, self._far = _namespace(), _namespace()
        with _inside(self._near):
            _ip("link", "add", "near", "type", "veth", "peer", "name", "far", "netns", f"/proc/self/fd/{self._far}")
        for namespace, name, address in ((self._near, "near", NEAR), (self._far, "far", FAR)):
            with _inside(namespace):
                _ip("addr", "add", f"{address}/30", "dev", name)
                _ip("link", "set", "lo", "up")
                _ip("link", "set", name, "up")
        return self

    def near(self) -> AbstractContextManager[None]:
        """Let this thread live on the near side for a while."""
        return _inside(self._near)

    def far(self) -> AbstractContextManager[None]:
        return _inside(self._far)

    def cut(self) -> None:
        """From now on what either side sends reaches nobody."""
        self._neighbours("replace", "lladdr", _NOBODY, "nud", "permanent")

    def mend(self) -> None:
        self._neighbours("del")

    def _neighbours(self, verb: str, *words: str) -> None:
        for namespace, name, peer in ((self._near, "near", FAR), (self._far, "far", NEAR)):
            with _inside(namespace):
                _ip("neigh", verb, peer, "dev", name, *words)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._near)
        os.close(self._far)


def _namespace() -> int:
    """A descriptor of a new one."""
    home = os.open(_MINE, os.O_RDONLY)
    try:
        _checked(_LIBC.unshare(_CLONE_NEWNET))
        made = os.open(_MINE, os.O_RDONLY)
        _checked(_LIBC.setns(home, _CLONE_NEWNET))
    finally:
        os.close(home)
    os.set_inheritable(made, True)
    return made


@contextmanager
def _inside(namespace: int) -> Iterator[None]:
    home = os.open(_MINE, os.O_RDONLY)
    _checked(_LIBC.setns(namespace, _CLONE_NEWNET))
    try:
        yield
    finally:
        _checked(_LIBC.setns(home, _CLONE_NEWNET))
        os.close(home)


def _checked(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, close_fds=False)
