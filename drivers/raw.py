"""One Modbus read as it is: registers as numbers of 16 bits, bits as they stand, for people who look for a value."""

from __future__ import annotations

from config.bus_settings import Framing
from config.device_settings import Point
from drivers.modbus import ReadAsk, read_ask
from drivers.modbus_frames import FUNCTIONS, Read


def raw_ask(read: Read, framing: Framing) -> ReadAsk:
    """The ask whose batch holds every register (or bit) of `read`, in order."""
    return read_ask(read.unit, tuple(_each(read, at) for at in range(read.quantity)), framing)


def _each(read: Read, at: int) -> Point:
    name, address = f"{read.address + at}", read.address + at
    if FUNCTIONS[read.area] <= 2:
        return Point(name, "bit", read.area, address, "bit", "ABCD")
    return Point(name, "gauge", read.area, address, "u16", "ABCD")
