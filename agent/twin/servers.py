"""The wires of the twin: one pymodbus server a bus, and units that can fall silent, answer late or be pulled out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from pymodbus import pymodbus_apply_logging_config
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer
from pymodbus.server.base import ModbusBaseServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import SimDevice

from agent.twin.certificates import Certificates
from agent.twin.host import Host
from agent.twin.loopback import LOOPBACK, is_loopback
from agent.twin.pty_line import PtyLine, PtyWire
from config.bus_settings import Framing, SerialBus, TcpBus

pymodbus_apply_logging_config(logging.CRITICAL)  # it prints every lost connection

_FRAMERS: Mapping[Framing, FramerType] = MappingProxyType(
    {"tcp": FramerType.SOCKET, "rtu": FramerType.RTU, "ascii": FramerType.ASCII}
)


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
    """A server on the loopback that speaks as its bus does; `port` 0 takes a free one at the first start and keeps it.

    A device behind TLS shows what `certificates` holds.
    """

    def __init__(self, bus: TcpBus, devices: Sequence[SimDevice], certificates: Certificates) -> None:
        self.manners = Manners([device.id for device in devices])
        self._bus = bus
        self._devices = list(devices)
        self._certificates = certificates
        self._host, self._port = (bus.host, bus.port) if is_loopback(bus.host) else (LOOPBACK, 0)
        self._server: _TcpServer | _TlsServer | None = None

    @property
    def address(self) -> str:
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    @property
    def plugged(self) -> bool:
        return self._server is not None

    async def start(self) -> None:
        server = self._made()
        server.manners, server.framing = self.manners, self._bus.framing
        await _listen(server, self.address)
        self._port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self._server = server

    def _made(self) -> _TcpServer | _TlsServer:
        address = self._host, self._port
        if self._bus.tls is not None:
            return _TlsServer(self._devices, address=address, sslctx=self._certificates.server(self._bus.tls))
        return _TcpServer(self._devices, framer=_FRAMERS[self._bus.framing], address=address)

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


class SerialWire(PtyWire):
    """Modbus RTU or ASCII units on one line, reached through a pseudo-terminal under a name that stays.

    Where there is a `host`, it is the line's master.
    """

    def __init__(self, bus: SerialBus, devices: Sequence[SimDevice], link: Path, host: Host | None = None) -> None:
        super().__init__(link)
        self.manners = Manners([device.id for device in devices])
        self._bus = bus
        self._devices = list(devices)
        self._host = host
        self._server: _SerialServer | None = None

    async def start(self) -> None:
        self._line = PtyLine(self._link)
        framer, port = _FRAMERS[self._bus.framing], self._line.server_port
        self._server = _SerialServer(self._devices, framer=framer, port=port, baudrate=self._bus.baud)
        self._server.manners, self._server.line = self.manners, self._line
        self._server.framing = self._bus.framing
        await _listen(self._server, self.address)
        self._line.plug()
        if self._host is not None:
            self._host.start(self._line)

    async def close(self) -> None:
        if self._host is not None:
            await self._host.close()
        if self._server is not None and self._line is not None:
            await _end(self._server)
            self._line.close()
            self._server = self._line = None


class _Mannered:
    """A server of which every connection's replies go through the manners of the bus."""

    manners: Manners
    framing: Framing

    def callback_new_connection(self) -> ServerRequestHandler:
        talk: ServerRequestHandler = super().callback_new_connection()  # type: ignore[misc]
        talk.trace_packet = partial(self._pass_on, talk)
        return talk

    def _pass_on(self, talk: ServerRequestHandler, sending: bool, packet: bytes) -> bytes:
        unit = _unit_of(packet, self.framing) if sending else 0
        return self.manners.pass_on(unit, packet, partial(_write, talk)) if sending else packet


class _TcpServer(_Mannered, ModbusTcpServer):
    """Modbus TCP, or the bytes of a serial line over TCP."""


class _TlsServer(_Mannered, ModbusTlsServer):
    """Modbus TCP inside TLS."""


class _SerialServer(ModbusSerialServer):
    """The replies of all units go through the manners of the bus; late ones onto the line as it then is."""

    manners: Manners
    framing: Framing
    line: PtyLine

    def callback_new_connection(self) -> ServerRequestHandler:
        talk: ServerRequestHandler = super().callback_new_connection()  # type: ignore[no-untyped-call]
        talk.trace_packet = self._pass_on
        return talk

    def _pass_on(self, sending: bool, packet: bytes) -> bytes:
        unit = _unit_of(packet, self.framing) if sending else 0
        return self.manners.pass_on(unit, packet, self.line.say) if sending else packet


def _unit_of(packet: bytes, framing: Framing) -> int:
    """Whose reply this is."""
    if framing == "ascii":
        return int(packet[1:3], 16)
    return packet[6] if framing == "tcp" else packet[0]


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
