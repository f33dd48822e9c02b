"""What turns heard bytes into frames: the framing of the line, and on TCP who said them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from agent.bus.ear import Heard
from config.bus_settings import SerialBus
from drivers.modbus_ascii_tap import AsciiTap
from drivers.modbus_dialogue import Frame
from drivers.modbus_tap import RtuTap
from drivers.modbus_tcp_tap import TcpTap
from drivers.wire import Wire

NEVER = float("inf")


class Understanding:
    """Frames of one line. On a serial line both directions share the wire, so the content tells who speaks."""

    def __init__(self, line: RtuTap | AsciiTap | TcpTap) -> None:
        self._line = line

    @classmethod
    def of_bus(cls, bus: SerialBus) -> Self:
        """That of a serial line which was opened here."""
        return cls(_TAPS[bus.framing](Wire.of(bus).char_s))

    @classmethod
    def of_line(cls, line: Mapping[str, Any]) -> Self:
        """That of a bus as the running agent describes it; bytes behind a converter come without times of their own."""
        framing = str(line.get("framing", "rtu"))
        if framing == "tcp" or framing not in _TAPS:
            return cls(TcpTap())
        baud = int(line.get("baud", 0))
        bits = (
            1 + int(line.get("data_bits", 8)) + (line.get("parity", "none") != "none") + int(line.get("stop_bits", 1))
        )
        return cls(_TAPS[framing](bits / baud if baud else 0.0))

    @property
    def dissector(self) -> str:
        """What Wireshark calls such frames."""
        return "mbtcp" if isinstance(self._line, TcpTap) else "mbrtu"

    @property
    def alarm_s(self) -> float:
        """When silence tells something."""
        return NEVER if isinstance(self._line, TcpTap) else self._line.alarm_s

    def take(self, heard: Heard | None, now_s: float) -> list[Frame]:
        """The frames that are whole with what was heard, or with nothing until now."""
        if isinstance(self._line, TcpTap):
            return [] if heard is None else self._line.hear(heard.octets, heard.at_s, sent=heard.sent)
        if heard is None:
            return self._line.hear(b"", now_s)
        return self._line.hear(heard.octets, heard.at_s)


_TAPS: Mapping[str, Callable[[float], RtuTap | AsciiTap]] = {"rtu": RtuTap, "ascii": AsciiTap}
