"""Where the bytes of a line come from: a port of ours that can only be read, or the ear of the running agent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Empty, Queue
from typing import Protocol

from agent.bus.ear import Heard
from agent.bus.guard import nothing
from agent.bus.link import LinkError
from agent.bus.serial_port import SerialPort
from agent.bus.waiter import Waiter
from agent.clock import boot_seconds
from config.bus_settings import SerialBus

_KEPT = 1024


class SourceEndedError(Exception):
    """Nothing more will be heard; the text says why."""


class Source(Protocol):
    """What is heard on a line. `next` waits until something is, or until `until_s` on the boot-time clock: None.

    A number stands for pieces that were lost. Raises SourceEndedError.
    """

    def next(self, until_s: float) -> Heard | int | None: ...

    def close(self) -> None: ...


class PortSource:
    """A serial port, opened for reading only and for us alone. LinkError where it cannot be."""

    def __init__(self, bus: SerialBus) -> None:
        self._waiter = Waiter()
        try:
            self._port = SerialPort.open(bus, self._waiter, nothing)
        except LinkError:
            self._waiter.close()
            raise
        self._port.lower_rts()

    def next(self, until_s: float) -> Heard | None:
        """As `Source.next`."""
        try:
            self._port.wait(until_s)
            octets = self._port.read()
        except LinkError as fault:
            raise SourceEndedError(str(fault)) from fault
        return Heard(boot_seconds(), False, octets) if octets else None

    def close(self) -> None:
        """Let the port go."""
        self._port.close()
        self._waiter.close()


class AgentSource:
    """What the running agent sends and receives on a bus; it goes on with its work.

    Whoever takes too little leaves the rest with the agent, which keeps the newest and says how many were lost.
    """

    def __init__(self, heard: Iterator[Heard | int]) -> None:
        self._heard: Queue[Heard | int | None] = Queue(_KEPT)
        threading.Thread(target=self._pump, args=(heard,), name="ear", daemon=True).start()

    def next(self, until_s: float) -> Heard | int | None:
        """As `Source.next`."""
        try:
            heard = self._heard.get(timeout=max(until_s - boot_seconds(), 0.001))
        except Empty:
            return None
        if heard is None:
            raise SourceEndedError("the agent hung up")
        return heard

    def close(self) -> None:
        """The connection is closed by whoever opened it; the thread ends with it."""

    def _pump(self, heard: Iterator[Heard | int]) -> None:
        try:
            for one in heard:
                self._heard.put(one)
        except (OSError, ValueError):  # hung up in the middle of a line
            pass
        self._heard.put(None)
