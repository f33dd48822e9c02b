"""The arithmetic of a serial wire: how long characters, frames and the silence between frames take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from config.settings import SerialBus

_FAST_BAUD = 19200
_FAST_GAP_S = 0.00175


@dataclass(frozen=True, slots=True)
class Wire:
    """Times of one line in seconds (Modbus over Serial Line V1.02, 2.5.1.1).

    A character is a start bit, eight data bits, the parity bit if there is one, and the stop bits. Frames
    are kept 3.5 characters apart; above 19200 baud the standard fixes that silence at 1.75 ms.
    """

    char_s: float
    gap_s: float

    @classmethod
    def of(cls, bus: SerialBus) -> Self:
        """The wire of a line as the operator set it up."""
        bits = 1 + 8 + (bus.parity != "none") + bus.stop_bits
        char_s = bits / bus.baud
        return cls(char_s, _FAST_GAP_S if bus.baud > _FAST_BAUD else 3.5 * char_s)

    def frame_s(self, length_bytes: int) -> float:
        """How long that many bytes occupy the wire."""
        return length_bytes * self.char_s
