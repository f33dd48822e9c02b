"""The owner of one line, here or behind a converter: opens it, asks in order of deadline, reopens it when lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.bus.counts import BusCounts, Tally
from agent.bus.ear import Ears, OverheardPort
from agent.bus.errand import Errand
from agent.bus.exchange import BabbleError, DoubtError, SilenceError
from agent.bus.health import BusHealth
from agent.bus.line_port import LinePort, patience_with, way_to
from agent.bus.link import LinkError, LinkState
from agent.bus.outcomes import Answered, Missed, Reopened
from agent.bus.owner import OwnerThread
from agent.bus.schedule import DeadlineSchedule, Slot, Station, slots_of
from agent.bus.serial_talk import Conversation, Unasked, nothing_unasked
from agent.bus.waiter import Waiter
from agent.clock import boot_seconds
from config.bus_settings import SerialBus, TcpBus
from drivers import Ask, DeviceError, FrameError, Guard
from drivers.modbus_guard import read_guard
from drivers.wire import Wire, price

FORBIDDEN = "forbidden"
_BABBLE_REST_S = 1.0
_MUTE_S = 60.0
_SILENCES = 3


class SerialOwner(OwnerThread):
    """The only thread that touches the line of `bus`; `devices` are the units on it and what each is asked.

    Nothing leaves that `guard` does not let pass: Modbus reads in the framing of the bus, unless another is given.
    `unasked` understands what devices of the line say by themselves.
    """

    def __init__(
        self,
        bus: SerialBus | TcpBus,
        devices: Sequence[tuple[Station, Sequence[Ask]]],
        guard: Guard | None = None,
        unasked: Unasked = nothing_unasked,
    ) -> None:
        self._slots = slots_of(devices)
        super().__init__(f"serial {bus.id}", len(self._slots))
        self._devices = {device.id: device for device, _ in devices}
        self._bus = bus
        self._units = {slot.unit for slot in self._slots}
        self._guard = guard or read_guard(bus.framing)
        self._way = way_to(bus, self._guard)
        self._patience = patience_with(bus)
        self._tally = Tally()
        self._health = BusHealth()
        self._talk = Conversation(Wire.of(bus), bus.timeout_s, self._tally, unasked)
        self._state = LinkState(bus.id)
        self._ears = Ears()
        self._port: LinePort | None = None
        self._retry_s = 0.0
        self._rest_until_s = 0.0
        self._mute_since_s = 0.0
        self._silences = 0
        self._silent_units: set[int] = set()

    def counts(self) -> Mapping[str, BusCounts]:
        """What went over the line since the owner was made."""
        return {self._bus.id: self._tally.counts()}

    def ears(self) -> Mapping[str, Ears]:
        """Who listens in on the line."""
        return {self._bus.id: self._ears}

    def run_errand(self, errand: Errand) -> bool:
        """As the owner's own; what may not leave on this line is missed at once."""
        if self._guard(errand.slot.ask.request(0)):
            return super().run_errand(errand)
        errand.finish(Missed(errand.slot.device, 0, FORBIDDEN, boot_seconds()))
        return True

    def _work(self, waiter: Waiter) -> None:
        schedule = DeadlineSchedule(self._slots, boot_seconds())
        try:
            while True:
                self._round(waiter, schedule)
        finally:
            self._close()

    def _round(self, waiter: Waiter, schedule: DeadlineSchedule) -> None:
        now_s = waiter.alive()
        self._heed(schedule, now_s)
        if self._port is None and now_s >= self._retry_s:
            self._open(waiter, schedule)
            now_s = waiter.alive()
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
        while self._talk.told:
            self._tell(self._talk.told.popleft())

    def _heed(self, schedule: DeadlineSchedule, now_s: float) -> None:
        """What others want: a device sooner, or asked differently."""
        while self._hurried:
            schedule.hurry(self._hurried.popleft())
        while self._replanned:
            device, asks = self._replanned.popleft()
            schedule.replan(self._devices[device], asks, now_s)

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

    def _open(self, waiter: Waiter, schedule: DeadlineSchedule) -> None:
        """Try to open the line; a failure doubles the wait before the next try."""
        try:
            port = self._way(waiter)
        except LinkError as fault:
            now_s = boot_seconds()
            self._tell(self._state.changed(False, str(fault), now_s))
            self._retry_s = now_s + self._patience.next_s()
            return
        self._port, now_s = port, boot_seconds()
        self._talk.begin(OverheardPort(port, self._ears))
        self._forget_silences()
        if not self._state.up:
            self._health.fresh_start()
        schedule.all_due(now_s)
        self._tell(self._state.changed(True, "open", now_s) or Reopened(self._bus.id, now_s))

    def _lost(self, reason: str) -> None:
        self._close()
        now_s = boot_seconds()
        self._tally.reconnects += 1
        self._retry_s = now_s + self._patience.next_s()
        self._tell(self._state.changed(False, reason, now_s))

    def _connect_anew(self) -> None:
        """Nobody answers: a converter started anew knows nothing of our connection; that is no news yet.

        Some USB adapters say nothing more until their port is opened again; a minute of silence is worth a try.
        """
        if self._silences < _SILENCES or not self._silent_units >= self._units:
            return
        if isinstance(self._bus, SerialBus) and boot_seconds() - self._mute_since_s < _MUTE_S:
            return
        self._close()
        self._tally.reconnects += 1

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
        doubted = self._health.is_doubted(slot.unit)
        if doubted and schedule.give_way(slot, now_s):
            return
        if self._port is None:
            self._missed(slot, "link_down")
        elif now_s < self._rest_until_s:
            self._missed(slot, "garbage")
        elif doubted and not self._health.may_ask(slot.unit, now_s):
            self._missed(slot, "timeout")
        elif self._talk.free_s(slot.unit) <= now_s:
            self._ask(slot, now_s)
        elif schedule.postpone(slot, self._talk.free_s(slot.unit)):
            return
        else:
            self._missed(slot, "timeout")
        schedule.done(slot, boot_seconds())
        self._connect_anew()

    def _ask(self, slot: Slot, now_s: float) -> None:
        try:
            batch = self._talk.ask(slot.ask)
        except BabbleError as noise:
            self._missed(slot, "garbage")
            self._faulted(str(noise))
            return
        except SilenceError as silence:
            self._silent(slot, silence.reason, now_s)
            self._missed(slot, silence.reason)
        except DoubtError:
            self._heard(slot)
            self._missed(slot, "late")
        except FrameError as fault:
            self._missed(slot, fault.reason)
        except DeviceError as refusal:
            self._heard(slot)
            self._missed(slot, f"exception_{refusal.code}")
        else:
            self._heard(slot)
            self._tell(Answered(slot.device, slot.index, batch, batch.at_s - now_s))
        if not self._state.up:
            self._tell(self._state.changed(True, "open", now_s))

    def _silent(self, slot: Slot, reason: str, now_s: float) -> None:
        """Somebody who asks for a unit that is not there shall not cost the others their connection."""
        if slot.errand:
            return
        self._health.missed(slot.unit, boot_seconds(), boot_seconds() - now_s)
        if reason in {"timeout", "echo"}:
            if not self._silences:
                self._mute_since_s = boot_seconds()
            self._silences += 1
            self._silent_units.add(slot.unit)

    def _heard(self, slot: Slot) -> None:
        self._health.answered(slot.unit)
        self._patience.reset()
        if self._silences:
            self._forget_silences()

    def _forget_silences(self) -> None:
        self._silences = 0
        self._silent_units.clear()

    def _missed(self, slot: Slot, reason: str) -> None:
        self._tell(Missed(slot.device, slot.index, reason, boot_seconds()))

    def _faulted(self, reason: str) -> None:
        """Leave a line alone for a while that does not fall silent; it stays open."""
        now_s = boot_seconds()
        self._rest_until_s = now_s + _BABBLE_REST_S
        self._tell(self._state.changed(False, reason, now_s))
