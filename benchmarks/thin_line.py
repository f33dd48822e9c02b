"""A TCP line of a given round trip and rate: what is sent waits its turn, with at most a router's buffer before it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from types import TracebackType

CHUNK_BYTES = 1460
BUFFER_BYTES = 32 << 10


class ThinLine:
    """Listens on `port` of the loopback and passes bytes to and from `upstream`, half the round trip each way."""

    def __init__(self, upstream: int, round_trip_s: float, bytes_per_s: float) -> None:
        self._upstream = upstream
        self._delay_s = round_trip_s / 2
        self._bytes_per_s = bytes_per_s
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0

    def __enter__(self) -> ThinLine:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        with suppress(asyncio.CancelledError):  # at the end; the stream's own callback would print it
            both_ways = self._carry(reader, far_writer), self._carry(far_reader, writer)
            await asyncio.gather(*both_ways, return_exceptions=True)
        for end in (writer, far_writer):
            end.close()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """The rate is kept while reading, the delay while writing."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        writing = asyncio.ensure_future(self._deliver(under_way, sink))
        free_s = 0.0
        while octets := await self._read(source):
            now_s = self._loop.time()
            free_s = max(free_s, now_s) + len(octets) / self._bytes_per_s
            under_way.put_nowait((free_s + self._delay_s, octets))
            if free_s - now_s > BUFFER_BYTES / self._bytes_per_s:
                await asyncio.sleep(free_s - now_s - BUFFER_BYTES / self._bytes_per_s)
        under_way.put_nowait((0.0, b""))
        await writing

    @staticmethod
    async def _read(source: asyncio.StreamReader) -> bytes:
        try:
            return await source.read(CHUNK_BYTES)
        except OSError:
            return b""

    async def _deliver(self, under_way: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
        while True:
            due_s, octets = await under_way.get()
            if not octets:
                sink.write_eof()
                return
            await asyncio.sleep(max(0.0, due_s - self._loop.time()))
            sink.write(octets)
            await sink.drain()
