"""Devices with real register images on one RTU line, each hearing only who speaks with its own line settings."""

from __future__ import annotations

import termios
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from modbus_oracle import crc

_BAUDS = {getattr(termios, f"B{rate}"): rate for rate in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)}
_FUNCTIONS = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}

Heard = tuple[int, int]
"""The line as it is set up now: baud and stop bits. A pseudo-terminal keeps no parity (drivers/tty/pty.c)."""


@dataclass
class Station:
    """One unit: registers and bits by area, from address 0; `refuses` gives an exception code for a function.

    `baud` and `stop_bits` None: it hears everybody. `identity` and `server_id` are the whole PDUs it answers to 43/14
    and 17, None: it refuses the function.
    """

    images: Mapping[str, list[int]] = field(default_factory=dict)
    baud: int | None = None
    stop_bits: int | None = None
    refuses: dict[int, int] = field(default_factory=dict)
    identity: bytes | None = None
    server_id: bytes | None = None

    def hears(self, line: Heard) -> bool:
        return self.baud in (None, line[0]) and self.stop_bits in (None, line[1])

    def answer(self, pdu: bytes) -> bytes | None:
        function = pdu[0]
        if function in self.refuses:
            return bytes((function | 0x80, self.refuses[function]))
        if function in (0x2B, 0x11):
            return (self.identity if function == 0x2B else self.server_id) or bytes((function | 0x80, 1))
        return self._read(function, int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big"))

    def _read(self, function: int, first: int, quantity: int) -> bytes:
        image = self.images.get(_FUNCTIONS.get(function, ""))
        if image is None:
            return bytes((function | 0x80, 1))
        values = image[first : first + quantity]
        if len(values) < quantity:
            return bytes((function | 0x80, 2))
        return bytes((function, *_packed(function, values)))


def _packed(function: int, values: list[int]) -> bytes:
    if function > 2:
        body = b"".join(value.to_bytes(2, "big") for value in values)
    else:
        number = sum(bool(bit) << at for at, bit in enumerate(values))
        body = number.to_bytes((len(values) + 7) // 8, "little")
    return bytes((len(body),)) + body


class Stations:
    """All units of a line, an answer for `ptys.Serving`. `requests` are the frames somebody understood, by unit."""

    def __init__(self, stations: Mapping[int, Station], line: Callable[[], Heard] = lambda: (0, 0)) -> None:
        self.stations = dict(stations)
        self.received = bytearray()
        self.requests: list[tuple[int, bytes]] = []
        self._line = line
        self._partial = bytearray()

    def __call__(self, octets: bytes) -> Iterator[tuple[float, bytes]]:
        self.received += octets
        self._partial += octets
        while request := self._request():
            unit, pdu = request[0], request[1:-2]
            station = self.stations.get(unit)
            if station is None or not station.hears(self._line()):
                continue
            self.requests.append((unit, pdu))
            reply = station.answer(pdu)
            if reply is not None:
                body = bytes((unit,)) + reply
                yield 0.0, body + crc(body)

    def _request(self) -> bytes:
        """The next whole request; what is none is thrown away."""
        for length in (8, 7, 4):  # a read, 43/14, 17
            frame = bytes(self._partial[:length])
            if len(frame) == length and crc(frame[:-2]) == frame[-2:]:
                del self._partial[:length]
                return frame
        if len(self._partial) >= 8:
            self._partial.clear()
        return b""


def line_of(fd: int) -> Callable[[], Heard]:
    """How the port at the other end of a pseudo-terminal is set up at this moment."""

    def settings() -> Heard:
        _, _, cflag, _, _, speed, _ = termios.tcgetattr(fd)
        return _BAUDS.get(speed, 0), 2 if cflag & termios.CSTOPB else 1

    return settings
