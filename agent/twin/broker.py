"""The demo's broker where mosquitto is not installed: amqtt, with a door that sends MQTT 5 away as the standard says.

amqtt 0.12 speaks 3.1.1 only; a CONNECT of version 5 it misreads and never answers.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from functools import partial

from amqtt.adapters import (  # type: ignore[import-untyped]
    ReaderAdapter,
    StreamReaderAdapter,
    StreamWriterAdapter,
)
from amqtt.broker import Broker  # type: ignore[import-untyped]

_LISTENER = "default"
_MQTT_3_1_1 = 4
_UNACCEPTABLE_VERSION = b"\x20\x02\x00\x01"  # CONNACK, MQTT 3.1.1 section 3.2.2.3
_NAME_AND_VERSION_BYTES = 7


class Replay(ReaderAdapter):  # type: ignore[misc]
    """A reader whose first bytes were already read."""

    def __init__(self, first: bytes, reader: ReaderAdapter) -> None:
        self._first = first
        self._reader = reader

    async def read(self, n: int = -1) -> bytes:
        taken, self._first = (self._first, b"") if n < 0 else (self._first[:n], self._first[n:])
        return taken if len(taken) == n else taken + await self._reader.read(n if n < 0 else n - len(taken))

    def feed_eof(self) -> None:
        self._reader.feed_eof()


async def serve(port: int) -> None:
    """Run the broker on a port of the loopback, for ever."""
    settings = {
        "listeners": {_LISTENER: {"type": "external"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    broker = Broker(settings)
    await broker.start()
    server = await asyncio.start_server(partial(_welcome, broker), "127.0.0.1", port)
    await server.serve_forever()


async def _welcome(broker: Broker, stream: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
    reader, writer = StreamReaderAdapter(stream), StreamWriterAdapter(answers)
    try:
        first = await _until_version(reader)
        if first[-1] == _MQTT_3_1_1:
            await broker.external_connected(Replay(first, reader), writer, _LISTENER)
        else:
            writer.write(_UNACCEPTABLE_VERSION)
            await writer.close()
    except (ConnectionError, asyncio.IncompleteReadError, OSError):
        answers.close()


async def _until_version(reader: ReaderAdapter) -> bytes:
    """The beginning of a CONNECT: type, length (one to four bytes), protocol name, and the version as the last byte."""
    first: bytes = await reader.read(2)
    while first[-1] & 0x80 and len(first) < 5:
        first += await reader.read(1)
    name_and_version: bytes = await reader.read(_NAME_AND_VERSION_BYTES)
    return first + name_and_version


if __name__ == "__main__":
    logging.disable()
    asyncio.run(serve(int(sys.argv[1])))
