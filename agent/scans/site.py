"""All scanners of a site: their counters, the thread that reads them, and each line's scans for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from agent import log
from agent.load.instant import Instant
from agent.load.meter import Meter
from agent.load.scans import LineScans, ScanLoad
from agent.scans.counting import counter, source
from agent.scans.inlet import InletState
from agent.scans.readers import ScanReaders
from config.device_settings import CounterRef
from config.line_settings import Line
from config.scanner_settings import Scanner
from config.settings import Settings

SILENT_S = 10.0
"""A scanner that has no connection and brought nothing for so long is not heard. Some connect for each read."""


class SiteScans:
    """Made from the settings of a site with scanners. Lives in the beat's thread, but for `readers`.

    Raises UnsoundScannerError.
    """

    def __init__(self, settings: Settings, meters: Mapping[CounterRef, Meter], now_s: float) -> None:
        scanners_of = {line: [one for one in settings.scanners if one.line == line.id] for line in settings.lines}
        self._lines = {
            line.id: _line(line, scanners, meters, now_s) for line, scanners in scanners_of.items() if scanners
        }
        self.readers = ScanReaders([(one, self._lines[one.line].counter, source(one)) for one in settings.scanners])
        self._of = {line: [one.id for one in settings.scanners if one.line == line] for line in self._lines}
        self._heard = {one.id: (0, now_s) for one in settings.scanners}
        self._slowed = dict.fromkeys((one.id for one in settings.scanners), 0)
        self._flooding: frozenset[str] = frozenset()

    def take(self, at: Instant) -> None:
        """Each beat: what was counted is taken over from the readers."""
        heard = {scanner for scanner, state in self.readers.states().items() if self._hears(scanner, state, at.boot_s)}
        for line, scans in self._lines.items():
            scans.take(at, heard=heard.issuperset(self._of[line]))

    def _hears(self, scanner: str, state: InletState, now_s: float) -> bool:
        octets, since_s = self._heard[scanner]
        if state.up or state.octets > octets:
            octets, since_s = self._heard[scanner] = state.octets, now_s
        return now_s - since_s < SILENT_S

    def advance(self, at: Instant) -> dict[str, ScanLoad]:
        """Each line's scans, for the lines that have scanners."""
        self._notice_floods()
        return {line: scans.advance(at) for line, scans in self._lines.items()}

    def streams(self) -> dict[str, int]:
        """What all scanners counted since this run began, by stream, as it was last taken."""
        return {name: count for scans in self._lines.values() for name, count in scans.streams().items()}

    def finish(self) -> None:
        """After the readers have stopped: nothing that was counted stays behind."""
        for scans in self._lines.values():
            scans.finish()

    def health(self) -> dict[str, object]:
        """Each scanner's connection."""
        return {scanner: asdict(state) for scanner, state in self.readers.states().items()}

    def _notice_floods(self) -> None:
        """A scanner that brings more than its limit is told when it begins and when it ends."""
        slowed = {scanner: state.slowed for scanner, state in self.readers.states().items()}
        flooding = frozenset(scanner for scanner, times in slowed.items() if times > self._slowed[scanner])
        for scanner in sorted(flooding - self._flooding):
            log.warn("scanner_flood", scanner=scanner, detail="more than max_bytes_per_s: read more slowly")
        for scanner in sorted(self._flooding - flooding):
            log.event("scanner_flood_over", scanner=scanner)
        self._slowed, self._flooding = self._slowed | slowed, flooding


def _line(line: Line, scanners: list[Scanner], meters: Mapping[CounterRef, Meter], now_s: float) -> LineScans:
    eyes = dict.fromkeys((one.lane, one.silent_no_read) for one in scanners)  # one eye may serve several scanners
    seeing = [(lane, meters[ref]) for lane, ref in eyes if ref is not None]
    return LineScans(line.id, counter(line, scanners), seeing, now_s)
