"""Modbus servers that are not of this project, for tests: libmodbus in C over TCP and a PTY, pymodbus over TCP."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import SimDevice

SOURCE = Path(__file__).parent / "libmodbus_server.c"


def build_libmodbus_server(into: Path) -> Path:
    """Compile the C server; needs gcc and libmodbus-dev."""
    program = into / "libmodbus_server"
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-o", program, SOURCE, "-lmodbus"], check=True)
    return program


@contextmanager
def _started(*command: str | Path) -> Iterator[int]:
    """A server that prints one number when it listens and ends when its standard input does."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.communicate()
    assert server.returncode == 0


@contextmanager
def libmodbus_tcp(program: Path, unit: int) -> Iterator[int]:
    """The C server on a loopback port; gives the port."""
    with _started(program, "tcp", str(unit)) as port:
        yield port


@contextmanager
def libmodbus_pty(program: Path, unit: int) -> Iterator[int]:
    """The C server on one end of a PTY; gives the file descriptor of the other."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    try:
        with _started(program, "rtu", str(unit), os.ttyname(theirs)):
            yield ours
    finally:
        os.close(ours)
        os.close(theirs)


@contextmanager
def pymodbus_tcp(device: SimDevice) -> Iterator[int]:
    """A pymodbus server of one device on a loopback port, in a thread of its own; gives the port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> ModbusTcpServer:
        server = ModbusTcpServer(device, address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        return server

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
    try:
        yield cast(asyncio.Server, server.transport).sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(server.shutdown(), loop).result(60)  # type: ignore[no-untyped-call]
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
