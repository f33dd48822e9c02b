"""The way to the bureau in virtual time: the agent's session on a scripted wire, a broker that may forget, the bureau's
store and desk. Acknowledged is only what the broker has said; kept is what the store holds; between them it may burn.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from simulated_site import Life, World

from agent import clock
from agent.bureau.arrival import Said, read
from agent.bureau.databases import SqliteDatabase
from agent.bureau.feedback import Desk
from agent.bureau.store import Store
from agent.uplink import contract
from agent.uplink.contract import Json
from agent.uplink.hearing import Accepted, Acknowledged, Heard
from agent.uplink.inbox import Command
from agent.uplink.lanes import Lanes
from agent.uplink.orders import Orders
from agent.uplink.outsized import Outsized
from agent.uplink.session import Memory, Pace, Session
from agent.uplink.shipping import Shipping
from agent.uplink.status import UplinkStatus

RECEIPT_S, GRACE_S = 300.0, 900.0
ROUNDS = 40
"""So often the session may send and be answered within a beat: a minute is long on any wire."""


@dataclass
class Network:
    """The broker and the bureau; `reachable` from the site or not, `listening` the bureau's consumer or not."""

    random: Random
    reachable: bool = True
    listening: bool = True
    loses_share: float = 0.0

    def __post_init__(self) -> None:
        self._database = SqliteDatabase(Path(":memory:"))
        self.store = Store(self._database)
        self.queue: deque[tuple[str, bytes]] = deque()
        self.orders: deque[tuple[str, bytes]] = deque()
        self.retained: dict[str, bytes] = {}
        self.connections = 0
        self.taken = self.repeated = 0
        self._desk = self._new_desk()

    def _new_desk(self) -> Desk:
        return Desk(self.store, self._order, receipt_s=RECEIPT_S, grace_s=GRACE_S)

    def _order(self, topic: str, payload: bytes, *, retain: bool) -> bool:
        self.orders.append((topic, payload))
        if retain:
            self.retained[topic] = payload
        return True

    def wipe(self) -> None:
        """The broker is killed and its store is gone: what it acknowledged and nobody has taken never was."""
        self.queue.clear()
        self.orders.clear()
        self.retained.clear()
        self._desk = self._new_desk()  # the consumer says its receipts again to a broker that knows of nothing

    def go_on(self, now_s: float, wall_s: float) -> list[Said]:
        """The consumer takes what waits, some of it twice and out of order, and its desk does what is due."""
        if not self.listening:
            return []
        batch = list(self.queue)
        self.queue.clear()
        if batch and self.random.random() < 0.2:
            batch += self.random.sample(batch, min(3, len(batch)))
            self.random.shuffle(batch)
        arrivals = [arrival for topic, payload in batch for arrival in read(topic, payload)]
        if arrivals:
            taken = self.store.take(arrivals)
            self.taken, self.repeated = self.taken + taken.new, self.repeated + taken.repeated
        while self._desk.round(now_s, wall_s):
            pass
        return arrivals

    def bases(self) -> dict[tuple[str, int], tuple[int, int | None]]:
        """By counter and base the interval that the bureau knows."""
        rows = self._database.execute("SELECT counter, base, lo, hi FROM counted").fetchall()
        return {(counter, base): (lo, hi) for counter, base, lo, hi in rows}

    def payloads(self) -> list[str]:
        """Every message that it keeps."""
        return [payload for (payload,) in self._database.execute("SELECT payload FROM message").fetchall()]


class Wire:
    """One connection: what is published reaches the broker, or not; its acknowledgements are fetched by `Uplink`."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._packet = 0
        self.pubacks: deque[Acknowledged] = deque()
        self.is_cut = False

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> int | None:
        if self.is_cut:
            return None
        network = self._network
        self._packet += 1
        lost = network.random.random() < network.loses_share
        if not lost or network.random.random() < 0.5:
            network.queue.append((topic, payload))
            if retain:
                network.retained[topic] = payload
        if lost:
            self.is_cut = True  # in the middle of it: arrived or not, nobody is told
        else:
            self.pubacks.append(Acknowledged(self._packet, 0))
        return self._packet

    def cut(self, reason: str) -> None:
        self.is_cut = True


class Uplink:
    """What `agent.uplink.publisher` is without thread and socket: it connects, obeys and lets the session speak."""

    def __init__(self, world: World, network: Network, life: Life) -> None:
        self._world, self._network, self._life = world, network, life
        self._lanes = Lanes(life.spool, epoch=str(life.epoch), by_receipt=world.settings.bureau.receipts)
        self._shipping = Shipping(self._lanes, 1500.0, clock.now)
        self._orders = Orders(life.identity.topic, self._lanes, self._shipping)
        self._memory = Memory()
        self._wire: Wire | None = None
        self._session: Session | None = None

    def wake(self) -> None: ...

    def take_answers(self) -> Sequence[Json]:
        answers = self._lanes.resends.answers
        return [answers.popleft() for _ in range(len(answers))]

    @property
    def outsized(self) -> Outsized:
        return self._lanes.outsized

    @property
    def is_heard(self) -> bool:
        return self._lanes.is_heard

    def take_commands(self) -> Sequence[Command]:
        return self._orders.take()

    def status(self) -> UplinkStatus:
        up = self._session is not None
        return UplinkStatus(up, 0.0, "5" if up else None, "", 0, 0, 0, 0, (), 0, False, False, 0)

    def go_on(self, now_s: float) -> None:
        """A beat's time on the wire."""
        if not self._network.reachable or (self._wire and self._wire.is_cut):
            self._hang_up()
        if self._network.reachable and self._session is None:
            self._connect(now_s)
        if self._session and self._wire:
            self._obey(now_s)
            self._speak(self._session, self._wire, now_s)

    def _connect(self, now_s: float) -> None:
        self._network.connections += 1
        self._wire = wire = Wire(self._network)
        topic = self._life.identity.topic
        self._session = session = Session(
            wire, Accepted(100, None), topic, self._lanes, self._shipping, self._life.commits.retained,
            self._memory, Pace(),
        )  # fmt: skip
        session.open(contract.birth(self._life.identity, self._network.connections, clock.now()), now_s)
        receipt = topic("cmd/receipt")
        if receipt in self._network.retained:
            self._orders.hear(Heard(receipt, self._network.retained[receipt], retained=True), now_s)

    def _hang_up(self) -> None:
        if self._session:
            self._session.ended(None)
        self._session = self._wire = None

    def _obey(self, now_s: float) -> None:
        while self._network.orders:
            self._orders.hear(Heard(*self._network.orders.popleft(), retained=False), now_s)

    def _speak(self, session: Session, wire: Wire, now_s: float) -> None:
        for round_number in range(ROUNDS):
            at_s = now_s + round_number / ROUNDS
            session.keep_deadlines(at_s)
            while wire.pubacks:
                session.acknowledged(wire.pubacks.popleft(), at_s)
            session.send(at_s)
            if not wire.pubacks or wire.is_cut:
                return


def identity_of(payload: bytes) -> tuple[str, int]:
    """Which message it is."""
    fields: dict[str, Any] = json.loads(payload)
    return str(fields["epoch"]), int(fields["seq"])
