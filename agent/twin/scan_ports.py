"""The ends of a simulated scanner's wires: a socket that waits, a socket that dials, a pseudo-terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import struct
import termios
import tty
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from agent.twin.loopback import LOOPBACK, free_port

_DIAL_AGAIN_S = 0.2
_DRAIN_S = 2.0
_GRACE_S = 0.3
_DRAIN_STEP_S = 0.01
_EMPTY_LOOKS = 10


class ScanPort(Protocol):
    """One wire of a scanner. Only one reader is heard at a time."""

    @property
    def address(self) -> str:
        """What stands in the settings to reach it: `host:port`, or the line's path."""
        ...

    @property
    def heard(self) -> bool:
        """Whether somebody is connected now."""
        ...

    @property
    def plugged(self) -> bool: ...

    def write(self, octets: bytes) -> int:
        """How many of these bytes were taken; 0 while a reader is slow or there is none."""
        ...

    async def plug(self) -> None:
        """Be there. Raises OSError where the address cannot be had."""
        ...

    async def unplug(self) -> None:
        """Go, once the reader has what was written."""
        ...


class _Talk(asyncio.Protocol):
    """The one connection of a port; a second one is closed at once, as scanners do."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None

    @property
    def up(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self.up:
            transport.abort()
        else:
            self._transport = transport

    def write(self, octets: bytes) -> int:
        if self._transport is None or not self.up or self._transport.get_write_buffer_size():
            return 0
        self._transport.write(octets)
        return len(octets)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _LoopbackPort:
    """One connection on the loopback, whoever makes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._talk = _Talk()

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self._port}"

    @property
    def heard(self) -> bool:
        return self._talk.up

    def write(self, octets: bytes) -> int:
        return self._talk.write(octets)


class WaitingPort(_LoopbackPort):
    """A scanner that listens on the loopback; `port` 0 takes a free one at first and keeps it."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._server: asyncio.Server | None = None

    @property
    def plugged(self) -> bool:
        return self._server is not None

    async def plug(self) -> None:
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: self._talk, LOOPBACK, self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._talk.close()


class DialingPort(_LoopbackPort):
    """A scanner that connects to whoever listens on `port` of the loopback, again and again; 0 finds a free one."""

    def __init__(self, port: int) -> None:
        super().__init__(port or free_port())
        self._dialing: asyncio.Task[None] | None = None

    @property
    def plugged(self) -> bool:
        return self._dialing is not None

    async def plug(self) -> None:
        if self._dialing is None:
            self._dialing = asyncio.create_task(self._dial())

    async def unplug(self) -> None:
        if self._dialing is not None:
            self._dialing.cancel()
            self._dialing = None
        self._talk.close()

    async def _dial(self) -> None:
        while True:
            if not self._talk.up:
                with suppress(OSError):
                    await asyncio.get_running_loop().create_connection(lambda: self._talk, LOOPBACK, self._port)
            await asyncio.sleep(_DIAL_AGAIN_S)


class LinePort:
    """A scanner on a serial line: a pseudo-terminal under the name `link`, which stays through every re-plugging."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._master = -1
        self._far_end = ""

    @property
    def address(self) -> str:
        return str(self._link)

    @property
    def heard(self) -> bool:
        """A pseudo-terminal hangs up when nobody has its far end open."""
        if not self._link.is_symlink() or self._master < 0:
            return False
        state = select.poll()
        state.register(self._master, select.POLLHUP)
        return not state.poll(0)

    @property
    def plugged(self) -> bool:
        return self._master >= 0

    def write(self, octets: bytes) -> int:
        try:
            return os.write(self._master, octets)
        except OSError:
            return 0

    async def plug(self) -> None:
        if self._master < 0:
            self._master, far_end = os.openpty()
            tty.setraw(far_end)
            self._far_end = os.ttyname(far_end)
            os.close(far_end)
            os.set_blocking(self._master, False)
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self._far_end)

    async def unplug(self) -> None:
        if self._master >= 0:
            self._link.unlink(missing_ok=True)
            await self._drained()
            master, self._master = self._master, -1
            os.close(master)

    async def _drained(self) -> None:
        """Wait until what was written has been read: a hang-up throws the rest away. For a moment the kernel may have
        bytes on the way that neither end has, so nothing must be unread several times in a row."""
        try:
            far_end = os.open(self._far_end, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:  # locked by its reader; only root may look
            await asyncio.sleep(_GRACE_S)
            return
        empty = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                while empty < _EMPTY_LOOKS:
                    await asyncio.sleep(_DRAIN_STEP_S)
                    empty = 0 if _unread(far_end) else empty + 1
        os.close(far_end)


def _unread(descriptor: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))[0])
