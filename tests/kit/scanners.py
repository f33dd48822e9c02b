"""Scanners for tests: a line counted by the real readers, real sockets to it, and codes that nobody ever printed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ports import free_port
from uplink_rig import eventually

from agent import clock
from agent.bus import LinkChanged
from agent.load.scans import LineScans, ScanLoad
from agent.scans.counting import counter, source
from agent.scans.readers import ScanReaders
from config.line_settings import Line
from config.scanner_settings import ScanMarks, Scanner, ScannerDial, ScannerListen, ScannerSerial

LINE = Line("north", "北线", "North line", (), (), (), (), 20_000.0, 5000)
PLAIN = Scanner(
    "tunnel-1",
    "north",
    ScannerDial("127.0.0.1", 1),
    "plain",
    ScanMarks(),
    0,
    None,
    None,
    None,
    3.0,
    None,
    None,
    262_144,
)


def code(number: int) -> str:
    """Waybill number so-and-so."""
    return f"SF{8_000_000_000_000 + number}"


def lines(first: int, last: int) -> bytes:
    """Good reads of the codes from `first` up to, not with, `last`."""
    return "".join(f"{code(number)}\r\n" for number in range(first, last)).encode()


def dialled(port: int, **changes: object) -> Scanner:
    """A scanner that listens on that port."""
    return replace(PLAIN, wire=ScannerDial("127.0.0.1", port), **changes)  # type: ignore[arg-type]


def listening(port: int, **changes: object) -> Scanner:
    """A scanner that connects to that port of ours."""
    return replace(PLAIN, wire=ScannerListen("127.0.0.1", port), **changes)  # type: ignore[arg-type]


def serial(port: str, **changes: object) -> Scanner:
    """A scanner on a serial line."""
    return replace(PLAIN, wire=ScannerSerial(port, 115_200, "none", 1), **changes)  # type: ignore[arg-type]


class Counted:
    """One line whose scanners are read by the real thread."""

    def __init__(self, *scanners: Scanner) -> None:
        self._counter = counter(LINE, scanners)
        self.scans = LineScans(LINE.id, self._counter, (), clock.boot_seconds())
        self.readers = ScanReaders([(one, self._counter, source(one)) for one in scanners])
        self.changes: list[LinkChanged] = []

    def load(self) -> ScanLoad:
        """The scans of the seconds that have ended."""
        return self.scans.advance(clock.now())

    def counts(self, **expected: int) -> bool:
        """Whether the line comes to have counted exactly this much, by name of the stream."""
        return eventually(lambda: self.counted() == expected)

    def counted(self) -> dict[str, int]:
        """What is counted of each kind so far, but whose the codes are."""
        streams = self.load().streams
        return {name.removeprefix("north.scan."): count for name, count in streams.items() if ".scan." in name}

    def links(self, *states: bool) -> bool:
        """Whether the link comes to have gone through these states, the latest last."""
        return eventually(lambda: self._links() == list(states))

    def _links(self) -> list[bool]:
        self.changes += [one for one in self.readers.take() if isinstance(one, LinkChanged)]
        return [change.up for change in self.changes]


@contextmanager
def counted(*scanners: Scanner) -> Iterator[Counted]:
    """The line while its readers run."""
    line = Counted(*scanners)
    line.readers.start()
    try:
        yield line
    finally:
        line.readers.stop()


@contextmanager
def a_scanner_that_listens(port: int = 0) -> Iterator[socket.socket]:
    """Its open port; accept what connects."""
    with socket.create_server(("127.0.0.1", port or free_port())) as door:
        door.settimeout(60)
        yield door


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A scanner's connection to our port, as soon as that is open."""
    found: list[socket.socket] = []

    def tried() -> bool:
        try:
            found.append(socket.create_connection((host, port), 5))
        except OSError:
            return False
        return True

    assert eventually(tried)
    return found[0]
