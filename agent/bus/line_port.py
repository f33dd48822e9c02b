"""The way to a line: a serial port of this machine, or a connection to a converter that passes its bytes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.bus.tcp_dial import Patience
from agent.bus.turn import Turn
from agent.bus.waiter import Waiter
from config.bus_settings import SerialBus, TcpBus
from drivers import Guard


class Port(Protocol):
    """An open line, as `serial_port.SerialPort` is one."""

    def now(self) -> float: ...
    def wait(self, until_s: float) -> bool: ...
    def pause(self, until_s: float) -> None: ...
    def read(self) -> bytes: ...
    def turn(self, request: bytes, begin_s: float, reply_s: float) -> Turn | None: ...


class LinePort(Port, Protocol):
    """An open line that can be let go."""

    def close(self) -> None: ...


Way = Callable[[Waiter], LinePort]
"""Opens the line; raises LinkError."""


def way_to(bus: SerialBus | TcpBus, guard: Guard) -> Way:
    """How to open the line of `bus`, to send what `guard` lets pass."""
    if isinstance(bus, SerialBus):
        # Three megabytes that a site without serial lines need not carry.
        from agent.bus.serial_port import SerialPort

        return lambda waiter: SerialPort.open(bus, waiter, guard)
    from agent.bus.tcp_port import Converter

    return Converter(bus, guard).open


def patience_with(bus: SerialBus | TcpBus) -> Patience:
    """How long to wait between two tries: a stick plugged in again is read within two seconds."""
    return Patience(0.1, 1.0) if isinstance(bus, SerialBus) else Patience()
