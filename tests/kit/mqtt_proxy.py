"""A fault proxy between an MQTT client and a broker: it sees packets, and a test says what becomes of each."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

CONNECT, CONNACK, PUBLISH, PUBACK, DISCONNECT = 1, 2, 3, 4, 14
WAIT_S = 60.0


@dataclass(frozen=True)
class Packet:
    """One whole control packet."""

    raw: bytes
    body: bytes

    @property
    def kind(self) -> int:
        return self.raw[0] >> 4

    @property
    def topic(self) -> str:
        """Of a PUBLISH."""
        (size,) = struct.unpack_from("!H", self.body)
        return self.body[2 : 2 + size].decode()

    @property
    def text(self) -> bytes:
        """Of a PUBLISH: what it says, a frame of late messages unpacked."""
        if not self.topic.endswith("/backlog"):
            return self.body
        return zlib.decompress(self.body[self.body.index(b"\x78\x01") :])

    @property
    def mid(self) -> int:
        """Of a PUBLISH at QoS 1, or of a PUBACK."""
        offset = 0
        if self.kind == PUBLISH:
            offset = 2 + struct.unpack_from("!H", self.body)[0]
        return int(struct.unpack_from("!H", self.body, offset)[0])

    @property
    def level(self) -> int:
        """Protocol level of a CONNECT: 4 is 3.1.1, 5 is 5."""
        return self.body[6]


def puback(mid: int, code: int) -> bytes:
    return struct.pack("!BBHBB", PUBACK << 4, 4, mid, code, 0)


def disconnect(code: int) -> bytes:
    return bytes((DISCONNECT << 4, 2, code, 0))


CONNACK_UNACCEPTABLE_VERSION = bytes((CONNACK << 4, 2, 0, 1))
CONNACK_40_BYTES = bytes((CONNACK << 4, 8, 0, 0, 5, 0x27, 0, 0, 0, 40))
"""Of a broker whose Maximum Packet Size is 40."""


class Link:
    """One client connection with its own to the broker."""

    def __init__(self, proxy: MqttProxy, client: socket.socket, number: int) -> None:
        self.proxy = proxy
        self.number = number
        self.client = client
        self.broker = socket.create_connection(("127.0.0.1", proxy.target), timeout=WAIT_S)
        self.broker.settimeout(None)
        self.sent = {self.broker: 0, self.client: 0}
        self.is_cut = False
        self.pending: set[int] = set()

    def start(self) -> None:
        for name, turn in (("up", self._upstream), ("down", self._downstream)):
            thread = threading.Thread(target=turn, name=f"proxy-{name}-{self.number}", daemon=True)
            self.proxy.threads.append(thread)
            thread.start()

    def reply(self, octets: bytes) -> None:
        """To the client, as if from the broker."""
        self.client.sendall(octets)

    def reset(self) -> None:
        """Both ways, without FIN."""
        for end in (self.client, self.broker):
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RD)  # wakes the thread that reads it
            except OSError:
                pass
            end.close()

    def close(self) -> None:
        for end in (self.client, self.broker):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _upstream(self) -> None:
        self._pump(self.client, self._to_broker)

    def _downstream(self) -> None:
        self._pump(self.broker, self._to_client)

    def _pump(self, source: socket.socket, forward: Callable[[Packet], None]) -> None:
        try:
            for packet in packets(source):
                if not self.proxy.black_hole.is_set():
                    forward(packet)
        except OSError:
            pass
        finally:
            if not self.proxy.black_hole.is_set():
                self.close()

    def _to_broker(self, packet: Packet) -> None:
        if packet.kind == PUBLISH:
            self.proxy.note_publish(self, packet)
        self._pass(self.proxy.up(packet, self), self.broker, self.proxy.cut_up(self.number))

    def _to_client(self, packet: Packet) -> None:
        out = self.proxy.down(packet, self)
        if packet.kind == PUBACK and out is not None:
            self.proxy.note_puback(self, packet)
        self._pass(out, self.client, self.proxy.cut_down(self.number))

    def _pass(self, out: bytes | None, to: socket.socket, room: int | None) -> None:
        """Send `out` on, as far as there is `room` for the stream of that way: with its last byte the link is reset."""
        if out is None:
            return
        sent = self.sent[to]
        self.sent[to] += len(out)
        if room is not None and sent + len(out) >= room:
            to.sendall(out[: room - sent])
            self.is_cut = True
            self.reset()
            raise ConnectionResetError
        to.sendall(out)


Filter = Callable[[Packet, Link], bytes | None]


class MqttProxy:
    """Listens on `port`. `up` and `down` get each packet and return what goes on (None: nothing).

    `cut_up` and `cut_down` say after how many bytes to the broker, or from it, a link of that number is cut.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.up: Filter = lambda packet, _link: packet.raw
        self.down: Filter = lambda packet, _link: packet.raw
        self.cut_up: Callable[[int], int | None] = lambda _number: None
        self.cut_down: Callable[[int], int | None] = lambda _number: None
        self.black_hole = threading.Event()
        self.published: list[tuple[int, Packet]] = []
        self.most_pending = 0
        self.levels: list[int] = []
        self.links: list[Link] = []
        self.threads: list[threading.Thread] = []
        self.news = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> MqttProxy:
        thread = threading.Thread(target=self._accept, name="proxy-accept", daemon=True)
        self.threads.append(thread)
        thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in self.links:
            link.close()
        for thread in self.threads:
            thread.join(WAIT_S)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                link = Link(self, client, len(self.links))
            except OSError:
                client.close()
                continue
            with self.news:
                self.links.append(link)
                self.news.notify_all()
            link.start()

    def note_publish(self, link: Link, packet: Packet) -> None:
        with self.news:
            link.pending.add(packet.mid)
            self.most_pending = max(self.most_pending, len(link.pending))
            self.published.append((link.number, packet))
            self.news.notify_all()

    def note_puback(self, link: Link, packet: Packet) -> None:
        with self.news:
            link.pending.discard(packet.mid)
            self.news.notify_all()

    def wait_for(self, predicate: Callable[[], bool], timeout_s: float = WAIT_S) -> bool:
        with self.news:
            return self.news.wait_for(predicate, timeout_s)


def packets(source: socket.socket) -> Iterator[Packet]:
    """Whole packets, until the end of the stream."""
    buffer = b""
    while chunk := source.recv(65536):
        buffer += chunk
        while (found := _first(buffer)) is not None:
            yield found
            buffer = buffer[len(found.raw) :]


def _first(buffer: bytes) -> Packet | None:
    size, shift = 0, 0
    for index in range(1, min(len(buffer), 5)):
        size |= (buffer[index] & 127) << shift
        shift += 7
        if not buffer[index] & 128:
            start = index + 1
            return Packet(buffer[: start + size], buffer[start : start + size]) if len(buffer) >= start + size else None
    return None
