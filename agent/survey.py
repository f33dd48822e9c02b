"""What the running agent says when it is asked whether its site is ready: facts of this moment, and no judgement."""

from __future__ import annotations

from agent.bus.schedule import Station
from agent.helm import Helm
from agent.load.instant import Instant
from agent.machine import Machine
from agent.release import VERSION
from agent.site import Site
from agent.uplink.contract import Json
from agent.uplink.expiry import Expiry
from agent.uplink.spool import Spool
from agent.uplink.status import UplinkStatus
from config.settings import Settings


class Survey:
    """Looks at all parts of the agent. Lives in the beat's thread."""

    def __init__(  # noqa: PLR0913, PLR0917 - these are the parts it looks at
        self, settings: Settings, site: Site, helm: Helm, spool: Spool, expiry: Expiry, machine: Machine
    ) -> None:
        self._settings = settings
        self._site = site
        self._helm = helm
        self._spool = spool
        self._expiry = expiry
        self._machine = machine

    def facts(self, now: Instant, up_s: float, uplink: UplinkStatus) -> Json:
        """All of it, JSON-able, as `agent.readiness` judges it."""
        bureau = self._settings.bureau
        return {
            "version": VERSION,
            "site": self._settings.site.id,
            "up_s": round(up_s, 1),
            "clock": now.quality,
            "devices": self._devices(),
            "scanners": self._site.scans.health() if self._site.scans else {},
            "counters": self._counters(now),
            "inputs": dict(self._helm.inputs.states()),
            "spool": self._spooled(up_s),
            "uplink": {"broker": f"{bureau.host}:{bureau.port}", **_told(uplink, now)},
            "receipts": bureau.receipts,
            "tls": [] if bureau.tls is None else ["ca", *(["own"] if bureau.tls.cert_file else [])],
            "certificate_days": self._expiry.days_left(now),
            "machine": self._machine.facts(),
        }

    def _counters(self, now: Instant) -> dict[str, Json]:
        meters = self._site.meters.items()
        return {str(ref): {"base": one.base, "total": one.total, "fresh": one.fresh(now)} for ref, one in meters}

    def _spooled(self, up_s: float) -> Json:
        books, condition = self._spool.books(), self._spool.condition
        return {
            "directory": str(self._settings.spool.directory),
            "place": condition.place,
            "reason": condition.reason,
            "acked": books.acked,
            "held": books.held,
            "hours_left": self._spool.room().hours_left(up_s),
        }

    def _devices(self) -> dict[str, Json]:
        known = self._site.intake.identities()
        stations: tuple[Station, ...] = (*self._settings.devices, *self._settings.boards)
        bus_of = {one.id: one.bus for one in stations}
        boards = {one.id for one in self._settings.boards}
        return {
            device: {
                "online": seen.online,
                "reason": seen.reason,
                "bus": bus_of[device],
                "board": device in boards,
                "wire": self._site.intake.down.get(bus_of[device], ""),
                "unsupported": list(seen.unsupported),
                "unasked": list(seen.unasked),
                "known_as": known[device][-1] if device in known else None,
            }
            for device, seen in self._site.presence().items()
        }


def _told(uplink: UplinkStatus, now: Instant) -> Json:
    return {
        "connected": uplink.connected,
        "for_s": round(max(0.0, now.boot_s - uplink.since_s), 1),
        "reason": uplink.reason,
        "protocol": uplink.protocol,
        "waiting": uplink.live + uplink.in_flight + uplink.backlog,
        "denied": list(uplink.denied),
        "deaf": list(uplink.deaf),
        "no_subscribers": uplink.no_subscribers,
        "duplicate_identity": uplink.duplicate_identity,
    }
