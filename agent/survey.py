"""What the running agent says when it is asked whether its site is ready: facts of this moment, and no judgement."""

from __future__ import annotations

from agent.helm import Helm
from agent.load.instant import Instant
from agent.release import VERSION
from agent.site import Site
from agent.uplink.contract import Json
from agent.uplink.expiry import Expiry
from agent.uplink.spool import Spool
from agent.uplink.status import UplinkStatus
from config.settings import Settings


class Survey:
    """Looks at all parts of the agent. Lives in the beat's thread."""

    def __init__(self, settings: Settings, site: Site, helm: Helm, spool: Spool, expiry: Expiry) -> None:
        self._settings = settings
        self._site = site
        self._helm = helm
        self._spool = spool
        self._expiry = expiry

    def facts(self, now: Instant, up_s: float, uplink: UplinkStatus) -> Json:
        """All of it, JSON-able, as `agent.readiness` judges it."""
        tls = self._settings.bureau.tls
        books, condition, room = self._spool.books(), self._spool.condition, self._spool.room()
        return {
            "version": VERSION,
            "site": self._settings.site.id,
            "up_s": round(up_s, 1),
            "clock": now.quality,
            "devices": self._devices(),
            "scanners": self._site.scans.health() if self._site.scans else {},
            "counters": {
                str(ref): {"base": meter.base, "total": meter.total, "fresh": meter.fresh(now)}
                for ref, meter in self._site.meters.items()
            },
            "inputs": dict(self._helm.inputs.states()),
            "spool": {
                "place": condition.place,
                "reason": condition.reason,
                "acked": books.acked,
                "held": books.held,
                "hours_left": room.hours_left(up_s),
            },
            "uplink": {
                "connected": uplink.connected,
                "reason": uplink.reason,
                "protocol": uplink.protocol,
                "denied": list(uplink.denied),
                "deaf": list(uplink.deaf),
                "no_subscribers": uplink.no_subscribers,
                "duplicate_identity": uplink.duplicate_identity,
            },
            "receipts": self._settings.bureau.receipts,
            "tls": [] if tls is None else ["ca", *(["own"] if tls.cert_file else [])],
            "certificate_days": self._expiry.days_left(now),
        }

    def _devices(self) -> dict[str, Json]:
        known = self._site.intake.identities()
        return {
            device: {
                "online": seen.online,
                "reason": seen.reason,
                "unsupported": list(seen.unsupported),
                "unasked": list(seen.unasked),
                "known_as": known[device][-1] if device in known else None,
            }
            for device, seen in self._site.presence().items()
        }
