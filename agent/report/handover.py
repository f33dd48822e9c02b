"""What this run hands over to the next one, gathered anew for each commit."""

from __future__ import annotations

from collections.abc import Callable

from agent import clock
from agent.baselines import Baselines
from agent.helm import Helm
from agent.load import memory
from agent.load.instant import Instant
from agent.report.numbering import Numbering
from agent.site import Site


class Handover:
    """`past` is what the run before handed over, `whose` the site's `province/city/id`; `is_heard` tells whether the
    bureau has what this run told of it. Lives in the beat's thread."""

    def __init__(  # noqa: PLR0913, PLR0917 - what is handed over, and on
        self, numbering: Numbering, site: Site, helm: Helm, past: Baselines, whose: str, is_heard: Callable[[], bool]
    ) -> None:
        self._numbering = numbering
        self._site = site
        self._helm = helm
        self._ntp_s = past.ntp_s
        self._untold = past.to_tell
        self._whose = whose
        self._is_heard = is_heard

    def baselines(self) -> Baselines:
        """What must outlive the process, at this moment."""
        site, now = self._site, clock.now()
        if self._untold and self._is_heard():
            self._untold = ()
        return Baselines(
            self._numbering.epoch,
            self._numbering.last,
            {str(ref): meter.state() for ref, meter in site.meters.items()},
            site.intake.cuts(),
            self._remembered(now),
            site.intake.identities(),
            site.lockers.state(now) if site.lockers else {},
            self._vouched_s(now),
            self._helm.kept(now),
            site.streams(),
            self._whose,
            self._untold,
        )

    def _remembered(self, now: Instant) -> dict[str, object]:
        """What the models of lines and site, and the register of devices, go on from after a restart."""
        models = memory.kept(now, {model.line.id: model for model in self._site.lines}, self._site.load)
        return models | {"devices": self._site.register.kept(now.boot_s)}

    def _vouched_s(self, now: Instant) -> int:
        if now.quality == "ntp":
            self._ntp_s = max(self._ntp_s, int(now.wall_s))
        return self._ntp_s
