"""Wires of the site: serial lines and TCP connections, and how they are spoken on, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from config.uplink_settings import Tls

Parity = Literal["none", "even", "odd"]
Framing = Literal["tcp", "rtu", "ascii"]
LineFraming = Literal["rtu", "ascii"]
BusRole = Literal["master", "listen"]


@dataclass(frozen=True, slots=True)
class Rs485:
    """The kernel turns the transceiver of a two-wire line with RTS, so many milliseconds before and after sending."""

    before_ms: int = 0
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class SerialBus:
    """An RS-485 or RS-232 line spoken in Modbus RTU or ASCII, `port` as the operator wrote it (by-path or by-id).

    `turnaround_s` is what its devices take to begin an answer, `adapter_latency_s` how long the adapter holds back
    what it received: both are for the budget of the line and change nothing on it. Without `rs485` nothing turns the
    transceiver, or the adapter does it by itself. In the role `listen` another master asks, and nothing is ever sent.
    """

    id: str
    port: str
    baud: int
    parity: Parity
    stop_bits: Literal[1, 2]
    timeout_s: float
    turnaround_s: float = 0.02
    adapter_latency_s: float = 0.001
    data_bits: Literal[7, 8] = 8
    framing: LineFraming = "rtu"
    rs485: Rs485 | None = None
    role: BusRole = "master"


@dataclass(frozen=True, slots=True)
class BusTls:
    """Modbus/TCP Security: `files` verify the device and prove us to it; its certificate is for `server_name`."""

    files: Tls
    server_name: str


@dataclass(frozen=True, slots=True)
class TcpBus:
    """One TCP connection: a device of its own, or a gateway with several units behind it.

    With the framing rtu or ascii it leads to a serial line: a converter passes its bytes on as they are.
    """

    id: str
    host: str
    port: int
    timeout_s: float
    framing: Framing = "tcp"
    tls: BusTls | None = None


Bus = SerialBus | TcpBus
