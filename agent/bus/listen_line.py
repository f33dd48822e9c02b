"""The owner of a serial line on which another master asks: it listens, and cannot send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.bus.counts import BusCounts
from agent.bus.ear import Ears, OverheardPort
from agent.bus.errand import Errand
from agent.bus.guard import nothing
from agent.bus.link import LinkError, LinkState
from agent.bus.outcomes import Answered, Missed
from agent.bus.owner import OwnerThread
from agent.bus.serial_port import SerialPort
from agent.bus.waiter import Waiter
from agent.clock import boot_seconds
from config.bus_settings import SerialBus
from drivers import Ask, Batch, Listener, Overheard, Told

LISTEN_ONLY = "listen_only"
_FIRST_RETRY_S = 0.1
_LONGEST_RETRY_S = 1.0
_SENSELESS_BYTES = 256
_LONGEST_WAIT_S = 3600.0
_FORGOTTEN_S = 60.0


class ListenOwner(OwnerThread):
    """Hands on what `listener` understands of the line of `bus`; `devices` are those it can tell of.

    The port is opened for reading only and its guard lets nothing pass: no code path can send.
    """

    def __init__(self, bus: SerialBus, listener: Listener, devices: Sequence[str], ask_count: int) -> None:
        super().__init__(f"listen {bus.id}", ask_count)
        self._bus = bus
        self._listener = listener
        self._devices = tuple(devices)
        self._state = LinkState(bus.id)
        self._ears = Ears()
        self._port: SerialPort | None = None
        self._reconnects = 0
        self._retry_wait_s = _FIRST_RETRY_S
        self._sense = (0, 0)

    def counts(self) -> Mapping[str, BusCounts]:
        """What went over the line: the other master's questions are `asked`."""
        return {self._bus.id: BusCounts(**self._listener.counts(), reconnects=self._reconnects)}

    def ears(self) -> Mapping[str, Ears]:
        """Who listens in on the line besides."""
        return {self._bus.id: self._ears}

    def hurry(self, device: str) -> None:
        """The other master asks when it likes."""

    def replan(self, device: str, asks: Mapping[int, Ask]) -> None:
        """Nothing is asked here."""

    def run_errand(self, errand: Errand) -> bool:
        """Nothing is asked here, for nobody."""
        errand.finish(Missed(errand.slot.device, 0, LISTEN_ONLY, boot_seconds()))
        return True

    def _work(self, waiter: Waiter) -> None:
        try:
            while True:
                self._open(waiter)
                try:
                    self._listen(waiter)
                except LinkError as fault:
                    self._lost(str(fault))
        finally:
            self._close()

    def _open(self, waiter: Waiter) -> None:
        """Open the port, however often that has to be tried."""
        while self._port is None:
            now_s = waiter.alive()
            try:
                self._port = SerialPort.open(self._bus, waiter, nothing)
                self._port.lower_rts()
            except LinkError as fault:
                self._tell(self._state.changed(False, str(fault), now_s))
                self._silent("link_down", now_s)
                waiter.wait(None, now_s + self._retry_wait_s)
                self._retry_wait_s = min(2 * self._retry_wait_s, _LONGEST_RETRY_S)
        self._retry_wait_s = _FIRST_RETRY_S
        self._tell(self._state.changed(True, "open", boot_seconds()))

    def _listen(self, waiter: Waiter) -> None:
        """Listen until the port is gone; raises LinkError."""
        assert self._port is not None
        port = OverheardPort(self._port, self._ears)
        while True:
            now_s = waiter.alive()
            port.wait(min(self._listener.alarm_s, now_s + _LONGEST_WAIT_S))
            octets = port.read()  # also when the alarm rang: we may have slept over their arrival
            now_s = boot_seconds()
            for one in self._listener.hear(octets, now_s):
                self._overheard(one)
            if octets:
                self._make_sense(now_s)

    def _overheard(self, one: Overheard | Told) -> None:
        if isinstance(one, Told):
            self._tell(one)
        elif isinstance(one.brought, Batch):
            self._tell(Answered(one.device, one.ask, one.brought))
        else:
            self._tell(Missed(one.device, one.ask, one.brought, min(one.at_s, boot_seconds())))

    def _make_sense(self, now_s: float) -> None:
        """Say so when bytes come in plenty and make no frame: the line is set up otherwise than the others'."""
        counts = self._listener.counts()
        frames, senseless = counts.get("asked", 0) + counts.get("answered", 0), counts.get("extra", 0)
        if frames != self._sense[0]:
            self._sense = frames, senseless
            self._tell(self._state.changed(True, "open", now_s))
        elif senseless - self._sense[1] >= _SENSELESS_BYTES:
            self._sense = frames, senseless
            self._tell(self._state.changed(False, "bytes come but no frames: baud or parity may differ", now_s))
            self._silent("garbage", now_s)

    def _silent(self, reason: str, now_s: float) -> None:
        """Nothing can be heard of any device."""
        for device in self._devices:
            self._tell(Missed(device, 0, reason, now_s))

    def _lost(self, reason: str) -> None:
        """What is said until the port is open again is not heard: nothing that comes then belongs to what came."""
        self._close()
        self._reconnects += 1
        now_s = boot_seconds()
        for one in self._listener.hear(b"", now_s + _FORGOTTEN_S):
            self._overheard(one)
        self._tell(self._state.changed(False, reason, now_s))

    def _close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()
