"""How the uplink stands, kept for people: each change said once in the log, the figures ready for the health topic."""

from __future__ import annotations

from dataclasses import replace

from agent import log
from agent.uplink.dialect import Version
from agent.uplink.lanes import Lanes
from agent.uplink.orders import Orders
from agent.uplink.session import Memory, Session
from agent.uplink.status import UplinkStatus


class Standing:
    """Written by the uplink's thread; `status` is for any."""

    def __init__(self, broker: str, lanes: Lanes, orders: Orders, memory: Memory, now_s: float) -> None:
        self._broker = broker
        self._lanes = lanes
        self._orders = orders
        self._memory = memory
        self._accepted = 0
        self.taken_over = False
        """Another agent uses our name."""
        self._status = UplinkStatus(False, now_s, None, "not started", 0, 0, 0, 0, (), 0, False, False, 0)

    def status(self) -> UplinkStatus:
        """How things are."""
        status = self._status
        return status if status.connected else replace(status, backlog=self._lanes.unacknowledged)

    def up(self, version: Version, sid: int, now_s: float) -> None:
        """A broker let us in."""
        self._accepted += 1
        self._status = replace(self._status, connected=True, since_s=now_s, protocol=version, reason="", sid=sid)
        log.event("uplink_up", protocol=version, sid=sid, backlog=self._lanes.unacknowledged)

    def note(self, session: Session) -> None:
        """How far the session has come."""
        live, in_flight = self._lanes.live, session.window.records
        backlog = max(0, self._lanes.unacknowledged - live - in_flight)
        self._status = replace(self._remembered(), live=live, in_flight=in_flight, backlog=backlog)

    def down(self, reason: str, now_s: float, *, stopping: bool) -> None:
        """There is no connection, and why."""
        was = self._status
        since_s = now_s if was.connected else was.since_s
        self._status = replace(
            self._remembered(), connected=False, since_s=since_s, protocol=None, reason=reason, in_flight=0, live=0
        )
        if stopping:
            log.event("uplink_stopped", backlog=self._lanes.unacknowledged)
        elif was.connected or was.reason != reason:
            log.warn("uplink_down", broker=self._broker, reason=reason)

    def _remembered(self) -> UplinkStatus:
        memory = self._memory
        return replace(
            self._status,
            denied=tuple(sorted(memory.denied)),
            set_aside=memory.set_aside + self._lanes.unreadable,
            no_subscribers=memory.no_subscribers,
            duplicate_identity=self.taken_over,
            reconnects=max(0, self._accepted - 1),
            deaf=self._orders.deaf,
            commands_dropped=self._orders.dropped,
        )
