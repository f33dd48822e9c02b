"""The arithmetic of wires: how long characters, frames and silences take, and what a read of so much costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from config.bus_settings import Bus, SerialBus

_FAST_BAUD = 19200
_FAST_GAP_S = 0.00175
_CONVERTER_GAP_S = 0.004
_REQUEST_BYTES = 8
_REPLY_BYTES = 5  # and the values
_ASCII_REQUEST_BYTES = 17
_ASCII_REPLY_BYTES = 11  # and twice the values
_TCP_READ_S = 0.005
_TCP_BYTE_S = 11 / 115200


@dataclass(frozen=True, slots=True)
class Wire:
    """Times of one line in seconds (Modbus over Serial Line V1.02, 2.5.1.1).

    A character is a start bit, the data bits, the parity bit if there is one, and the stop bits. Frames
    are kept 3.5 characters apart; above 19200 baud the standard fixes that silence at 1.75 ms. ASCII needs none to
    find its frames, but the device has to let go of a two-wire line before the next request.

    Bytes from a converter come in lumps, however fast its line is: there is nothing to sleep for. It sends what it
    gets at once, so that the silence is ours to hold: that of a line of 9600 baud.
    """

    char_s: float
    gap_s: float

    @classmethod
    def of(cls, bus: Bus) -> Self:
        """The wire of a line as the operator set it up, or of one behind a converter."""
        if not isinstance(bus, SerialBus):
            return cls(0.0, _CONVERTER_GAP_S)
        bits = 1 + bus.data_bits + (bus.parity != "none") + bus.stop_bits
        char_s = bits / bus.baud
        return cls(char_s, _FAST_GAP_S if bus.baud > _FAST_BAUD else 3.5 * char_s)

    def frame_s(self, length_bytes: int) -> float:
        """How long that many bytes occupy the wire."""
        return length_bytes * self.char_s


@dataclass(frozen=True, slots=True)
class Price:
    """What reads cost on a bus: each one its fixed `read_s`, and each byte of values `byte_s`."""

    read_s: float
    byte_s: float

    def of(self, value_bytes: float) -> float:
        """Seconds that a read of so many bytes of values keeps the bus busy."""
        return self.read_s + value_bytes * self.byte_s


NO_HOLES = Price(0.0, 1.0)
"""Requests cost nothing and registers do: neighbours are read together, and what lies between points never."""


def price(bus: Bus) -> Price:
    """The price of a Modbus read on `bus`.

    On a serial line: eight characters out, five and the values back (ASCII: 17, 11 and two for each byte), both
    silences, the device's turnaround and the adapter's latency (Modbus over Serial Line V1.02, 2.5). On TCP a round
    trip to a device that answers between two turns of its program, taken as 5 ms; a gateway's line lies behind it
    for all we know, so a byte is taken to cost what it does at 115200 baud.
    """
    in_ascii = bus.framing == "ascii"
    if not isinstance(bus, SerialBus):
        return Price(_TCP_READ_S, 2 * _TCP_BYTE_S if in_ascii else _TCP_BYTE_S)
    wire = Wire.of(bus)
    silence_s = 2 * wire.gap_s + bus.turnaround_s + bus.adapter_latency_s
    if in_ascii:
        return Price(wire.frame_s(_ASCII_REQUEST_BYTES + _ASCII_REPLY_BYTES) + silence_s, 2 * wire.char_s)
    return Price(wire.frame_s(_REQUEST_BYTES + _REPLY_BYTES) + silence_s, wire.char_s)
