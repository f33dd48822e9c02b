"""Wires that no agent holds, opened for one technician: a serial line, or a connection of Modbus TCP."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Protocol

from agent.bus.counts import Tally
from agent.bus.exchange import BabbleError, DoubtError, SilenceError
from agent.bus.guard import any_of, check_outgoing
from agent.bus.line_port import way_to
from agent.bus.link import LinkError
from agent.bus.serial_talk import Conversation
from agent.bus.tcp_stream import ReplyStream
from agent.bus.waiter import Waiter
from agent.clock import boot_seconds
from agent.commission import NoValueError
from agent.uplink.credentials import CredentialError
from agent.uplink.tls import context
from config.bus_settings import BusTls, Framing, SerialBus, TcpBus
from drivers import Ask, Batch, DeviceError, FrameError, Guard, Value
from drivers.identity import identity_guard
from drivers.modbus_frames import Read
from drivers.modbus_guard import read_guard
from drivers.raw import raw_ask
from drivers.wire import Wire

_CONNECT_S = 5.0
_CHUNK_BYTES = 4096


class DirectWire(Protocol):
    """An open wire. Both methods raise NoValueError when no value came, LinkError when the wire is gone."""

    framing: Framing

    def ask(self, ask: Ask) -> Batch: ...

    def read(self, read: Read) -> Sequence[Value]: ...

    def close(self) -> None: ...


def guard_of(framing: Framing) -> Guard:
    """What may leave while a device is commissioned: reads, and the two questions for its identity."""
    return any_of(read_guard(framing), identity_guard(framing))


class DirectLine:
    """A line set up as `bus` says, under the rules that polls keep. Raises LinkError where it cannot be opened."""

    def __init__(self, bus: SerialBus | TcpBus) -> None:
        self.framing: Framing = bus.framing
        self._waiter = Waiter()
        try:
            self._port = way_to(bus, guard_of(bus.framing))(self._waiter)
        except LinkError:
            self._waiter.close()
            raise
        self._talk = Conversation(Wire.of(bus), bus.timeout_s, Tally())
        self._talk.begin(self._port)

    def ask(self, ask: Ask) -> Batch:
        """One exchange. The first answer after a silence could be a late one: it is asked for again."""
        for last in (False, True):
            self._port.pause(self._talk.free_s(ask.unit))
            try:
                return self._talk.ask(ask)
            except DoubtError as fault:
                if last:
                    raise NoValueError("late") from fault
            except (SilenceError, FrameError) as fault:
                raise NoValueError(fault.reason) from fault
            except DeviceError as refusal:
                raise NoValueError(f"exception_{refusal.code}") from refusal
            except BabbleError as noise:
                raise NoValueError("garbage") from noise
        raise AssertionError("the second turn returns or raises")

    def read(self, read: Read) -> Sequence[Value]:
        """The registers or bits of that read."""
        return _values(self.ask(raw_ask(read, self.framing)))

    def close(self) -> None:
        """Let the line go."""
        self._port.close()
        self._waiter.close()


class DirectTcp:
    """A connection to a device or gateway. Raises LinkError where there is none to be had."""

    framing: Framing = "tcp"

    def __init__(self, bus: TcpBus) -> None:
        self._timeout_s = bus.timeout_s
        self._turn = 0
        self._stream = ReplyStream()
        try:
            self._socket = socket.create_connection((bus.host, bus.port), _CONNECT_S)
            if bus.tls is not None:
                self._socket = _secured(self._socket, bus.tls)
        except (OSError, ValueError, CredentialError) as fault:
            raise LinkError((getattr(fault, "strerror", None) or str(fault)).lower()) from fault

    def ask(self, ask: Ask) -> Batch:
        """One exchange; replies to earlier ones are stepped over."""
        self._turn += 1
        request = ask.request(self._turn)
        check_outgoing(request, guard_of("tcp"))
        until_s = boot_seconds() + self._timeout_s
        try:
            self._socket.sendall(request)
            while (batch := self._understood(ask)) is None:
                self._receive(until_s)
        except TimeoutError as silence:
            raise NoValueError("timeout") from silence
        except OSError as fault:
            raise LinkError((fault.strerror or "connection lost").lower()) from fault
        except DeviceError as refusal:
            raise NoValueError(f"exception_{refusal.code}") from refusal
        return batch

    def read(self, read: Read) -> Sequence[Value]:
        """The registers or bits of that read."""
        return _values(self.ask(raw_ask(read, self.framing)))

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _understood(self, ask: Ask) -> Batch | None:
        """The answer if it is all there. Raises NoValueError for a frame that answers this ask wrongly."""
        while self._stream.buffer:
            try:
                return ask.answer(self._stream.buffer, self._turn, boot_seconds())
            except FrameError as fault:
                if not self._stream.step_over():
                    return None
                if fault.reason != "transaction":
                    raise NoValueError(fault.reason) from fault
        return None

    def _receive(self, until_s: float) -> None:
        self._socket.settimeout(max(until_s - boot_seconds(), 0.001))
        octets = self._socket.recv(_CHUNK_BYTES)
        if not octets:
            raise LinkError("the device closed the connection")
        self._stream.add(octets)


def _secured(sock: socket.socket, tls: BusTls) -> socket.socket:
    """The connection inside TLS; closed where that fails."""
    try:
        return context(tls.files).wrap_socket(sock, server_hostname=tls.server_name)
    except BaseException:
        sock.close()
        raise


def _values(batch: Batch) -> Sequence[Value]:
    return [value for value in batch.values if value is not None]
