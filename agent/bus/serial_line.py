"""The owner of one serial line: opens it, asks in order of deadline, reopens it when the adapter was pulled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.bus import Answered, Missed
from agent.bus.counts import BusCounts, Tally
from agent.bus.ear import Ears, OverheardPort
from agent.bus.errand import Errand
from agent.bus.health import BusHealth
from agent.bus.link import LinkError, LinkState
from agent.bus.owner import OwnerThread
from agent.bus.schedule import DeadlineSchedule, Slot, slots_of
from agent.bus.serial_port import SerialPort
from agent.bus.serial_talk import BabbleError, Conversation, DoubtError, SilenceError
from agent.bus.waiter import Waiter
from agent.clock import boot_seconds
from config.settings import Device, SerialBus
from drivers import Ask, DeviceError, FrameError, Guard
from drivers.modbus_frames import read_guard
from drivers.wire import Wire, price

_FIRST_RETRY_S = 0.1
_LONGEST_RETRY_S = 1.0  # a stick plugged in again is read within two seconds
_BABBLE_REST_S = 1.0
_READS = read_guard("rtu")


class SerialOwner(OwnerThread):
    """The only thread that touches the line of `bus`; `devices` are the units on it and what each is asked.

    Nothing leaves that `guard` does not let pass.
    """

    def __init__(self, bus: SerialBus, devices: Sequence[tuple[Device, Sequence[Ask]]], guard: Guard = _READS) -> None:
        self._slots = slots_of(devices)
        super().__init__(f"serial {bus.id}", len(self._slots))
        self._devices = {device.id: device for device, _ in devices}
        self._bus = bus
        self._guard = guard
        self._tally = Tally()
        self._health = BusHealth()
        self._talk = Conversation(Wire.of(bus), bus.timeout_s, self._tally)
        self._state = LinkState(bus.id)
        self._ears = Ears()
        self._port: SerialPort | None = None
        self._retry_s = 0.0
        self._retry_wait_s = _FIRST_RETRY_S
        self._rest_until_s = 0.0

    def counts(self) -> Mapping[str, BusCounts]:
        """What went over the line since the owner was made."""
        return {self._bus.id: self._tally.counts()}

    def ears(self) -> Mapping[str, Ears]:
        """Who listens in on the line."""
        return {self._bus.id: self._ears}

    def _work(self, waiter: Waiter) -> None:
        schedule = DeadlineSchedule(self._slots, boot_seconds())
        try:
            while True:
                self._round(waiter, schedule)
        finally:
            self._close()

    def _round(self, waiter: Waiter, schedule: DeadlineSchedule) -> None:
        now_s = waiter.alive()
        while self._hurried:
            schedule.hurry(self._hurried.popleft())
        while self._replanned:
            device, asks = self._replanned.popleft()
            schedule.replan(self._devices[device], asks, now_s)
        if self._port is None and now_s >= self._retry_s:
            self._open(waiter, schedule, now_s)
        slot = None if self._errands.pressing(now_s) else schedule.take(now_s)
        errand = self._errand(schedule, now_s) if slot is None else None
        try:
            if slot is not None:
                self._serve(schedule, slot, now_s)
            elif errand is not None:
                self._run(errand.slot, now_s)
            else:
                self._idle(waiter, schedule)
        except LinkError as fault:
            self._lost(str(fault))
            if errand is not None:
                self._missed(errand.slot, "link_down")
            if slot is not None:
                self._missed(slot, "link_down")
                schedule.done(slot, boot_seconds())

    def _errand(self, schedule: DeadlineSchedule, now_s: float) -> Errand | None:
        """The errand whose turn it is: there is time for it before the next poll, or it has waited long enough."""
        return self._errands.take(now_s, schedule.next_due_s(), price(self._bus))

    def _run(self, slot: Slot, now_s: float) -> None:
        """Put an errand on the wire, under the rules that polls keep."""
        free_s = self._talk.free_s(slot.unit)
        if self._port is None:
            self._missed(slot, "link_down")
        elif free_s > now_s:
            self._errands.hold(free_s)
        elif now_s < self._rest_until_s:
            self._missed(slot, "garbage")
        else:
            self._ask(slot, now_s)

    def _open(self, waiter: Waiter, schedule: DeadlineSchedule, now_s: float) -> None:
        """Try to open the port; a failure doubles the wait before the next try."""
        try:
            port = SerialPort.open(self._bus, waiter, self._guard)
        except LinkError as fault:
            self._tell(self._state.changed(False, str(fault), now_s))
            self._retry_s = now_s + self._retry_wait_s
            self._retry_wait_s = min(2 * self._retry_wait_s, _LONGEST_RETRY_S)
            return
        self._port = port
        self._retry_wait_s = _FIRST_RETRY_S
        self._talk.begin(OverheardPort(port, self._ears))
        self._health.fresh_start()
        schedule.all_due(now_s)
        self._tell(self._state.changed(True, "open", now_s))

    def _lost(self, reason: str) -> None:
        self._close()
        now_s = boot_seconds()
        self._tally.reconnects += 1
        self._retry_s = now_s + _FIRST_RETRY_S
        self._tell(self._state.changed(False, reason, now_s))

    def _close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def _idle(self, waiter: Waiter, schedule: DeadlineSchedule) -> None:
        """Nothing is due: sleep until something is, or until the port shows life without being asked."""
        until_s = min(schedule.next_due_s(), self._errands.next_s())
        if self._port is None:
            waiter.wait(None, min(until_s, self._retry_s))
        elif boot_seconds() < self._rest_until_s:
            waiter.wait(None, min(until_s, self._rest_until_s))
        elif self._port.wait(until_s):
            try:
                self._talk.overhear()
            except BabbleError as noise:
                self._faulted(str(noise))

    def _serve(self, schedule: DeadlineSchedule, slot: Slot, now_s: float) -> None:
        """Give a due ask its turn: on the wire, or told off at once where it has no chance."""
        if self._health.is_doubted(slot.unit) and schedule.give_way(slot, now_s):
            return
        if self._port is None:
            self._missed(slot, "link_down")
        elif now_s < self._rest_until_s:
            self._missed(slot, "garbage")
        elif not self._health.may_ask(slot.unit, now_s):
            self._missed(slot, "timeout")
        elif self._talk.free_s(slot.unit) <= now_s:
            self._ask(slot, now_s)
        elif schedule.postpone(slot, self._talk.free_s(slot.unit)):
            return
        else:
            self._missed(slot, "timeout")
        schedule.done(slot, boot_seconds())

    def _ask(self, slot: Slot, now_s: float) -> None:
        try:
            batch = self._talk.ask(slot.ask)
        except BabbleError as noise:
            self._missed(slot, "garbage")
            self._faulted(str(noise))
            return
        except SilenceError as silence:
            if not slot.errand:
                self._health.missed(slot.unit, boot_seconds(), boot_seconds() - now_s)
            self._missed(slot, silence.reason)
        except DoubtError:
            self._health.answered(slot.unit)
            self._missed(slot, "late")
        except FrameError as fault:
            self._missed(slot, fault.reason)
        except DeviceError as refusal:
            self._health.answered(slot.unit)
            self._missed(slot, f"exception_{refusal.code}")
        else:
            self._health.answered(slot.unit)
            self._tell(Answered(slot.device, slot.index, batch))
        self._tell(self._state.changed(True, "open", now_s))

    def _missed(self, slot: Slot, reason: str) -> None:
        self._tell(Missed(slot.device, slot.index, reason, boot_seconds()))

    def _faulted(self, reason: str) -> None:
        """Leave a line alone for a while that does not fall silent; it stays open."""
        now_s = boot_seconds()
        self._rest_until_s = now_s + _BABBLE_REST_S
        self._tell(self._state.changed(False, reason, now_s))
