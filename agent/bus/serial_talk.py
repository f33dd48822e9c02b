"""The conversation on a line without numbered frames: gap, ask, known wire time, answer; after a silence quiet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from agent.bus.counts import Tally
from agent.bus.exchange import BabbleError, DoubtError, SilenceError, answers, is_foreign
from agent.bus.line_port import Port
from agent.bus.quarantine import Quarantine
from drivers import Ask, Batch, DeviceError, FrameError, Told
from drivers.budget import QUIET_SHARE
from drivers.wire import Wire

_HUSH_S = 0.02  # longer than the lumps in which USB adapters deliver (1 to 16 ms)
_HUSH_LIMIT_S = 0.5
_KEPT_BYTES = 512
_KEPT_TOLD = 64
_FIRST_QUIET_S = 0.25
_SHORTER = 0.99
_LONGER = 1.25
_LONGER_STEP_S = 0.0005
_MARGIN = 1.25
_TRIES = 2


Unasked = Callable[[bytearray, float], Sequence[Told] | None]
"""Takes what a device says without being asked off the front of a buffer, at a moment; gives what it tells.

None: bytes are missing. FrameError: nothing of the kind begins here. Neither consumes anything.
"""


def nothing_unasked(buffer: bytearray, at_s: float) -> Sequence[Told] | None:
    """On most lines nobody speaks without being asked."""
    raise FrameError("function", buffer)


class Conversation:
    """All that is said and heard on one line, one exchange at a time; what it learned outlives a reopened port.

    `told` is what devices said without being asked, for the owner to take away.
    """

    def __init__(self, wire: Wire, timeout_s: float, tally: Tally, unasked: Unasked = nothing_unasked) -> None:
        self.told: deque[Told] = deque(maxlen=_KEPT_TOLD)
        self._unasked = unasked
        self._wire = wire
        self._timeout_s = timeout_s
        self._tally = tally
        self._quarantine = Quarantine()
        self._turnaround_s: dict[int, float] = {}
        self._owing: dict[int, Ask] = {}
        self._echo = self._echoed = False
        self._others_spoke = False
        self._turn = 0
        self._sent_s = 0.0
        self._free_s = 0.0
        self._port: Port

    def begin(self, port: Port) -> None:
        """Talk on this line from now on, after a pause: somebody before us may have asked and gone."""
        self._port = port
        self._free_s = port.now() + min(self._timeout_s / 2, _FIRST_QUIET_S)

    def free_s(self, unit: int) -> float:
        """Before this moment `unit` must not be asked: it may still owe a late reply."""
        return self._quarantine.until_s(unit)

    def ask(self, ask: Ask) -> Batch:
        """The answer to this very ask, asked once more where the reply was spoilt.

        Raises SilenceError, DoubtError, FrameError, DeviceError, BabbleError or LinkError.
        """
        for tries_left in reversed(range(_TRIES)):
            try:
                batch = self._exchange(ask)
            except FrameError as fault:
                self._refused(fault.seen, fault.reason)
                self.overhear()
                if not tries_left:
                    raise
            else:
                self._tally.answered += 1
                return batch
        raise AssertionError("the last try returns or raises")

    def overhear(self) -> None:
        """Take what came without being asked for, until the line is silent. Raises BabbleError or LinkError."""
        self._unbidden(self._hush())

    def _exchange(self, ask: Ask) -> Batch:
        """One request and its reply; every way out leaves the line free to be used after the gap."""
        self._turn += 1
        unit, request, reply_length = ask.unit, ask.request(self._turn), ask.reply_length
        wire_s = self._wire.frame_s(len(request) + reply_length)
        now_s, buffer = self._send(request, wire_s + self._turnaround_s.get(unit, 0.0))
        deadline_s = self._sent_s + wire_s + self._timeout_s
        self._others_spoke = self._echoed = False
        at_once = True
        while True:
            if now_s > deadline_s:  # also when there are bytes: they came too late, or we slept (suspend)
                raise self._silence(ask, deadline_s)
            try:
                batch = self._attempt(ask, request, buffer, now_s)
            except DeviceError:
                self._settle(ask, buffer, now_s)
                self._tally.exception += 1
                raise
            if batch is not None:
                self._learn(unit, now_s - self._sent_s - wire_s, at_once)
                self._settle(ask, buffer, now_s)
                return batch
            at_once = False
            self._gather(deadline_s, reply_length - len(buffer))
            buffer += self._port.read()
            now_s = self._port.now()

    def _send(self, request: bytes, reply_s: float) -> tuple[float, bytearray]:
        """Hold the gap, take what is left on the line, put the request out, and hear what has come `reply_s` later."""
        self._tally.asked += 1
        for _ in range(_TRIES):
            taken = self._port.turn(request, self._free_s, reply_s)
            if taken is not None:
                self._sent_s, now_s, heard = taken
                return now_s, heard
            self.overhear()
        raise BabbleError("the line does not fall silent")

    def _gather(self, deadline_s: float, missing: int) -> None:
        """Sleep until the rest can have arrived: first for a byte, then for the time the others take."""
        if self._port.wait(deadline_s):
            rest_s = self._wire.frame_s(max(missing, 1))
            self._port.pause(min(self._port.now() + rest_s, deadline_s))

    def _attempt(self, ask: Ask, request: bytes, buffer: bytearray, now_s: float) -> Batch | None:
        """The answer if it is all there. An adapter that hears itself puts our request before it."""
        if self._echo:
            self._strip_echo(request, buffer)
        while buffer:
            try:
                return ask.answer(buffer, self._turn, now_s)
            except FrameError as fault:
                if self._strip_echo(request, buffer):
                    continue
                if request.startswith(buffer):
                    return None
                taken = self._report(buffer)
                if taken is None:
                    return None
                if taken:
                    continue
                if fault.reason != "unit":
                    raise
                self._skip_foreign(ask, buffer)
        return None

    def _skip_foreign(self, ask: Ask, buffer: bytearray) -> None:
        """Drop what another unit said, or noise: our answer may stand behind it, or is still to come."""
        at = next((at for at in range(1, len(buffer)) if not is_foreign(ask, buffer[at:])), len(buffer))
        foreign = buffer[:at]
        del buffer[:at]
        self._others_spoke = True
        self._refused(foreign, "unit")

    def _report(self, buffer: bytearray) -> bool | None:
        """Take a report that nobody asked for off the front; None while bytes of it are missing."""
        try:
            told = self._unasked(buffer, self._port.now())
        except FrameError:
            return False
        if told is None:
            return None
        self.told += told
        return True

    def _strip_echo(self, request: bytes, buffer: bytearray) -> bool:
        if not buffer.startswith(request):
            return False
        del buffer[: len(request)]
        self._echo = self._echoed = True
        self._tally.echo += 1
        return True

    def _settle(self, ask: Ask, rest: bytearray, now_s: float) -> None:
        """An answer was taken: is it this ask's, and what stands behind it? Raises DoubtError."""
        self._free_s = now_s + self._wire.gap_s
        believed = self._quarantine.answered(ask.unit, self._sent_s, now_s)
        if rest:
            self._unbidden(rest)
        if not believed:
            raise DoubtError
        self._owing.pop(ask.unit, None)

    def _learn(self, unit: int, turnaround_s: float, at_once: bool) -> None:
        """Sleep a little shorter each time the reply was there at once, and longer when it was not.

        What seems a slow device may be ourselves waking up late: one long turnaround is not taken for the next.
        """
        known_s = self._turnaround_s.get(unit, 0.0)
        longer_s = min(max(turnaround_s, 0.0), known_s * _LONGER + _LONGER_STEP_S)
        self._turnaround_s[unit] = known_s * _SHORTER if at_once else longer_s

    def _silence(self, ask: Ask, deadline_s: float) -> SilenceError:
        """Keep the line quiet for the slowest device, so that its late reply is known for what it is."""
        self._tally.timeout += 1
        self._owing[ask.unit] = ask
        self._quarantine.silent(ask.unit, self._sent_s, self._timeout_s)
        beyond_s = _MARGIN * self._quarantine.latest_s(ask.unit) - (deadline_s - self._sent_s)
        quiet_s = min(max(beyond_s, QUIET_SHARE * self._timeout_s), 2 * self._timeout_s)
        if self._listen(ask, deadline_s + quiet_s):
            return SilenceError("late")
        return SilenceError("unit" if self._others_spoke else "echo" if self._echoed else "timeout")

    def _listen(self, ask: Ask, until_s: float) -> bool:
        """Say nothing until then, or until the late answer to `ask` was heard: True."""
        heard = bytearray()
        while (now_s := self._port.now()) < until_s:
            if not self._port.wait(until_s):
                continue
            heard += self._port.read()
            self._free_s = self._port.now() + self._wire.gap_s
            del heard[_KEPT_BYTES:]
            if answers(ask, heard):
                break
            self._port.pause(min(now_s + _HUSH_S, until_s))
        self._unbidden(heard)
        return answers(ask, heard)

    def _hush(self) -> bytes:
        """Read away whatever comes until the line has been silent; its first bytes. Raises BabbleError."""
        silence_s = max(_HUSH_S, self._wire.gap_s)
        give_up_s = self._port.now() + _HUSH_LIMIT_S + silence_s
        heard = b""
        while self._port.now() < give_up_s:
            self._port.pause(self._port.now() + silence_s)
            more = self._port.read()
            if not more:
                return heard
            heard = (heard + more)[:_KEPT_BYTES]
        raise BabbleError("the line does not fall silent")

    def _refused(self, octets: bytes | bytearray, reason: str) -> None:
        if not self._owed(octets):
            self._tally.refused(reason)

    def _unbidden(self, octets: bytes | bytearray) -> None:
        """Account for bytes nobody asked for: reports, a late reply, or a stray."""
        octets = bytearray(octets)
        while self._report(octets):
            pass
        if octets and not self._owed(octets):
            self._tally.extra += len(octets)

    def _owed(self, octets: bytes | bytearray) -> bool:
        """Whether this is the reply to an ask that was given up."""
        for unit, ask in self._owing.items():
            if answers(ask, octets):
                self._tally.late += 1
                self._quarantine.late(unit, self._port.now())
                return True
        return False
