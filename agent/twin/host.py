"""The other master of a line in the role `listen`: it asks every device on time, and all on the line hear it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agent.twin.pty_line import PtyLine
from config.bus_settings import SerialBus
from config.device_settings import Device
from drivers.modbus import asks
from drivers.wire import Wire, price

_TURNAROUND_S = 0.03
"""What the twin's devices are given to begin an answer."""


class Host:
    """Asks in order of time, one question after the other. Must live in a running event loop."""

    def __init__(self, bus: SerialBus, devices: Sequence[Device]) -> None:
        wire, cost = Wire.of(bus), price(bus)
        self._questions = [
            (device.period_s, ask.request(0), wire.frame_s(len(ask.request(0)) + ask.reply_length) + _TURNAROUND_S)
            for device in devices
            for ask in asks(device, bus.framing, cost)
        ]
        self._asking: asyncio.Task[None] | None = None

    def start(self, line: PtyLine) -> None:
        """Ask on this line from now on."""
        self._asking = asyncio.create_task(self._ask(line))

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
            self._asking = None

    async def _ask(self, line: PtyLine) -> None:
        loop = asyncio.get_running_loop()
        due = [loop.time()] * len(self._questions)
        while due:
            first = min(range(len(due)), key=due.__getitem__)
            await asyncio.sleep(due[first] - loop.time())
            period_s, request, wire_s = self._questions[first]
            line.ask(request)
            due[first] += period_s * max(1, int((loop.time() - due[first]) / period_s))
            await asyncio.sleep(wire_s)
