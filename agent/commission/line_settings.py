"""How serial lines are set up in the field, the usual ways first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from config.bus_settings import LineFraming, Parity, SerialBus

BAUDS = (9600, 19200, 4800, 115200, 38400, 57600, 2400)
"""Many RS-485 sensors come with 4800."""

_CHARACTERS: tuple[tuple[Parity, Literal[1, 2]], ...] = (("none", 1), ("even", 1), ("none", 2), ("odd", 1))


@dataclass(frozen=True, slots=True)
class LineSetting:
    """Speed, character and framing of a line."""

    baud: int
    parity: Parity = "none"
    stop_bits: Literal[1, 2] = 1
    data_bits: Literal[7, 8] = 8
    framing: LineFraming = "rtu"

    @classmethod
    def of(cls, bus: SerialBus) -> LineSetting:
        """That of a bus."""
        return cls(bus.baud, bus.parity, bus.stop_bits, bus.data_bits, bus.framing)

    def bus(self, port: str, timeout_s: float) -> SerialBus:
        """A bus on `port` that is set up so."""
        return SerialBus(
            id=port,
            port=port,
            baud=self.baud,
            parity=self.parity,
            stop_bits=self.stop_bits,
            timeout_s=timeout_s,
            data_bits=self.data_bits,
            framing=self.framing,
        )

    def __str__(self) -> str:
        ascii_ = " ASCII" if self.framing == "ascii" else ""
        return f"{self.baud} {self.data_bits}{self.parity[0].upper()}{self.stop_bits}{ascii_}"


def in_order(bauds: Sequence[int] = BAUDS) -> Iterator[LineSetting]:
    """Every setting to try: RTU at each speed, then the ASCII that Delta's controllers and drives come with."""
    for baud in bauds:
        yield from (LineSetting(baud, parity, stop_bits) for parity, stop_bits in _CHARACTERS)
    if 9600 in bauds:
        yield LineSetting(9600, "even", 1, 7, "ascii")
        yield LineSetting(9600, "none", 2, 7, "ascii")
