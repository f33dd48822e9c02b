"""Devices for tests of the wires: units that answer, or misbehave, by script."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from modbus_oracle import crc

from agent.bus import Answered, Outcome, Owner
from agent.clock import boot_seconds
from config.device_settings import Device, Point

Sent = Iterable[tuple[float, bytes]]
Behaviour = Callable[[bytes], Sent]


def counter_point(name: str = "count", address: int = 0) -> Point:
    """A u32 counter in two holding registers."""
    return Point(name, "counter", "holding", address, "u32", "ABCD", 2**32, 20.0, 1.0, "parcel", None, None)


def unit_device(name: str, bus: str, unit: int, period_s: float, points: Sequence[Point] = ()) -> Device:
    """A device with one u32 counter, unless other points are given."""
    return Device(name, bus, unit, period_s, None, 125, tuple(points) or (counter_point(),))


def outcomes_until(
    owner: Owner, enough: Callable[[list[Outcome]], bool], within_s: float = 60.0, seen: Iterable[Outcome] = ()
) -> list[Outcome]:
    """Everything the owner tells until it is enough; fails with what there was when that takes too long."""
    outcomes = list(seen)
    give_up_s = boot_seconds() + within_s
    while True:
        outcomes += owner.take()
        if enough(outcomes):
            return outcomes
        assert boot_seconds() < give_up_s, outcomes[-20:]
        time.sleep(0.003)


def answers(outcomes: Iterable[Outcome], device: str | None = None) -> list[Answered]:
    """The answers among the outcomes, of one device or of all."""
    return [each for each in outcomes if isinstance(each, Answered) and device in (None, each.device)]


def _unit(answer: Answered) -> int:
    return int(answer.device.rpartition("-")[2])


def rtu(unit: int, *body: int) -> bytes:
    """A frame with its checksum."""
    frame = bytes((unit, *body))
    return frame + crc(frame)


def rtu_count(request: bytes, count: int) -> bytes:
    """The right reply to a read of two registers, holding `count`."""
    return rtu(request[0], request[1], 4, *count.to_bytes(4, "big"))


class RtuUnits:
    """The units of one RTU line. Each counts its requests and answers with that number, unless told otherwise.

    So a value names the request it answers. `received[unit]` are the moments of the requests, by which a test
    can tell whether the value of an answer was the answer to the last ask. `behave[unit]` overrides what is
    sent: it gets the right reply and gives pairs of delay and bytes. `requests` is every byte ever received.
    """

    def __init__(self, units: Iterable[int]) -> None:
        self.units = set(units)
        self.behave: dict[int, Behaviour] = {}
        self.received: dict[int, list[float]] = defaultdict(list)
        self.requests = bytearray()
        self._partial = bytearray()
        self._busy_until_s: dict[int, float] = defaultdict(float)

    def __call__(self, octets: bytes) -> Iterator[tuple[float, bytes]]:
        self.requests += octets
        self._partial += octets
        while len(self._partial) >= 8:
            request = bytes(self._partial[:8])
            del self._partial[:8]
            yield from self._answer(request)

    def _answer(self, request: bytes) -> Sent:
        unit = request[0]
        if unit not in self.units or crc(request[:6]) != request[6:]:
            return ()
        self.received[unit].append(boot_seconds())
        reply = rtu_count(request, len(self.received[unit]))
        behave = self.behave.get(unit)
        return ((0.0, reply),) if behave is None else self._in_order(unit, behave(reply))

    def _in_order(self, unit: int, sent: Sent) -> Sent:
        """A unit does one thing after the other: no reply of its overtakes an earlier one."""
        for delay_s, octets in sent:
            now_s = boot_seconds()
            self._busy_until_s[unit] = max(self._busy_until_s[unit], now_s + delay_s)
            yield self._busy_until_s[unit] - now_s, octets

    def is_fresh(self, unit: int, answer: Answered) -> bool:
        """Whether the value answers the last request the unit had got when the answer was complete."""
        return answer.batch.values[0] == sum(at <= answer.batch.at_s for at in self.received[unit])

    def wrong_values(self, outcomes: Iterable[Outcome]) -> int:
        """How many answers of devices named `…-unit` are not fresh."""
        return sum(not self.is_fresh(_unit(each), each) for each in answers(outcomes))


def silent(_: bytes) -> Sent:
    """The behaviour of a unit that is not there."""
    return ()


def mbap(request: bytes, *pdu: int) -> bytes:
    """A reply with the transaction number and unit of `request`."""
    return request[:4] + struct.pack(">H", 1 + len(pdu)) + request[6:7] + bytes(pdu)


def tcp_count(request: bytes, count: int) -> bytes:
    """The right reply to a read of two registers over TCP, holding `count`."""
    return mbap(request, request[7], 4, *count.to_bytes(4, "big"))


class TcpUnits:
    """A Modbus TCP server whose units answer with the number of the request; `behave` as in `RtuUnits`.

    A behaviour gets (request, right reply); bytes of None close the connection. `most` is how many connections
    are served at a time, the next waits unserved. `connections` counts those accepted.
    """

    def __init__(self, units: Iterable[int], most: int = 64) -> None:
        self.units = set(units)
        self.behave: dict[int, Callable[[bytes, bytes], Iterable[tuple[float, bytes | None]]]] = {}
        self.received: dict[int, list[float]] = defaultdict(list)
        self.requests: list[bytes] = []
        self.connections = 0
        self._most = most
        self._open: dict[socket.socket, bytearray] = {}
        self._later: list[tuple[float, socket.socket, bytes | None]] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port: int = self._listener.getsockname()[1]
        self._wake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> TcpUnits:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and end."""
        self._waker.send(b"!")
        self._thread.join(60)
        for sock in (*self._open, self._listener, self._wake, self._waker):
            sock.close()

    def _run(self) -> None:
        while True:
            watched = [self._wake, *self._open]
            if len(self._open) < self._most:
                watched.append(self._listener)
            timeout = max(min(at for at, _, _ in self._later) - boot_seconds(), 0) if self._later else None
            for sock in select.select(watched, [], [], timeout)[0]:
                if sock is self._wake:
                    return
                if sock is self._listener:
                    self._accept()
                else:
                    self._read(sock)
            self._send_due()

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open[sock] = bytearray()
        self.connections += 1

    def _read(self, sock: socket.socket) -> None:
        try:
            octets = sock.recv(4096)
        except OSError:
            octets = b""
        if not octets:
            self._close(sock)
            return
        buffer = self._open[sock]
        buffer += octets
        while len(buffer) >= 12:
            request = bytes(buffer[:12])
            del buffer[:12]
            self._answer(sock, request)

    def _answer(self, sock: socket.socket, request: bytes) -> None:
        self.requests.append(request)
        unit = request[6]
        if unit not in self.units:
            return
        self.received[unit].append(boot_seconds())
        reply = tcp_count(request, len(self.received[unit]))
        behave = self.behave.get(unit)
        for delay_s, octets in ((0.0, reply),) if behave is None else behave(request, reply):
            self._later.append((boot_seconds() + delay_s, sock, octets))

    def _send_due(self) -> None:
        now_s = boot_seconds()
        due = [each for each in self._later if each[0] <= now_s]
        self._later = [each for each in self._later if each[0] > now_s]
        for _, sock, octets in due:
            if sock not in self._open:
                continue
            if octets is None:
                self._close(sock)
                continue
            try:
                sock.sendall(octets)
            except OSError:
                self._close(sock)

    def _close(self, sock: socket.socket) -> None:
        if self._open.pop(sock, None) is not None:
            sock.close()

    def is_fresh(self, unit: int, answer: Answered) -> bool:
        """As `RtuUnits.is_fresh`."""
        return answer.batch.values[0] == sum(at <= answer.batch.at_s for at in self.received[unit])

    def wrong_values(self, outcomes: Iterable[Outcome]) -> int:
        """As `RtuUnits.wrong_values`."""
        return sum(not self.is_fresh(_unit(each), each) for each in answers(outcomes))
