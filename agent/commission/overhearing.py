"""Listen before talk: whether another master speaks on a line, and who it asks for what. Nothing can be sent here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.bus.guard import nothing
from agent.bus.line_port import LinePort, way_to
from agent.bus.serial_port import SerialPort
from agent.bus.waiter import Waiter
from config.bus_settings import SerialBus, TcpBus
from drivers.modbus_dialogue import Frame
from drivers.modbus_tap import RtuTap
from drivers.wire import Wire

LISTEN_S = 3.0
NOISE_BYTES = 16
"""A line without bias makes a byte now and then by itself; whoever makes more speaks, at another speed."""

_AGAIN_S = 1.0


@dataclass(slots=True)
class Speakers:
    """What was heard on `bus`: the functions asked of each unit, whole frames, and all bytes."""

    bus: SerialBus | TcpBus
    functions: dict[int, set[int]] = field(default_factory=dict)
    frames: int = 0
    octets: int = 0

    @property
    def somebody(self) -> bool:
        """Whether anybody speaks here."""
        return self.frames > 0 or self.octets >= NOISE_BYTES

    def note(self, frames: Sequence[Frame]) -> None:
        """Take in what the bytes were understood as."""
        for frame in frames:
            if frame.unit is not None and frame.verdict not in ("unanswered", "foreign"):
                self.frames += 1
                self.functions.setdefault(frame.unit, set()).add(frame.pdu[0] & 0x7F)


def listen_first(buses: Sequence[SerialBus | TcpBus], for_s: float = LISTEN_S) -> Speakers:
    """Listen at the first setting; where bytes come that make no frame, at the others too, a second each.

    Raises LinkError where the line cannot be opened.
    """
    heard = _listen(buses[0], for_s)
    for bus in buses[1:]:
        if not heard.somebody or heard.frames:
            break
        again = _listen(bus, _AGAIN_S)
        if again.frames:
            heard = again
    return heard


def _listen(bus: SerialBus | TcpBus, for_s: float) -> Speakers:
    waiter = Waiter()
    try:
        port = way_to(bus, nothing)(waiter)
        if isinstance(port, SerialPort):
            port.lower_rts()
        try:
            return _hear(bus, port, for_s)
        finally:
            port.close()
    finally:
        waiter.close()


def _hear(bus: SerialBus | TcpBus, port: LinePort, for_s: float) -> Speakers:
    heard, tap = Speakers(bus), RtuTap(Wire.of(bus).char_s)
    until_s = port.now() + for_s
    while port.now() < until_s:
        octets = port.read() if port.wait(min(until_s, tap.alarm_s)) else b""
        heard.octets += len(octets)
        heard.note(tap.hear(octets, port.now()))
    return heard
