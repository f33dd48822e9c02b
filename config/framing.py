"""How a bus is spoken: framing, the bits of a character, the turning of a line, TLS; and what cannot be meant."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from config.bus_settings import BusTls, Framing, LineFraming, Parity, Rs485
from config.hosts import is_host
from config.profiles import PARITIES
from config.table import Table
from config.uplink_settings import Tls

LINE_KEYS = ("baud", "data_bits", "parity", "stop_bits", "turnaround_s", "adapter_latency_s")
RS485_KEYS = ("rs485", "rts_before_ms", "rts_after_ms")

_FRAMINGS: tuple[Framing, ...] = get_args(Framing)
_LINE_FRAMINGS: tuple[LineFraming, ...] = get_args(LineFraming)
_MOST_RTS_MS = 100


class Characters(NamedTuple):
    """The characters of a serial line."""

    data_bits: Literal[7, 8]
    parity: Parity
    stop_bits: Literal[1, 2]

    def __str__(self) -> str:
        """As people write it, 8N1 for one."""
        return f"{self.data_bits}{self.parity[0].upper()}{self.stop_bits}"


_STANDARD_ASCII = ("7E1", "7O1", "7N2", "8N1")


def characters(table: Table, framing: LineFraming) -> Characters:
    """What a character of the line is; left out, what the framing's standard says (8N1, ASCII 7E1).

    RTU needs all eight bits. ASCII characters have ten bits by the standard (MODBUS over Serial Line V1.02, 2.5.2),
    less is a fault, and more a notice: some devices do it.
    """
    usual_bits = 7 if framing == "ascii" else 8
    data_bits: Literal[7, 8] = 7 if table.choice("data_bits", usual_bits, (7, 8)) == 7 else 8
    parity = table.choice("parity", "even" if data_bits == 7 else "none", PARITIES)
    usual_stop = 2 if data_bits == 7 and parity == "none" else 1
    stop_bits: Literal[1, 2] = 2 if table.choice("stop_bits", usual_stop, (1, 2)) == 2 else 1
    made = Characters(data_bits, parity, stop_bits)
    if framing == "rtu" and data_bits == 7:
        table.fault("data_bits", "E2230")
    elif framing == "ascii" and str(made) == "7N1":
        table.fault("stop_bits" if "stop_bits" in table else "parity", "E2231")
    elif framing == "ascii" and str(made) not in _STANDARD_ASCII:
        key = next((key for key in ("stop_bits", "parity", "data_bits") if key in table), "framing")
        table.fault(key, "W2421", said=made)
    return made


def line_framing(table: Table) -> LineFraming:
    """How a serial bus is spoken. Modbus TCP has no checksum, so it cannot go over a line."""
    if table.choice("framing", "rtu", _FRAMINGS) == "tcp":
        table.fault("framing", "E2232")
    return table.choice("framing", "rtu", _LINE_FRAMINGS) if table.faultless("framing") else "rtu"


def tcp_framing(table: Table) -> Framing:
    """How a TCP bus is spoken; TLS goes with Modbus TCP only."""
    framing = table.choice("framing", "tcp", _FRAMINGS)
    if framing != "tcp" and "tls" in table:
        table.fault("framing", "E2233", value=framing)
    return framing


def rs485(table: Table) -> Rs485 | None:
    """Whether the kernel turns the line, and how long before and after."""
    wanted = table.flag("rs485", False)
    before_ms = table.whole("rts_before_ms", 0, 0, _MOST_RTS_MS)
    after_ms = table.whole("rts_after_ms", 0, 0, _MOST_RTS_MS)
    for key in RS485_KEYS[1:]:
        if key in table and not wanted and table.faultless("rs485"):
            table.fault(key, "E2214", other="rs485 = true")
    return Rs485(before_ms, after_ms) if wanted else None


def tls(table: Table, host: str) -> BusTls | None:
    """The files of a bus spoken over TLS, and whose certificate the device has: `host` where nothing else is said."""
    if "tls" not in table:
        return None
    inner = table.table("tls")
    inner.require("ca_file")
    ca_file, cert_file = inner.path("ca_file", None), inner.path("cert_file", None)
    key_file = inner.path("key_file", None)
    for key, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        if key in inner and other not in inner:
            inner.fault(key, "E2214", other=other)
    server_name = inner.text("server_name", host)
    if inner.sound("server_name") and not is_host(server_name):
        inner.fault("server_name", "E2235", value=server_name)
    inner.end()
    return BusTls(Tls(ca_file, cert_file, key_file), server_name) if ca_file else None
