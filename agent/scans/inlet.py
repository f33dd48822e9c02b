"""One scanner's open connection: bytes to the counter, a limit against floods, and what is known of it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from agent.bus import LinkChanged
from agent.bus.link import LinkError, LinkState
from agent.bus.tcp_watch import Watch
from config.scanner_settings import Scanner
from fastpath.scans import ScanCounter, Source

NEVER = float("inf")
CHUNK_BYTES = 16_384
_CHUNKS = 4  # of one connection before the others have their turn
_LAST_CHUNKS = 400  # of one that we end: what a socket's buffer holds at most, 6 MB (tcp_rmem of tcp(7))
_BURST_S = 1.0


class Ready(Protocol):
    """Whoever has to do something when a descriptor is ready."""

    def ready(self, now_s: float) -> None: ...


class Attended(Protocol):
    """Whoever has something to do at a moment: `attend` at `alarm_s` at the latest."""

    @property
    def alarm_s(self) -> float: ...

    def attend(self, now_s: float) -> None: ...


class Stream(Protocol):
    """An open connection. `read_into` puts what is there at the start of a buffer and gives how many bytes that is, 0
    where nothing is, and LinkError at the end."""

    def fileno(self) -> int: ...

    def read_into(self, octets: bytearray) -> int: ...

    def close(self) -> None: ...


class SocketStream:
    """A TCP connection, read as it comes."""

    __slots__ = ("_sock",)

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def fileno(self) -> int:
        """The descriptor, for an epoll."""
        return self._sock.fileno()

    def read_into(self, octets: bytearray) -> int:
        """Put what has arrived at the start of `octets`; how many bytes that is, 0 when nothing has."""
        try:
            length = self._sock.recv_into(octets)
        except BlockingIOError:
            return 0
        except OSError as fault:
            raise LinkError((fault.strerror or "connection lost").lower()) from fault
        if not length:
            raise LinkError("the scanner closed the connection")
        return length

    def close(self) -> None:
        """Let the connection go."""
        self._sock.close()


@dataclass(frozen=True, slots=True)
class InletState:
    """A scanner's connection at one moment. `octets` were received, `lost` times was it lost, `slowed` times did it
    bring more than its limit and had to wait."""

    up: bool
    reason: str
    octets: int
    lost: int
    slowed: int


class Inlet:
    """Where the bytes of one scanner come in, over one connection after the other.

    More than `max_bytes_per_s` is not read: it waits at the sender, so a burst is late and not lost, and a flood
    costs no more than the limit. A serial line cannot wait; what its driver has no room for is lost.

    All that is received lies in `buffer`, which the inlets of a thread share, and is wiped as soon as it is counted: a
    bytes object would leave its codes in the memory that it gives back.
    """

    def __init__(
        self,
        scanner: Scanner,
        counting: tuple[ScanCounter, Source],
        watch: Watch[Ready],
        tell: Callable[[LinkChanged | None], None],
        buffer: bytearray,
    ) -> None:
        self._counter, self._source = counting
        self._watch = watch
        self._tell = tell
        self._buffer = buffer
        self._limit = scanner.max_bytes_per_s
        self._said = LinkState(scanner.id)
        self._stream: Stream | None = None
        self._allowance = 0.0
        self._filled_s = 0.0
        self._octets = self._lost = self._slowed = 0
        self.alarm_s = NEVER
        """When `attend` must be called."""

    @property
    def up(self) -> bool:
        """Whether a connection is open."""
        return self._stream is not None

    def state(self) -> InletState:
        """What is known now; from any thread."""
        return InletState(self.up, self._said.reason or "not tried yet", self._octets, self._lost, self._slowed)

    def begin(self, stream: Stream, reason: str, now_s: float) -> None:
        """A connection is open; one that was open before has been given up by the scanner."""
        self.end(now_s)
        self._stream = stream
        self._allowance, self._filled_s = self._limit * _BURST_S, now_s
        self._watch.opened(stream, self)
        self._tell(self._said.changed(True, reason, now_s))

    def fail(self, reason: str, now_s: float) -> None:
        """There is no connection, for this reason."""
        self._tell(self._said.changed(False, reason, now_s))

    def ready(self, now_s: float) -> None:
        """Read what is there. LinkError when that was the last of this connection, which is closed then."""
        try:
            self._read(now_s)
        except LinkError as fault:
            self._lost += 1
            self._close()
            self.fail(str(fault), now_s)

    def attend(self, now_s: float) -> None:
        """Read on after a flood, when it is time."""
        if now_s >= self.alarm_s and self._stream is not None:
            self.alarm_s = NEVER
            self._watch.opened(self._stream, self)

    def end(self, now_s: float) -> None:
        """Let the connection go, but first count what has arrived: who sent it believes that it was read."""
        with suppress(LinkError):
            for _ in range(_LAST_CHUNKS):
                if self._stream is None or not self._count(self._stream, int(1000 * now_s)):
                    break
        self._close()

    def _close(self) -> None:
        """A line that the connection had begun will not end."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        if self.alarm_s == NEVER:
            self._watch.forget(stream)
        self.alarm_s = NEVER
        stream.close()
        self._counter.cut(self._source)

    def _read(self, now_s: float) -> None:
        assert self._stream is not None, "nobody watches a closed stream"
        self._allowance = min(self._allowance + (now_s - self._filled_s) * self._limit, self._limit * _BURST_S)
        self._filled_s = now_s
        for _ in range(_CHUNKS):
            length = self._count(self._stream, int(1000 * now_s))
            self._allowance -= length
            if length < CHUNK_BYTES or self._allowance <= 0:
                break
        if self._allowance <= 0:
            self._hold_back(now_s)

    def _count(self, stream: Stream, now_ms: int) -> int:
        """Read a chunk at most and count it; how many bytes it had."""
        length = stream.read_into(self._buffer)
        self._counter.feed_buffer(self._source, self._buffer, length, now_ms)
        self._octets += length
        return length

    def _hold_back(self, now_s: float) -> None:
        """Watch no longer until a quarter of the burst may be read again."""
        assert self._stream is not None
        self._slowed += 1
        self._watch.forget(self._stream)
        self.alarm_s = now_s + (_BURST_S / 4 * self._limit - self._allowance) / self._limit
