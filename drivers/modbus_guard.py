"""What of Modbus may leave on a wire: exactly one well-formed read, in the framing of the wire."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from config.bus_settings import Framing
from drivers import Guard
from drivers.modbus_ascii import is_ascii_read
from drivers.modbus_frames import is_rtu_read, is_tcp_read

_GUARDS: Mapping[Framing, Guard] = MappingProxyType({"tcp": is_tcp_read, "rtu": is_rtu_read, "ascii": is_ascii_read})


def read_guard(framing: Framing) -> Guard:
    """Whether a frame is one Modbus read: what a link asks of every frame before it leaves."""
    return _GUARDS[framing]
