"""What the bureau is told of lines and site: their figures, what happened to them, and how they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from agent.helm import Helm
from agent.load.instant import Instant
from agent.load.line import LineModel
from agent.load.line_load import LineLoad, Quality
from agent.load.metric_rows import EQUIPMENT, SITE_STATE
from agent.load.site import SiteLoad
from agent.site import Site
from agent.uplink import input_reports, reports, site_reports
from agent.uplink.contract import Head, Json, Message
from agent.uplink.scan_fields import scan_fields
from agent.uplink.worth import Worth
from config.settings import Settings

if TYPE_CHECKING:
    from agent.load.scans import ScanLoad


class FloorReport:
    """Draws the loads and makes the messages of them. `head` begins the next message. Lives in the beat's thread."""

    def __init__(
        self, settings: Settings, site: Site, helm: Helm, head: Callable[[Instant], Head], started_s: float
    ) -> None:
        self._settings = settings
        self._site = site
        self._helm = helm
        self._head = head
        self._started_s = started_s
        self._worth = Worth(settings.reporting)
        self._qualities: dict[str, Quality] = {}
        self._told: dict[str, tuple[LineLoad, float]] = {}
        self._site_told: tuple[SiteLoad | None, float] = None, started_s
        self._scans_told: Mapping[str, ScanLoad] = {}
        self.is_drawn = False

    def sample(self, now: Instant) -> None:
        """Have every model see its counters, each beat."""
        for model in self._site.lines:
            model.sample(now, self._helm.conditions(model.line.id))
        self._site.load.sample(now, self._helm.conditions())

    def judge(self, now: Instant) -> None:
        """Have every model judged by what is in force now, which is something else than at its last sample."""
        for model in self._site.lines:
            model.judge(now, self._helm.conditions(model.line.id))
        self._site.load.judge(now, self._helm.conditions())

    def due(self, now: Instant, *, figures: bool, states: bool) -> list[Message]:
        """The figures that a reporting interval owes, and how lines and site stand, from one drawing of the loads,
        which is most of the work."""
        loads = self._loads(now)
        load = self._site.load.advance(now, loads)
        told = self._figures(now, loads, load) if figures else []
        return [*told, *self._states(now, loads, load)] if states else told

    def _figures(self, now: Instant, loads: Mapping[str, LineLoad], load: SiteLoad) -> list[Message]:
        self.is_drawn = True
        scans = self._site.scans.advance(now) if self._site.scans else {}
        told: list[Message] = []
        for model in self._site.lines:
            name = model.line.id
            told += self._line(now, model, loads[name], scans.get(name))
        self._scans_told = scans
        return [*told, *self._docks(now, load)]

    def happened(self, now: Instant) -> list[Message]:
        """What happened to lines and site since this was asked, and how those stand now whose state or quality changed;
        each beat, so nothing is drawn of a line of which there is no news."""
        told: list[Message] = []
        for model in self._site.lines:
            name, events = model.line.id, model.steering.take_events()
            if events or (self.is_drawn and self._qualities.get(name) != model.quality):
                told += [site_reports.event(self._head(now), name, one) for one in events]
                told.append(self._line_state(now, model, model.advance(now)))
        if events := self._site.load.steering.take_events():
            told += [site_reports.event(self._head(now), None, one) for one in events]
            told.append(self._site_state(now, self._site.load.advance(now, self._loads(now))))
        return told

    def standing(self, now: Instant) -> list[Message]:
        """How the lines and the site stand."""
        return self.due(now, figures=False, states=True)

    def _states(self, now: Instant, loads: Mapping[str, LineLoad], load: SiteLoad) -> Iterator[Message]:
        yield from (self._line_state(now, model, loads[model.line.id]) for model in self._site.lines)
        yield self._site_state(now, load)

    def _loads(self, now: Instant) -> dict[str, LineLoad]:
        return {model.line.id: model.advance(now) for model in self._site.lines}

    def _site_state(self, now: Instant, load: SiteLoad) -> Message:
        equipment = EQUIPMENT.fields(self._site.register.draw(now))
        return site_reports.site_state(self._head(now), load, {**self._helm.summary(), **equipment})

    def _line_state(self, now: Instant, model: LineModel, load: LineLoad) -> Message:
        self._qualities[model.line.id] = load.quality
        return reports.line_state(self._head(now), model.line.id, load, model.stations(now))

    def _line(self, now: Instant, model: LineModel, load: LineLoad, seen: ScanLoad | None) -> Iterator[Message]:
        """A line as it is, since it was told last. What scanners saw in an interval is told with it, whatever moved."""
        name = model.line.id
        if seen is None and not self._is_worth(now, f"line/{name}", load.quality, lambda: reports.figures(load)):
            return
        counts = model.meters | {ref: self._site.meters[ref] for ref in self._settings.eyes(name)}
        before, at_s = self._told.get(name, (None, self._started_s))
        self._told[name] = load, now.boot_s
        scans = scan_fields(seen, self._scans_told.get(name)) if seen else {}
        said = {**scans, **input_reports.line_fields(self._helm.inputs.of(name))}
        yield reports.telemetry(self._head(now), name, load, counts, before, now.boot_s - at_s, said)

    def _docks(self, now: Instant, load: SiteLoad) -> Iterator[Message]:
        """The site's own telemetry, where it counts at its docks."""
        counts = {ref: self._site.meters[ref] for ref in self._settings.load.floor.counters()}
        if counts and self._is_worth(now, "site", load.quality, lambda: SITE_STATE.fields(load)):
            (before, at_s), self._site_told = self._site_told, (load, now.boot_s)
            yield site_reports.site_telemetry(self._head(now), load, counts, before, now.boot_s - at_s)

    def _is_worth(self, now: Instant, place: str, quality: Quality, figures: Callable[[], Json]) -> bool:
        """Whether a place is told now."""
        return not self._worth.asked or self._worth.is_told(place, now.boot_s, quality, figures())
