"""The thread of all scanners: it waits while they are silent, and looks at ticks while they talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.bus import LinkChanged
from agent.bus.counts import BusCounts
from agent.bus.owner import OwnerThread
from agent.bus.tcp_watch import Watch
from agent.bus.waiter import Waiter
from agent.clock import boot_seconds
from agent.scans.approach import Approach, approach
from agent.scans.inlet import CHUNK_BYTES, Attended, Inlet, InletState, Ready
from config.scanner_settings import Scanner
from fastpath.scans import ScanCounter, Source

TICK_S = 0.01
"""Between two looks at scanners that talk: fewer system calls save more than anything else, and nobody waits. Half of
it costs half as much again at a thousand chunks a second. At forty thousand most of the cost is the
kernel's receiving (benchmarks/bench_scan_readers.py), and no tick makes that less."""

_LONGEST_WAIT_S = 0.5

Counted = tuple[Scanner, ScanCounter, Source]


class ScanReaders(OwnerThread):
    """The only thread that touches the scanners' connections and feeds their lines' counters."""

    def __init__(self, scanners: Sequence[Counted]) -> None:
        super().__init__("scans", len(scanners))
        self._scanners = scanners
        self._counters = list({id(counter): counter for _, counter, _ in scanners}.values())
        self._inlets: dict[str, Inlet] = {}
        self._ways: list[Approach] = []

    def counts(self) -> Mapping[str, BusCounts]:
        """A scanner is on no bus: nobody asks it anything."""
        return {}

    def states(self) -> dict[str, InletState]:
        """Each scanner's connection, by the scanner's id; empty before the thread runs."""
        return {name: inlet.state() for name, inlet in self._inlets.items()}

    def _work(self, waiter: Waiter) -> None:
        watch: Watch[Ready] = Watch(waiter.fd)
        buffer = bytearray(CHUNK_BYTES)
        inlets = {
            one.id: Inlet(one, (counter, source), watch, self._tell_link, buffer)
            for one, counter, source in self._scanners
        }
        self._ways = [approach(one.wire, inlets[one.id], watch, waiter) for one, _, _ in self._scanners]
        self._inlets = inlets
        try:
            while True:
                self._round(waiter, watch)
        finally:
            for way in self._ways:
                way.close()
            for inlet in self._inlets.values():
                inlet.end(boot_seconds())
            watch.close()

    def _tell_link(self, change: LinkChanged | None) -> None:
        self._tell(change)

    def _round(self, waiter: Waiter, watch: Watch[Ready]) -> None:
        now_s = waiter.alive()
        attended: tuple[Attended, ...] = (*self._ways, *self._inlets.values())
        for one in attended:
            one.attend(now_s)
        alarm_s = min(one.alarm_s for one in attended)
        woken, ready = watch.ready(min(alarm_s - boot_seconds(), _LONGEST_WAIT_S))
        if woken:
            waiter.woken()
        now_s = boot_seconds()
        for whose in ready:
            whose.ready(now_s)
        for counter in self._counters:
            counter.advance(int(1000 * now_s))
        if ready:
            waiter.pause(now_s + TICK_S)
