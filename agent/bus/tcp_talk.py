"""The conversation on a connected Modbus TCP socket: one request out, the others in line, late replies stepped over."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from agent.bus.counts import Tally
from agent.bus.ear import Ears
from agent.bus.guard import check_outgoing
from agent.bus.health import BusHealth
from agent.bus.link import LinkError
from agent.bus.outcomes import Answered, Missed, Outcome
from agent.bus.schedule import Slot
from agent.bus.tcp_stream import ReplyStream
from drivers import DeviceError, FrameError
from drivers.modbus_guard import read_guard

_SILENCES = 3
_READS = read_guard("tcp")

Tell = Callable[[Outcome | None], None]


class Channel(Protocol):
    """A connected socket that never blocks; `send` and `recv` raise OSError or LinkError when it is lost."""

    def fileno(self) -> int: ...
    def recv(self, most: int, /) -> bytes: ...
    def send(self, octets: bytes, /) -> int: ...
    def close(self) -> None: ...


class NobodyAnswersError(LinkError):
    """The connection stands, but no unit behind it says anything."""


class TcpTalk:
    """All that is asked over one bus. `deadline_s` is when the answer awaited is late, None when none is.

    Methods raise LinkError when the connection cannot go on.
    """

    def __init__(self, timeout_s: float, units: frozenset[int], heard: tuple[Tally, Ears], tell: Tell) -> None:
        self.deadline_s: float | None = None
        self.health = BusHealth()
        self._timeout_s = timeout_s
        self._units = units
        self._tally, self._ears = heard
        self._tell = tell
        self._sock: Channel | None = None
        self._stream = ReplyStream()
        self._line: deque[Slot] = deque()
        self._probes: deque[Slot] = deque()
        self._current: Slot | None = None
        self._again = False
        self._turn = 0
        self._began_s = self._sent_s = 0.0
        self._silences = 0
        self._silent_units: set[int] = set()

    def begin(self, sock: Channel, now_s: float) -> None:
        """Talk on this socket from now on; whoever waits in line is asked."""
        self._sock = sock
        self._stream = ReplyStream()
        self._heard()
        self._next(now_s)

    def abandon(self, now_s: float) -> None:
        """The socket is gone: no value for all that was out or in line."""
        self._sock = None
        self.deadline_s = None
        if self._current is not None:
            self._line.appendleft(self._current)
            self._current = None
        while self._line or self._probes:
            self._missed((self._line or self._probes).popleft(), "link_down", now_s)

    def ask(self, slot: Slot, now_s: float) -> None:
        """Ask as soon as the connection is free; units that keep silent after all others."""
        if slot.waiting:
            return
        slot.waiting = True
        line = self._probes if self.health.is_open(slot.unit) else self._line
        (line.appendleft if slot.first else line.append)(slot)
        if self._current is None and self._sock is not None:
            self._next(now_s)

    def hear(self, octets: bytes, now_s: float) -> None:
        """Take what was received, all of it before the deadline."""
        if self._ears:
            self._ears.hear(octets, sent=False)
        if self._silences:
            self._heard()
        self._stream.add(octets)
        while self._stream.buffer and self._understand(now_s):
            pass

    def give_up(self, now_s: float) -> None:
        """The deadline is over: the answer can still come, and is known by its number then."""
        slot = self._finish()
        self._tally.timeout += 1
        self._missed(slot, "timeout", now_s)
        if not slot.errand:
            self._silent(slot.unit, now_s)
        self._next(now_s)

    def _silent(self, unit: int, now_s: float) -> None:
        self.health.missed(unit, now_s, now_s - self._sent_s)
        self._silences += 1
        self._silent_units.add(unit)
        if self._silences >= _SILENCES and self._silent_units >= self._units:
            raise NobodyAnswersError("no unit answers")

    def _next(self, now_s: float) -> None:
        """Ask the next in line; those not worth asking now are told off."""
        while self._line or self._probes:
            slot = (self._line or self._probes).popleft()
            if slot.errand or self.health.may_ask(slot.unit, now_s):
                self._again = False
                self._current = slot
                self._began_s = now_s
                self._send(slot, now_s)
                return
            self._missed(slot, "timeout", now_s)

    def _send(self, slot: Slot, now_s: float) -> None:
        self._turn += 1
        request = slot.ask.request(self._turn)
        check_outgoing(request, _READS)
        if self._sock is None:
            raise LinkError("not connected")
        try:
            sent = self._sock.send(request)
        except OSError as fault:
            raise LinkError((fault.strerror or "cannot send").lower()) from fault
        if sent != len(request):
            raise LinkError("the device takes no requests")
        if self._ears:
            self._ears.hear(request, sent=True)
        self._tally.asked += 1
        self._sent_s = now_s
        self.deadline_s = now_s + self._timeout_s

    def _understand(self, now_s: float) -> bool:
        """Take one frame off the stream; False when bytes are missing."""
        slot = self._current
        if slot is None:
            return self._stray()
        try:
            batch = slot.ask.answer(self._stream.buffer, self._turn, now_s)
        except DeviceError as refusal:
            self._tally.exception += 1
            self.health.answered(slot.unit)
            self._missed(self._finish(), f"exception_{refusal.code}", now_s)
        except FrameError as fault:
            return self._refused(slot, fault.reason, now_s)
        else:
            if batch is None:
                return False
            self._tally.answered += 1
            self.health.answered(slot.unit)
            self._finish()
            self._tell(Answered(slot.device, slot.index, batch, now_s - self._began_s))
        self._next(now_s)
        return True

    def _refused(self, slot: Slot, reason: str, now_s: float) -> bool:
        """Step over a frame that answers something else: an old ask, or nothing we asked."""
        if reason == "transaction":
            return self._stray()
        if not self._stream.step_over():
            return False
        self._tally.refused(reason)
        if not self._again:
            self._again = True
            self._send(slot, now_s)
        else:
            self._missed(self._finish(), reason, now_s)
            self._next(now_s)
        return True

    def _stray(self) -> bool:
        late = self._stream.follows(self._turn)
        if not self._stream.step_over():
            return False
        if late:
            self._tally.late += 1
        else:
            self._tally.foreign += 1
        return True

    def _finish(self) -> Slot:
        slot, self._current, self.deadline_s = self._current, None, None
        if slot is None:
            raise RuntimeError("nothing was asked")
        slot.waiting = False
        return slot

    def _missed(self, slot: Slot, reason: str, now_s: float) -> None:
        slot.waiting = False
        self._tell(Missed(slot.device, slot.index, reason, now_s))

    def _heard(self) -> None:
        self._silences = 0
        self._silent_units.clear()
