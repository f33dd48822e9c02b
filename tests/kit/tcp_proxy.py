"""A TCP proxy that does harm on request: latency, black hole, reset, cut after n bytes."""

from __future__ import annotations

import heapq
import os
import select
import socket
import struct
import threading
import time
from itertools import count

_CHUNK = 65536


class FaultProxy:
    """Listens on `port` of the loopback and passes bytes to and from `upstream`, a port or (host, port).

    `latency_s` delays each chunk, both ways. `black_hole` swallows everything and says nothing, on open
    connections and for new ones (accepted, then mute): what a half-open link looks like. `cut_after` closes
    each connection after that many bytes from upstream; `refusing` closes new ones at once. All may be
    changed at any time, `upstream` too. `connections` counts those accepted, `carried` the bytes passed
    (to, from upstream).
    """

    def __init__(self, upstream: int | tuple[str, int]) -> None:
        self.upstream = ("127.0.0.1", upstream) if isinstance(upstream, int) else upstream
        self.latency_s = 0.0
        self.black_hole = False
        self.refusing = False
        self.cut_after: int | None = None
        self.connections = 0
        self.carried = [0, 0]
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._clients: set[socket.socket] = set()
        self._from_upstream: dict[socket.socket, int] = {}
        self._delayed: list[tuple[float, int, socket.socket, bytes]] = []
        self._order = count()
        self._lock = threading.Lock()
        self._wake_end, self._wake_fd = os.pipe()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def reset(self) -> None:
        """Reset every open connection (RST, not FIN), both sides."""
        with self._lock:
            for sock in list(self._pairs):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            for client in list(self._clients):
                self._drop(client)
        self._nudge()

    def cut_in(self, octets: int) -> None:
        """Cut the newest connection after that many more bytes from upstream, and new ones after as many in all."""
        with self._lock:
            self.cut_after = octets + next(reversed(self._from_upstream.values()), 0)

    def close(self) -> None:
        """Close everything and end."""
        self._closing = True
        self._nudge()
        self._thread.join(60)
        with self._lock:
            for sock in list(self._pairs):
                sock.close()
            self._pairs.clear()
        self._listener.close()
        os.close(self._wake_fd)
        os.close(self._wake_end)

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _nudge(self) -> None:
        os.write(self._wake_fd, b"!")

    def _run(self) -> None:
        while not self._closing:
            with self._lock:
                watched = [self._listener, self._wake_end, *self._pairs]
                timeout = max(self._delayed[0][0] - time.monotonic(), 0) if self._delayed else None
            readable = select.select(watched, [], [], timeout)[0]
            with self._lock:
                self._deliver()
                for sock in readable:
                    if sock is self._listener:
                        self._accept()
                    elif sock == self._wake_end:
                        os.read(self._wake_end, 4096)
                    elif sock in self._pairs:
                        self._pass_on(sock)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        self.connections += 1
        if self.refusing:
            client.close()
            return
        try:
            server = socket.create_connection(self.upstream, timeout=5)
        except OSError:
            client.close()
            return
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pairs[client], self._pairs[server] = server, client
        self._clients.add(client)
        self._from_upstream[client] = 0

    def _pass_on(self, sock: socket.socket) -> None:
        try:
            octets = sock.recv(_CHUNK)
        except OSError:
            octets = b""
        if self.black_hole:
            if not octets:
                self._drop(sock)
            return
        if not octets:
            self._drop(sock)
            return
        heapq.heappush(self._delayed, (time.monotonic() + self.latency_s, next(self._order), sock, octets))
        self._deliver()

    def _deliver(self) -> None:
        while self._delayed and self._delayed[0][0] <= time.monotonic():
            _, _, source, octets = heapq.heappop(self._delayed)
            target = self._pairs.get(source)
            if target is None or self.black_hole:
                continue
            upwards = source in self._clients
            if not upwards:
                octets = self._allowance(target, octets)
            self.carried[0 if upwards else 1] += len(octets)  # before whoever gets it can look
            try:
                target.sendall(octets)
            except OSError:
                self._drop(source)
                continue
            if not upwards and self.cut_after is not None and self._from_upstream[target] >= self.cut_after:
                self._drop(source)

    def _allowance(self, client: socket.socket, octets: bytes) -> bytes:
        if self.cut_after is not None:
            octets = octets[: max(self.cut_after - self._from_upstream[client], 0)]
        self._from_upstream[client] += len(octets)
        return octets

    def _drop(self, sock: socket.socket) -> None:
        other = self._pairs.pop(sock, None)
        if other is None:
            return
        self._pairs.pop(other, None)
        for end in (sock, other):
            self._clients.discard(end)
            self._from_upstream.pop(end, None)
            end.close()
