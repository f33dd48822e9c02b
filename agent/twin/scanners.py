"""All scanners of a simulated site: what they say goes out in pieces cut anywhere, and its truth is known."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random

from agent.clock import boot_seconds
from agent.twin.codes import Codes
from agent.twin.flow import LineFlow
from agent.twin.loopback import is_loopback
from agent.twin.scan_ports import DialingPort, LinePort, ScanPort, WaitingPort
from agent.twin.speech import Line, Speech
from agent.twin.tunnel import Tunnel, Windows
from config.scanner_settings import Scanner, ScannerDial, ScannerSerial
from config.settings import Settings
from drivers.scanner import framing

TICK_S = 0.04
CHUNK_BYTES = 1 << 14
HEARTBEAT_MS = 2000
SETTLE_MS = 500
"""A reader that has just opened a serial line may throw away what it finds there."""

CHUTES = 60
"""Of a scanner whose settings name none."""

_HELD_BACK = 24


class ScannerPlay:
    """One scanner, its parcels and its wire."""

    def __init__(self, port: ScanPort, tunnel: Tunnel, rng: Random) -> None:
        self.port, self.tunnel, self._rng = port, tunnel, rng
        self._lines: deque[Line] = deque()
        self._said = 0
        self._heard_ms: int | None = None
        self._beat_ms = 0

    @property
    def heard(self) -> bool:
        """Whether what it says reaches somebody."""
        return self._heard_ms is not None and _now_ms() - self._heard_ms >= SETTLE_MS

    @property
    def idle(self) -> bool:
        """Whether everything is said."""
        return not self._lines and self.tunnel.silent

    def tick(self, running: bool) -> None:
        """Say what is due; a scanner that nobody hears says it to the air."""
        now_ms = _now_ms()
        if not self.port.heard:
            self._fall_silent()
            return
        if self._heard_ms is None:
            self._heard_ms = now_ms
        if not self.heard:
            self.tunnel.silence()
            return
        if running and now_ms - self._beat_ms >= HEARTBEAT_MS:
            self._beat_ms = now_ms
            self.tunnel.beat(now_ms)
        self._speak(now_ms)

    async def plug(self) -> None:
        await self.port.plug()

    async def unplug(self) -> None:
        """Pull the cable, in the middle of whatever is being said."""
        await self.port.unplug()
        self._fall_silent()

    def _fall_silent(self) -> None:
        self.tunnel.silence()
        while self._lines:
            self.tunnel.lost(self._lines.popleft(), self._said)
            self._said = 0
        self._heard_ms = None

    def _speak(self, now_ms: int) -> None:
        octets = bytearray(b"".join(line.octets for line in self._lines)[self._said :])
        fresh = False
        while len(octets) < CHUNK_BYTES and (line := self.tunnel.next_line(now_ms)) is not None:
            self._lines.append(line)
            octets += line.octets
            fresh = True
        if fresh:  # the rest of a line comes with the next piece
            octets = octets[: max(1, len(octets) - self._rng.randrange(_HELD_BACK))]
        while octets:
            piece = bytes(octets[: self._rng.randint(1, len(octets))])
            taken = self.port.write(piece)
            self._took(taken)
            if taken < len(piece):
                return
            del octets[:taken]

    def _took(self, octets: int) -> None:
        self._said += octets
        while self._lines and self._said >= len(self._lines[0].octets):
            line = self._lines.popleft()
            self._said -= len(line.octets)
            self.tunnel.told(line)


class Scanners:
    """Every scanner of `settings`. A parcel always passes the same scanner of its line. Same seed, same codes."""

    def __init__(self, settings: Settings, flows: Mapping[str, LineFlow], folder: Path, seed: int) -> None:
        self._lines = {scanner.id: scanner.line for scanner in settings.scanners}
        self.plays = {scanner.id: _play(scanner, folder, seed) for scanner in settings.scanners}
        self._ticking: asyncio.Task[None] | None = None
        for line in {scanner.line for scanner in settings.scanners}:
            flows[line].watch = partial(_pass_by, [self.plays[one] for one, at in self._lines.items() if at == line])

    async def start(self, catch_up: Callable[[], bool]) -> None:
        """Open every wire and begin to speak; `catch_up` lets happen what is due and tells whether parcels move.

        Raises OSError where an address cannot be had.
        """
        for play in self.plays.values():
            await play.plug()
        if self.plays:
            self._ticking = asyncio.create_task(self._tick(catch_up))

    async def close(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        for play in self.plays.values():
            await play.unplug()

    def truth(self) -> dict[str, dict[str, int]]:
        """For each line with scanners, how many of what a right counter has counted, by the counter's names."""
        together: dict[str, Counter[str]] = {line: Counter() for line in self._lines.values()}
        for scanner, line in self._lines.items():
            together[line] += self.plays[scanner].tunnel.truth
        return {line: dict(sorted(counts.items())) for line, counts in together.items()}

    def states(self) -> dict[str, dict[str, object]]:
        """Each scanner: where it is reached, whether it is plugged, whether somebody hears it, and whether it has said
        all there is to say."""
        return {
            name: {"address": play.port.address, "plugged": play.port.plugged, "heard": play.heard, "idle": play.idle}
            for name, play in self.plays.items()
        }

    async def _tick(self, catch_up: Callable[[], bool]) -> None:
        while True:
            running = catch_up()
            for play in self.plays.values():
                play.tick(running)
            await asyncio.sleep(TICK_S)


def _pass_by(plays: list[ScannerPlay], parcel: int, again: bool) -> None:
    plays[parcel % len(plays)].tunnel.pass_by(parcel, again, _now_ms())


def _play(scanner: Scanner, folder: Path, seed: int) -> ScannerPlay:
    rng = Random(f"{seed} {scanner.id}")  # noqa: S311, a simulation is meant to be repeatable
    loop_s = scanner.loop_s
    loop_ms = (round(1000 * loop_s[0]), round(1000 * loop_s[1])) if loop_s else None
    speech = Speech(framing(scanner), scanner.lanes or 1, CHUTES if scanner.chutes is None else scanner.chutes, rng)
    tunnel = Tunnel(speech, Windows(round(1000 * scanner.duplicate_s), loop_ms), Codes(rng), rng)
    return ScannerPlay(_port(scanner, folder), tunnel, rng)


def _port(scanner: Scanner, folder: Path) -> ScanPort:
    wire = scanner.wire
    if isinstance(wire, ScannerSerial):
        return LinePort(folder / f"scan-{scanner.id}")
    port = wire.port if is_loopback(wire.host) else 0
    return WaitingPort(port) if isinstance(wire, ScannerDial) else DialingPort(port)


def _now_ms() -> int:
    return int(1000 * boot_seconds())
