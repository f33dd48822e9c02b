"""A serial line without hardware: two pseudo-terminals back to back, and a cable between them that can be pulled."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
import tty
from pathlib import Path

_CHUNK = 4096


class PtyLine:
    """The devices' server opens `server_port`; an agent opens `link`, a name that stays through every re-plugging.

    Must live in a running event loop. Close it, or two pairs of descriptors and the name remain.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self._loop = asyncio.get_running_loop()
        self._inner = _Pty()
        self.server_port = self._inner.name
        self._outer: _Pty | None = None
        self._loop.add_reader(self._inner.master, self._to_agent)

    @property
    def plugged(self) -> bool:
        return self._outer is not None

    @property
    def unread(self) -> int:
        """Bytes on the agent's end that nobody has read; 0 also while it is not plugged."""
        return 0 if self._outer is None else self._outer.unread

    def plug(self) -> None:
        """A new adapter appears under the old name. Does nothing when one is there."""
        if self._outer is None:
            self._outer = _Pty()
            self._loop.add_reader(self._outer.master, self._to_server)
            _point(self.link, self._outer.name)

    def unplug(self) -> None:
        """The adapter is pulled: its name goes, and who has it open reads end of file or EIO."""
        if self._outer is not None:
            self._loop.remove_reader(self._outer.master)
            self.link.unlink(missing_ok=True)
            self._outer.close()
            self._outer = None

    def close(self) -> None:
        """Take the whole line away."""
        self.unplug()
        self._loop.remove_reader(self._inner.master)
        self._inner.close()

    def say(self, packet: bytes) -> None:
        """Put bytes on the agent's end now; lost when it is not plugged or does not read."""
        if self._outer is not None:
            _write(self._outer.master, packet)

    def ask(self, packet: bytes) -> None:
        """Another master asks: the devices hear it, and so does who listens at the agent's end."""
        _write(self._inner.master, packet)
        self.say(packet)

    def _to_agent(self) -> None:
        self.say(_read(self._inner.master))

    def _to_server(self) -> None:
        if self._outer is not None:
            _write(self._inner.master, _read(self._outer.master))


class PtyWire:
    """What all wires that lead over such a line have in common: a name that stays, and the cable."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._line: PtyLine | None = None

    @property
    def address(self) -> str:
        return str(self._link)

    @property
    def plugged(self) -> bool:
        return self._line is not None and self._line.plugged

    async def plug(self) -> None:
        if self._line is not None:
            self._line.plug()

    async def unplug(self) -> None:
        if self._line is not None:
            self._line.unplug()


class _Pty:
    """One raw pseudo-terminal. Its far end stays open here too: without it the master reads EIO for ever."""

    def __init__(self) -> None:
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.name = os.ttyname(self._slave)

    @property
    def unread(self) -> int:
        return int(struct.unpack("i", fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)))[0])

    def close(self) -> None:
        os.close(self.master)
        os.close(self._slave)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK)
    except (BlockingIOError, OSError):
        return b""


def _write(descriptor: int, chunk: bytes) -> None:
    """Like a wire: what nobody takes is gone."""
    try:
        os.write(descriptor, chunk)
    except OSError:
        return


def _point(link: Path, target: str) -> None:
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
