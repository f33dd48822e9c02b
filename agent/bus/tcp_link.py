"""One Modbus TCP connection from first try to loss and back: name, connect, talk, wait."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Literal

from agent.bus.counts import Tally
from agent.bus.ear import Ears
from agent.bus.link import LinkError, LinkState
from agent.bus.outcomes import Missed, Reopened
from agent.bus.schedule import Slot
from agent.bus.tcp_dial import Patience, Resolver, check_connected, dial
from agent.bus.tcp_talk import Channel, NobodyAnswersError, TcpTalk, Tell
from agent.bus.tcp_tls import SecureSocket
from agent.bus.tcp_watch import Watch
from agent.clock import boot_seconds
from config.bus_settings import BusTls, TcpBus

_CONNECT_S = 3.0
_CHUNK_BYTES = 4096
_NEVER = float("inf")

Waiting = tuple["Watch[TcpLink]", Callable[[], None]]
"""Where a link's socket is watched, and what ends the poller's wait from another thread."""

State = Literal["waiting", "resolving", "connecting", "securing", "up"]


class TcpLink:
    """The connection of one bus, driven by the poller: `attend` at `alarm_s`, `ready` when its socket says so."""

    def __init__(
        self, bus: TcpBus, slots: Sequence[Slot], heard: tuple[Tally, Ears], tell: Tell, waiting: Waiting
    ) -> None:
        self._bus = bus
        self._slots = list(slots)
        self._tally = heard[0]
        self._answered = 0
        self._tell = tell
        self._watch, wake = waiting
        self._resolver = Resolver(bus.host, wake)
        self._patience = Patience()
        self._said = LinkState(bus.id)
        self._talk = TcpTalk(bus.timeout_s, frozenset(slot.unit for slot in slots), heard, tell)
        self._state: State = "waiting"
        self._hope_until_s = _NEVER
        self._sock: Channel | None = None
        self._until_s = 0.0
        self._untold = False

    @property
    def alarm_s(self) -> float:
        """When `attend` must be called next, whatever happens."""
        if self._state == "up":
            deadline_s = self._talk.deadline_s
            return _NEVER if deadline_s is None else deadline_s
        if self._state == "resolving":
            return _NEVER if self._resolver.busy else 0.0
        return self._until_s

    @property
    def awaiting(self) -> bool:
        """True while an answer is awaited."""
        return self._talk.deadline_s is not None

    def ask(self, slot: Slot, now_s: float) -> None:
        """Ask now, or when the connection now being made stands; no value where there is little hope of one."""
        if self._state != "up" and now_s >= self._hope_until_s:
            self._talk.abandon(now_s)
            self._tell(Missed(slot.device, slot.index, "link_down", now_s))
            return
        try:
            self._talk.ask(slot, now_s)
        except LinkError as fault:
            self._lost(fault, now_s)

    def replan(self, gone: Sequence[Slot], fresh: Sequence[Slot], now_s: float) -> None:
        """Forget the asks that went, and ask at once those that came."""
        self._slots = [slot for slot in self._slots if slot not in gone] + list(fresh)
        for slot in fresh:
            self.ask(slot, now_s)

    def attend(self, now_s: float) -> None:
        """Do what is due: the end of a wait, of a time-out, or of a look-up."""
        if now_s < self.alarm_s:
            return
        try:
            if self._state == "up":
                self._talk.give_up(now_s)
            elif self._state == "connecting":
                raise LinkError("no answer to the connection request")
            elif self._state == "securing":
                raise LinkError("no answer to the TLS handshake")
            else:
                self._dial(now_s)
        except LinkError as fault:
            self._lost(fault, now_s)

    def ready(self, now_s: float) -> None:
        """The socket is connected, goes on with its handshake, has bytes, or is lost."""
        try:
            if self._state == "up":
                self._receive()
            elif isinstance(self._sock, SecureSocket):
                self._shake(self._sock, now_s)
            elif isinstance(self._sock, socket.socket):
                self._connected(self._sock, now_s)
        except LinkError as fault:
            self._lost(fault, now_s)

    def close(self) -> None:
        """Let the connection go."""
        sock, self._sock = self._sock, None
        if sock is not None:
            self._watch.forget(sock)
            sock.close()

    def _receive(self) -> None:
        """Take what is there. It is as old as the moment after: a busy machine may hold us up before and in between."""
        octets = self._octets()
        now_s = boot_seconds()
        if now_s > self.alarm_s:  # we slept over the deadline: what lay there is late
            self._talk.give_up(now_s)
        if octets:
            self._say_opened(now_s)
            self._talk.hear(octets, now_s)

    def _octets(self) -> bytes:
        """What has arrived; nothing where there is none yet."""
        if self._sock is None:
            return b""
        try:
            octets = self._sock.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except OSError as fault:
            raise LinkError((fault.strerror or "connection lost").lower()) from fault
        if not octets:
            raise LinkError("the device closed the connection")
        return octets

    def _dial(self, now_s: float) -> None:
        address = self._resolver.address()
        if address is None:
            self._state = "resolving"
            return
        self._state, self._until_s = "connecting", now_s + _CONNECT_S
        self._sock = dial(address, self._bus.port)
        self._watch.connecting(self._sock, self)

    def _connected(self, sock: socket.socket, now_s: float) -> None:
        check_connected(sock)
        if self._bus.tls is not None:
            self._secure(sock, self._bus.tls, now_s)
            return
        self._watch.reading(sock)
        self._begin(sock, now_s)

    def _secure(self, sock: socket.socket, tls: BusTls, now_s: float) -> None:
        """Begin the handshake on a connected socket."""
        self._watch.forget(sock)
        self._sock = None
        try:
            secured = SecureSocket(sock, tls)
        except LinkError:
            sock.close()
            raise
        self._sock, self._state, self._until_s = secured, "securing", now_s + _CONNECT_S
        self._watch.opened(secured, self)
        self._shake(secured, now_s)

    def _shake(self, secured: SecureSocket, now_s: float) -> None:
        """A device that refuses our certificate says so only after the handshake: the link is up when it answers."""
        wanted = secured.shake()
        if wanted == "write":
            self._watch.writing(secured)
        else:
            self._watch.reading(secured)
        if wanted == "nothing":
            self._begin(secured, now_s)

    def _say_opened(self, now_s: float) -> None:
        if self._untold:
            self._untold = False
            self._tell(self._said.changed(True, "connected", now_s) or Reopened(self._bus.id, now_s))

    def _begin(self, sock: Channel, now_s: float) -> None:
        self._state, self._untold = "up", True
        if not self._said.up:
            self._talk.health.fresh_start()
        if self._bus.tls is None:
            self._say_opened(now_s)
        for slot in self._slots:
            self._talk.ask(slot, now_s)
        self._talk.begin(sock, now_s)

    def _lost(self, fault: LinkError, now_s: float) -> None:
        """Close, and wait before the next try; a mute connection is made anew at once, and that is no news yet."""
        was_up = self._state == "up"
        self.close()
        self._talk.abandon(now_s)
        self._state = "waiting"
        if was_up:
            self._tally.reconnects += 1
        if self._tally.answered > self._answered:  # else it takes connections and is no use
            self._answered = self._tally.answered
            self._patience.reset()
        if isinstance(fault, NobodyAnswersError):
            self._until_s, self._hope_until_s = now_s, now_s + self._bus.timeout_s
            return
        self._until_s, self._hope_until_s = now_s + self._patience.next_s(), now_s
        self._tell(self._said.changed(False, str(fault), now_s))
