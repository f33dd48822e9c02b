"""Modbus servers that others wrote, pymodbus and libmodbus, as devices of a test."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice


def registers(*values: int) -> list[SimData]:
    """Holding registers from 0 for a pymodbus server."""
    return [SimData(0, values=list(values), datatype=DataType.REGISTERS)]


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


@contextmanager
def pymodbus_serial(devices: list[SimDevice], port: str, framer: FramerType = FramerType.RTU) -> Iterator[None]:
    """A pymodbus server of these units on a serial port; requests to other units are not its own."""
    known = {device.id for device in devices}

    def swallow(sending: bool, frame: bytes) -> bytes:
        unit = int(frame[1:3], 16) if framer is FramerType.ASCII else frame[0]
        return b"" if sending and unit not in known else frame

    with _loop() as loop:

        async def start() -> ModbusSerialServer:
            server = ModbusSerialServer(devices, framer=framer, port=port, baudrate=115200, trace_packet=swallow)
            await server.serve_forever(background=True)
            return server

        server = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(server.shutdown(), loop).result(60)


@contextmanager
def pymodbus_gateway(
    devices: list[SimDevice], framer: FramerType = FramerType.SOCKET, secured: ssl.SSLContext | None = None
) -> Iterator[int]:
    """A pymodbus TCP server of several units, in any framing or over TLS; gives its port."""
    with _loop() as loop:

        async def start() -> ModbusTcpServer:
            address = ("127.0.0.1", 0)
            if secured is None:
                server = ModbusTcpServer(devices, framer=framer, address=address)
            else:
                server = ModbusTlsServer(devices, address=address, sslctx=secured)
            await server.serve_forever(background=True)
            return server

        server = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
        try:
            yield server.transport.sockets[0].getsockname()[1]
        finally:
            asyncio.run_coroutine_threadsafe(server.shutdown(), loop).result(60)


@contextmanager
def libmodbus_on(program: Path, unit: int, port: str) -> Iterator[None]:
    """The C server as one unit on a serial port."""
    command = [program, "rtu", str(unit), port]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "0\n"
        yield
        server.communicate()
    assert server.returncode == 0
