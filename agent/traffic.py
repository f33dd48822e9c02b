"""What a site sends in a day, what its card is made to write for that, and how long its spool lasts: from its settings.

The messages are made as the agent makes them, of models whose counters run at six tenths of what their lines were
built for; only what no settings tell (health, records, a scanner's figures) is a usual size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.baselines import Baselines, Epoch
from agent.load import memory
from agent.load.instant import Instant
from agent.load.line import LineModel
from agent.load.meter import CounterRule, Meter
from agent.load.site import SiteModel
from agent.uplink import reports, site_reports
from agent.uplink.contract import ROOT, Head, Message
from agent.uplink.spool.wear import PAGE_BYTES
from config.device_settings import CounterRef
from config.load_settings import Mode
from config.settings import Settings

LOAD = 0.6
HEALTH_BYTES, HEALTH_A_BUS_BYTES = 900, 120
SCAN_BYTES, RECORD_BYTES, RECORDS_A_DAY = 350, 400, 28
ATTENDANCE_BYTES, ATTENDANCES_A_DAY = 330, 25
LOCKER_S, LOCKER_TURNS = 30.0, 3
PACKET_BYTES = 92
"""What a message costs besides topic and payload: MQTT's own bytes, its acknowledgement, and two TCP/IP headers."""

TLS_BYTES = 58
FRAME_BYTES = 40
"""What a record and its frame hold besides."""

_DAY_S, _HOUR_S, _STEP_S = 86_400.0, 3600.0, 60.0
_MODULUS = 2**32


@dataclass(frozen=True, slots=True)
class Traffic:
    """Of a day in one mode: messages, bytes over the network, bytes the card must write, and for how many hours the
    spool holds everything while the bureau is away."""

    mode: Mode
    report_s: float
    messages: int
    network_bytes: int
    card_bytes: int
    spool_hours: float


class _Sample:
    """A quarter of an hour of the site in virtual time, and the messages it would send."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        rates = _rates_pph(settings)
        self.meters = {ref: Meter(CounterRule(_MODULUS, 1e6, period_s=_STEP_S), 10**6) for ref in rates}
        self.models = [LineModel(line, self.meters, settings.load) for line in settings.lines]
        self.site = SiteModel(settings.load, self.models, self.meters)
        for step in range(17):
            self.at = Instant("00000000", 1e5 + _STEP_S * step, 1.8e9 + _STEP_S * step, "ntp")
            for ref, pph in rates.items():
                self.meters[ref].advance(int(1e6 + pph / _HOUR_S * _STEP_S * step), self.at)
            for model in self.models:
                model.sample(self.at)
            self.site.sample(self.at)
        self.loads = {model.line.id: model.advance(self.at) for model in self.models}
        self.whole = self.site.advance(self.at, self.loads)

    def _head(self) -> Head:
        return Head(self.at, str(Epoch(100, "abcdef")), 1_000_000)

    def report(self) -> Iterator[int]:
        """The sizes of what each report sends."""
        scanned = {one.line for one in self._settings.scanners}
        for model in self.models:
            name, counts = model.line.id, model.meters
            said = reports.telemetry(self._head(), name, self.loads[name], counts, self.loads[name], 10.0)
            yield self._size(said) + (SCAN_BYTES if name in scanned else 0)
        docks = {ref: self.meters[ref] for ref in self._settings.load.floor.counters()}
        if docks:
            yield self._size(site_reports.site_telemetry(self._head(), self.whole, docks, self.whole, 10.0))

    def minute(self) -> Iterator[int]:
        """The sizes of what goes with the agent's health."""
        yield self._size(site_reports.site_state(self._head(), self.whole))
        yield self._topic_bytes + HEALTH_BYTES + HEALTH_A_BUS_BYTES * len(self._settings.buses)
        stations = {model.line.id: model.stations(self.at) for model in self.models}
        for name, load in self.loads.items():
            yield self._size(reports.line_state(self._head(), name, load, stations[name]))

    def half_minute(self) -> Iterator[int]:
        """The sizes of what the lockers send."""
        if not self._settings.lockers:
            return
        from agent.lockers.site import SiteLockers  # a site without lockers does without
        from agent.uplink import locker_fields

        for name, model in SiteLockers(self._settings.lockers, self.at.boot_s).models.items():
            load = model.draw(self.at)
            yield self._size(locker_fields.telemetry(self._head(), name, load, locker_fields.shares(load)))

    def state_bytes(self) -> int:
        """What each frame holds of the counters and models besides its messages."""
        counters = {str(ref): meter.state() for ref, meter in self.meters.items()}
        kept = memory.kept(self.at, {model.line.id: model for model in self.models}, self.site)
        return len(Baselines(Epoch(100, "abcdef"), 1_000_000, counters, {}, kept).encode())

    @property
    def _topic_bytes(self) -> int:
        site = self._settings.site
        return len(f"{ROOT}/{site.province}/{site.city}/{site.id}/")

    def _size(self, message: Message) -> int:
        return self._topic_bytes + len(message.tail) + len(message.payload)


def expected(settings: Settings, mode: Mode = "normal") -> Traffic:
    """What is to be expected of a day in this mode; with deadbands it can be less."""
    sample, report_s = _Sample(settings), settings.reporting.interval_s(mode, settings.bureau.report_s)
    minute_s = min(60.0, 6 * settings.bureau.report_s)
    turns = min(len(settings.lockers), LOCKER_TURNS)
    records = (len(settings.lines) + 1) * RECORDS_A_DAY
    parts = [
        (_DAY_S / report_s, list(sample.report())),
        (_DAY_S / minute_s, list(sample.minute())),
        (_DAY_S / LOCKER_S, list(sample.half_minute())),
        (records, [RECORD_BYTES]),
        ((len(settings.devices) + len(settings.boards) + 1) * ATTENDANCES_A_DAY, [ATTENDANCE_BYTES]),
    ]
    messages = sum(times * len(sizes) for times, sizes in parts)
    said = sum(times * sum(sizes) for times, sizes in parts)
    frames = _DAY_S / min(report_s, minute_s, LOCKER_S / turns if turns else minute_s)
    appended = said + messages * FRAME_BYTES + frames * sample.state_bytes()
    return Traffic(
        mode,
        report_s,
        round(messages),
        round(said + messages * (PACKET_BYTES + (TLS_BYTES if settings.bureau.tls else 0))),
        round(min(appended + frames * PAGE_BYTES, settings.spool.card_bytes_a_day)),
        round(settings.spool.max_bytes / (appended / 24), 1),
    )


def _rates_pph(settings: Settings) -> dict[CounterRef, float]:
    """How fast each counter runs."""
    found: dict[CounterRef, float] = {}
    for line in settings.lines:
        for role, ref in line.counters():
            share = len(getattr(line, role)) * (1 if role in {"induct", "discharge"} else 20)
            found[ref] = LOAD * line.capacity_pph / share
    floor = settings.load.floor
    through = LOAD * sum(line.capacity_pph for line in settings.lines)
    found |= {ref: through / len(floor.unload) for ref in floor.unload}
    return found | {ref: through / len(floor.load) for ref in floor.load}
