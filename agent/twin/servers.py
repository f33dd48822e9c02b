"""The wires of the twin: one pymodbus server a bus, and units that can fall silent, answer late or be pulled out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from pymodbus import pymodbus_apply_logging_config
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.server.base import ModbusBaseServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import SimDevice

from agent.twin.loopback import LOOPBACK
from agent.twin.pty_line import PtyLine
from config.settings import SerialBus

pymodbus_apply_logging_config(logging.CRITICAL)  # it prints every lost connection


class Wire(Protocol):
    """One bus with its devices behind it."""

    manners: Manners

    @property
    def address(self) -> str:
        """What stands in the settings to reach it: `host:port`, or the port's path."""
        ...

    @property
    def plugged(self) -> bool: ...

    async def start(self) -> None:
        """Begin to serve. Raises OSError where the address cannot be had."""
        ...

    async def plug(self) -> None: ...

    async def unplug(self) -> None: ...

    async def close(self) -> None: ...


class Manners:
    """How the units of one bus answer. A unit that is not on the bus never does."""

    def __init__(self, units: Sequence[int]) -> None:
        self._units = frozenset(units)
        self.silent: set[int] = set()
        self.delays_s: dict[int, float] = {}

    def answers(self, unit: int) -> bool:
        """Whether a reply of `unit` goes out, now or later."""
        return unit in self._units and unit not in self.silent

    def pass_on(self, unit: int, packet: bytes, late: Callable[[bytes], None]) -> bytes:
        """What of a reply goes out at once; a delayed one is given to `late(packet)` when its time has come."""
        if not self.answers(unit):
            return b""
        if delay_s := self.delays_s.get(unit, 0.0):
            asyncio.get_running_loop().call_later(delay_s, late, packet)
            return b""
        return packet


class TcpWire:
    """A Modbus TCP server on the loopback; `port` 0 takes a free one at the first start and keeps it."""

    def __init__(self, devices: Sequence[SimDevice], port: int, host: str = LOOPBACK) -> None:
        self.manners = Manners([device.id for device in devices])
        self._devices = list(devices)
        self._host, self._port = host, port
        self._server: _TcpServer | None = None

    @property
    def address(self) -> str:
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    @property
    def plugged(self) -> bool:
        return self._server is not None

    async def start(self) -> None:
        server = _TcpServer(self._devices, address=(self._host, self._port))
        server.manners = self.manners
        await _listen(server, self.address)
        self._port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self._server = server

    async def plug(self) -> None:
        """Listen again, on the same port."""
        if self._server is None:
            await self.start()

    async def unplug(self) -> None:
        """Refuse connections and drop those that are there."""
        if self._server is not None:
            await _end(self._server)
            self._server = None

    close = unplug


class SerialWire:
    """Modbus RTU units on one line, reached through a pseudo-terminal under a name that stays."""

    def __init__(self, bus: SerialBus, devices: Sequence[SimDevice], link: Path) -> None:
        self.manners = Manners([device.id for device in devices])
        self._baud = bus.baud
        self._devices = list(devices)
        self._link = link
        self._line: PtyLine | None = None
        self._server: _SerialServer | None = None

    @property
    def address(self) -> str:
        return str(self._link)

    @property
    def plugged(self) -> bool:
        return self._line is not None and self._line.plugged

    async def start(self) -> None:
        self._line = PtyLine(self._link)
        self._server = _SerialServer(self._devices, port=self._line.server_port, baudrate=self._baud)
        self._server.manners, self._server.line = self.manners, self._line
        await _listen(self._server, self.address)
        self._line.plug()

    async def plug(self) -> None:
        if self._line is not None:
            self._line.plug()

    async def unplug(self) -> None:
        if self._line is not None:
            self._line.unplug()

    async def close(self) -> None:
        if self._server is not None and self._line is not None:
            await _end(self._server)
            self._line.close()
            self._server = self._line = None


class _TcpServer(ModbusTcpServer):
    """Every connection's replies go through the manners of the bus."""

    manners: Manners

    def callback_new_connection(self) -> ServerRequestHandler:
        talk: ServerRequestHandler = super().callback_new_connection()  # type: ignore[no-untyped-call]
        talk.trace_packet = partial(self._pass_on, talk)
        return talk

    def _pass_on(self, talk: ServerRequestHandler, sending: bool, packet: bytes) -> bytes:
        return self.manners.pass_on(packet[6], packet, partial(_write, talk)) if sending else packet


class _SerialServer(ModbusSerialServer):
    """The replies of all units go through the manners of the bus; late ones onto the line as it then is."""

    manners: Manners
    line: PtyLine

    def callback_new_connection(self) -> ServerRequestHandler:
        talk: ServerRequestHandler = super().callback_new_connection()  # type: ignore[no-untyped-call]
        talk.trace_packet = self._pass_on
        return talk

    def _pass_on(self, sending: bool, packet: bytes) -> bytes:
        return self.manners.pass_on(packet[0], packet, self.line.say) if sending else packet


async def _listen(server: ModbusBaseServer, address: str) -> None:
    try:
        await server.serve_forever(background=True)
    except RuntimeError:
        raise OSError(f"cannot listen on {address}") from None


async def _end(server: ModbusBaseServer) -> None:
    await server.shutdown()  # type: ignore[no-untyped-call]


def _write(talk: ServerRequestHandler, packet: bytes) -> None:
    """Say `packet` if the connection that asked for it is still there."""
    if isinstance(talk.transport, asyncio.Transport):
        talk.transport.write(packet)
