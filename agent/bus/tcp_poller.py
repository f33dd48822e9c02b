"""The owner of all TCP buses: asks all that is due at one moment, and reaps the answers in few wake-ups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.bus.counts import BusCounts, Tally
from agent.bus.ear import Ears
from agent.bus.owner import OwnerThread
from agent.bus.schedule import Station, Tick, replan, slots_of, ticks_of
from agent.bus.tcp_link import TcpLink
from agent.bus.tcp_watch import Watch
from agent.bus.waiter import Waiter
from agent.clock import boot_seconds
from config.bus_settings import TcpBus
from drivers import Ask

_GATHER_S = 0.002  # a wake-up costs more than reading one more answer
_LONGEST_WAIT_S = 0.5
_NEVER = float("inf")


class TcpOwner(OwnerThread):
    """The only thread that touches the connections of `buses`; `devices` are the units behind them."""

    def __init__(self, buses: Sequence[TcpBus], devices: Sequence[tuple[Station, Sequence[Ask]]]) -> None:
        self._slots = slots_of(devices)
        super().__init__("tcp", len(self._slots))
        self._buses = buses
        self._devices = {device.id: device for device, _ in devices}
        self._tallies = {bus.id: Tally() for bus in buses}
        self._ears = {bus.id: Ears() for bus in buses}
        self._links: dict[str, TcpLink] = {}

    def counts(self) -> Mapping[str, BusCounts]:
        """What went over each bus since the owner was made."""
        return {bus: tally.counts() for bus, tally in self._tallies.items()}

    def ears(self) -> Mapping[str, Ears]:
        """Who listens in on each bus."""
        return self._ears

    def _work(self, waiter: Waiter) -> None:
        watch: Watch[TcpLink] = Watch(waiter.fd)
        self._links = {bus.id: self._link(bus, watch, waiter) for bus in self._buses}
        ticks = ticks_of(self._slots, boot_seconds())
        try:
            while True:
                self._round(waiter, watch, ticks)
        finally:
            for link in self._links.values():
                link.close()
            watch.close()

    def _link(self, bus: TcpBus, watch: Watch[TcpLink], waiter: Waiter) -> TcpLink:
        slots = [slot for slot in self._slots if slot.bus == bus.id]
        heard = (self._tallies[bus.id], self._ears[bus.id])
        return TcpLink(bus, slots, heard, self._tell, (watch, waiter.wake))

    def _round(self, waiter: Waiter, watch: Watch[TcpLink], ticks: Sequence[Tick]) -> None:
        now_s = waiter.alive()
        links = self._links.values()
        for link in links:
            link.attend(now_s)
        self._hurry(now_s)
        self._replan(ticks, now_s)
        self._run_errands(now_s)
        if self._tick(ticks, now_s):
            waiter.pause(now_s + _GATHER_S)
            for link in links:
                if link.awaiting:
                    link.ready(boot_seconds())
        alarm_s = min((link.alarm_s for link in links), default=_NEVER)
        due_s = min((tick.due_s for tick in ticks), default=_NEVER)
        self._reap(waiter, watch, min(alarm_s, due_s, self._errands.next_s()))

    def _tick(self, ticks: Sequence[Tick], now_s: float) -> bool:
        """Ask everything that is due; True when something was."""
        due = [tick for tick in ticks if tick.due_s <= now_s]
        for tick in due:
            for slot in tick.slots:
                self._links[slot.bus].ask(slot, now_s)
            tick.done(now_s)
        return bool(due)

    def _reap(self, waiter: Waiter, watch: Watch[TcpLink], until_s: float) -> None:
        """Wait for answers; when the first is there give the others a moment to join it."""
        woken, ready = watch.ready(min(until_s - boot_seconds(), _LONGEST_WAIT_S))
        if woken:
            waiter.woken()
        if ready and sum(link.awaiting for link in self._links.values()) > len(ready):
            waiter.pause(boot_seconds() + _GATHER_S)
            _, ready = watch.ready(0.0)
        for link in ready:
            link.ready(boot_seconds())

    def _replan(self, ticks: Sequence[Tick], now_s: float) -> None:
        while self._replanned:
            name, asks = self._replanned.popleft()
            device = self._devices[name]
            gone, fresh = replan(self._slots, device, asks)
            tick = next(tick for tick in ticks if tick.period_s == device.period_s)
            tick.slots = [slot for slot in tick.slots if slot not in gone] + fresh
            self._links[device.bus].replan(gone, fresh, now_s)

    def _run_errands(self, now_s: float) -> None:
        """One at a time, in line with the asks of its bus."""
        while (errand := self._errands.take(now_s)) is not None:
            self._links[errand.slot.bus].ask(errand.slot, now_s)

    def _hurry(self, now_s: float) -> None:
        while self._hurried:
            device = self._hurried.popleft()
            for slot in self._slots:
                if slot.device == device:
                    self._links[slot.bus].ask(slot, now_s)
