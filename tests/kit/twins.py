"""A twin played in a thread of its own, so that a test can read it with blocking clients."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from site_text import HEAD

from agent.twin.commands import obey
from agent.twin.site import Scenario, Twin
from config import check_text
from config.device_settings import Device
from config.settings import Settings
from drivers import Ask, Value
from drivers.modbus import asks

R = TypeVar("R")


def site(body: str) -> Settings:
    """The settings of a site whose buses, devices and lines are in `body`."""
    report = check_text("twin.toml", (HEAD + body).encode())
    assert report.settings, "\n".join(fault.render("en") for fault in report.faults)
    return report.settings


class Played:
    """A running twin; what touches it is done in its own thread."""

    def __init__(self, twin: Twin, loop: asyncio.AbstractEventLoop) -> None:
        self.twin = twin
        self._loop = loop

    def say(self, do: str, **words: object) -> dict[str, Any]:
        return self.wait(lambda: obey(self.twin, {"do": do, **words}))

    def do(self, what: Callable[[], R]) -> R:
        async def done() -> R:
            return what()

        return self.wait(done)

    def wait(self, what: Callable[[], Awaitable[R]]) -> R:
        async def done() -> R:
            return await what()

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(60)

    def raw(self, device: str) -> dict[str, int]:
        """What the counters of a device show."""
        return self.do(lambda: {name: face.raw for name, face in self.twin.images[device].counters.items()})

    def dial(self, bus: str) -> socket.socket:
        """A connection to a TCP bus."""
        host, port = self.twin.wires[bus].address.rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=60)


@contextmanager
def playing(settings: Settings, folder: Path, scenario: Scenario | None = None) -> Iterator[Played]:
    """The twin of `settings`, started; closed at the end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        twin = _in(loop, _made(settings, folder, scenario or Scenario(running=False)))
        try:
            yield Played(twin, loop)
        finally:
            _in(loop, twin.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


async def _made(settings: Settings, folder: Path, scenario: Scenario) -> Twin:
    twin = Twin(settings, folder, scenario)
    await twin.start()
    return twin


def _in(loop: asyncio.AbstractEventLoop, what: Any) -> Any:
    return asyncio.run_coroutine_threadsafe(what, loop).result(60)


def read_tcp(wire: socket.socket, device: Device, turn: int = 1) -> dict[str, Value | None]:
    """All points of a device, with our own asks over a plain socket."""
    values: dict[str, Value | None] = {}
    for number, ask in enumerate(asks(device, "tcp")):
        values |= ask_tcp(wire, ask, turn + number)
    return values


def ask_tcp(wire: socket.socket, ask: Ask, turn: int) -> dict[str, Value | None]:
    wire.sendall(ask.request(turn))
    buffer = bytearray()
    while (batch := ask.answer(buffer, turn, 0.0)) is None:
        chunk = wire.recv(4096)
        if not chunk:
            raise ConnectionError("closed")
        buffer += chunk
    return dict(zip(ask.points, batch.values, strict=True))
