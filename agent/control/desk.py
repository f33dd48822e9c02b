"""Answers requests with what the agent knows, or what one exchange on a wire tells; of devices it can only read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from agent import clock
from agent.bus import Answered, Missed, Owner
from agent.bus.ear import Ears
from agent.bus.errand import Errand
from agent.commission.sweep import is_there
from agent.control import ControlError
from agent.control.requests import Baseline, Lockers, Ordered, ProbeUnit, ReadOnce, Status
from agent.intake import Presence
from agent.local_orders import LocalOrders
from agent.orders.order import RefusedError
from agent.release import VERSION
from agent.stocktake import StockTakeRefusedError, StockTakes
from config.bus_settings import Bus
from config.settings import Settings
from drivers.modbus_frames import Read
from drivers.raw import raw_ask

if TYPE_CHECKING:
    from agent.lockers.site import SiteLockers

WITHIN_S = 15.0
"""How long an exchange may take with the wait for its turn: a unit that owes a late reply is left alone for 10 s."""

Json = dict[str, object]


class Desk:
    """Everything that may be asked of a running agent. Its methods are called from any thread and may wait."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it can be asked about
        self,
        settings: Settings,
        owners: Sequence[Owner],
        presence: Mapping[str, Presence],
        stocktakes: StockTakes | None = None,
        lockers: SiteLockers | None = None,
        here: LocalOrders | None = None,
    ) -> None:
        self._here = here
        self._settings = settings
        self._stocktakes = stocktakes
        self._owners = {bus: owner for owner in owners for bus in owner.counts()}
        self._presence = presence
        self._lockers = lockers
        self._started_s = clock.boot_seconds()

    def answer(self, request: Status | ReadOnce | ProbeUnit | Baseline | Lockers | Ordered) -> Json:
        """The reply to `request`. Raises ControlError."""
        match request:
            case Status():
                return self._status()
            case Lockers():
                return self._lockers.told(clock.boot_seconds()) if self._lockers else {"lockers": {}, "boards": {}}
            case ReadOnce(bus, read):
                return self._read(bus, read)
            case ProbeUnit(bus, unit):
                return self._probe(bus, unit)
            case Baseline(parcels, by):
                return self._rebase(parcels, by)
            case Ordered(kind, fields):
                return self._order(kind, fields)

    def _order(self, kind: str, fields: Json) -> Json:
        if self._here is None:
            raise ControlError("nobody", "nobody takes orders here")
        try:
            return dict(self._here.hand_over(kind, fields))
        except RefusedError as refusal:
            raise ControlError(refusal.reason, refusal.detail) from refusal

    def ears(self, bus: str) -> Ears:
        """Where those are kept who listen in on `bus`. Raises ControlError where nobody can."""
        self._known(bus)
        ears = self._owners[bus].ears().get(bus)
        if ears is None:
            raise ControlError("no_ear", f"nobody can listen in on {bus}")
        return ears

    def line(self, bus: str) -> Json:
        """How the wire of `bus` is set up, and whether lock boards speak on it. Raises ControlError."""
        return {**asdict(self._known(bus)), "boards": self._has_boards(bus)}

    def _status(self) -> Json:
        now_s = clock.boot_seconds()
        counts = {bus: owner.counts()[bus].nonzero() for bus, owner in self._owners.items()}
        quiet_s = {bus: round(now_s - owner.progress_s, 1) for bus, owner in self._owners.items()}
        return {
            "version": VERSION,
            "site": self._settings.site.id,
            "pid": os.getpid(),
            "up_s": round(now_s - self._started_s, 1),
            "buses": [
                asdict(bus) | {"counts": counts[bus.id], "progress_age_s": quiet_s[bus.id]}
                for bus in self._settings.buses
                if bus.id in self._owners
            ],
            "devices": [
                {"id": one.id, "bus": one.bus, "unit": one.unit, "profile": one.profile} | self._seen(one.id)
                for one in self._settings.devices
            ],
        }

    def _seen(self, device: str) -> Json:
        seen = self._presence.get(device)
        return {} if seen is None else {"online": seen.online, "reason": seen.reason}

    def _read(self, bus: str, read: Read) -> Json:
        began_s = clock.boot_seconds()
        outcome = self._run(bus, read)
        if isinstance(outcome, Missed):
            raise ControlError(outcome.reason)
        took_s = outcome.batch.at_s - began_s
        return {"at_s": outcome.batch.at_s, "took_ms": round(1000 * took_s, 1), "values": outcome.batch.values}

    def _probe(self, bus: str, unit: int) -> Json:
        """One register read: whoever refuses it is there too."""
        outcome = self._run(bus, Read(unit, "holding", 0, 1))
        if isinstance(outcome, Answered):
            return {"present": True, "reason": "answers"}
        if outcome.reason in ("link_down", "garbage", "listen_only"):
            raise ControlError(outcome.reason)
        return {"present": is_there(outcome.reason), "reason": outcome.reason}

    def _rebase(self, parcels: int, by: str) -> Json:
        if self._stocktakes is None:
            raise ControlError("no_backlog", "this agent keeps no backlog")
        try:
            return {"parcels": parcels, "before": self._stocktakes.hand_over(parcels, by)}
        except StockTakeRefusedError as refusal:
            raise ControlError("refused", str(refusal)) from refusal

    def _run(self, bus: str, read: Read) -> Answered | Missed:
        known = self._known(bus)
        if self._has_boards(bus):
            raise ControlError("board_bus", "lock boards are on this bus: they are asked in their own language only")
        if known.framing != "tcp" and read.unit == 0:
            raise ControlError("bad_request", "unit 0 of a serial line is everybody, and nobody answers")
        outcome = self._errand(bus, Errand(bus, raw_ask(read, known.framing)))
        if isinstance(outcome, Missed) and outcome.reason == "late":  # the first answer after a silence proves nothing
            return self._errand(bus, Errand(bus, raw_ask(read, known.framing)))
        return outcome

    def _has_boards(self, bus: str) -> bool:
        return any(board.bus == bus for board in self._settings.boards)

    def _errand(self, bus: str, errand: Errand) -> Answered | Missed:
        if not self._owners[bus].run_errand(errand):
            raise ControlError("busy", "too many wait for this wire")
        outcome = errand.wait(WITHIN_S)
        if outcome is None:
            raise ControlError("busy", f"no turn came within {WITHIN_S:.0f} s")
        return outcome

    def _known(self, bus: str) -> Bus:
        for one in self._settings.buses:
            if one.id == bus and bus in self._owners:
                return one
        raise ControlError("unknown_bus", f"there are: {', '.join(self._owners)}")
