"""The bureau's worker: messages from the broker into the store, acknowledged when they are durable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from agent import clock, log
from agent.bureau.arrival import Arrival, Said, read
from agent.bureau.connection import StoreError
from agent.bureau.feedback import Desk, Publish
from agent.bureau.reception import BrokerAddress, Received, Reception
from agent.bureau.store import Opener, Store
from agent.bureau.view import RECEIPT
from agent.bureau.visits import Visits
from agent.bureau.waiting import Waiting
from agent.uplink.contract import ROOT

BATCH = 100
BATCH_BYTES = 32 << 10
"""What goes into one transaction, and is in memory unpacked, is little more than this, some forty messages: a burst of
more leaves the worker larger for good, for CPython hardly ever gives an arena back."""
QUEUED = 500
QUEUED_BYTES = 32 << 20
_RETRY_S = (0.1, 0.5, 2.0, 5.0, 15.0)
_ROUND_S = 1.0
_LONGEST_TOPIC = 160
"""As it is told in the log: what has a longer one is no agent's."""
_RETAINED = ("meta", "status", RECEIPT)
"""A shared subscription gets no retained messages (MQTT 5.0, 4.8.2): these are subscribed to by each worker as well."""

Done = TypeVar("Done")


@dataclass(slots=True)
class Progress:
    """What a worker has done so far. `rejected` messages were no agent's; `store_fault` is empty while all is well."""

    new: int = 0
    repeated: int = 0
    rejected: int = 0
    conflicts: int = 0
    connected: bool = False
    connection_fault: str = ""
    store_fault: str = ""


def filters(site: str, share: str | None) -> list[str]:
    """What to subscribe to for the sites of `site` (`prov/city/site`, `+` for any).

    `share` names a group of workers; each message goes to one of them.
    """
    everything = f"{ROOT}/{site}/#"
    if share is None:
        return [everything]
    return [f"$share/{share}/{everything}", *(f"{ROOT}/{site}/{tail}" for tail in _RETAINED)]


class Worker:
    """One thread with a store and a connection of its own. A bug that killed it is raised by `stop`."""

    def __init__(
        self,
        address: BrokerAddress,
        subscriptions: Sequence[str],
        open_store: Opener,
        make_desk: Callable[[Store, Publish], Desk] | None = None,
    ) -> None:
        self.progress = Progress()
        self.visits = Visits()
        self._name = address.client_id
        self._open_store = open_store
        self._make_desk = make_desk
        self._waiting = Waiting(QUEUED, QUEUED_BYTES)
        self._stopping = threading.Event()
        self._reception = Reception(address, subscriptions, self._receive, self._connection_changed)
        self._thread = threading.Thread(target=self._run, name=f"bureau {address.client_id}", daemon=True)
        self._bug: BaseException | None = None

    def start(self) -> None:
        """Connect and begin. Raises RefusedError when there is no such broker."""
        self._thread.start()
        self._reception.start()

    def stop(self) -> None:
        """Keep what has come, leave the broker, and end."""
        self._stopping.set()
        self._waiting.wake()
        if self._thread.ident is not None:
            self._thread.join()
        self._reception.stop()
        if self._bug is not None:
            raise self._bug

    @property
    def is_dead(self) -> bool:
        """A bug has killed it: nothing is kept any more."""
        return self._bug is not None

    @property
    def waiting_bytes(self) -> int:
        """What was received and is not in a transaction yet."""
        return self._waiting.bytes

    # --- paho's thread ---

    def _receive(self, received: Received) -> None:
        while not self._stopping.is_set():  # a worker that ends or has ended takes nothing any more
            if self._waiting.put(received, _ROUND_S):
                return

    def _connection_changed(self, connected: bool, reason: str) -> None:
        before, now_s = self.progress.connected, clock.boot_seconds()
        if connected != before or reason != self.progress.connection_fault:
            log.event("broker_up" if connected else "broker_down", reason=reason or None)
        self.progress.connected, self.progress.connection_fault = connected, reason
        if connected:
            self.visits.came(now_s)
        elif before and self.visits.went(now_s):
            log.warn(
                "name_in_use",
                client=self._name,
                do="give each consumer a --name of its own: another client has this one",
            )

    # --- the worker's own thread ---

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as bug:  # noqa: BLE001 - handed to who stops us
            self._bug = bug
            self._stopping.set()

    def _work(self) -> None:
        store = self._persist(self._open_store)
        if store is None:
            return
        desk = self._make_desk(store, self._reception.publish) if self._make_desk else None
        wait_s = _ROUND_S
        try:
            while (batch := self._waiting.take(BATCH, BATCH_BYTES, wait_s)) or not self._stopping.is_set():
                self._take(store, batch)
                if desk is not None and not self._stopping.is_set():
                    more = self._persist(lambda: desk.round(clock.boot_seconds(), clock.now().wall_s))
                    wait_s = 0.0 if more else _ROUND_S
        finally:
            store.close()

    def _take(self, store: Store, batch: list[Received]) -> None:
        for part in self._parts(batch):
            taken = self._persist(partial(store.take, part))
            if taken is None:
                return
            self.progress.new += taken.new
            self.progress.repeated += taken.repeated
            self.progress.conflicts += len(taken.conflicts)
            for site, epoch, seq in taken.conflicts:
                log.warn("identity_conflict", site=site, epoch=epoch, seq=seq)
        for one in batch:
            self._reception.kept(one)

    def _parts(self, batch: list[Received]) -> Iterator[list[Said]]:
        """What the batch holds, a transaction at a time: a small frame may unpack to much."""
        part: list[Said] = []
        size_bytes = 0
        for one in self._readable(batch):
            part.append(one)
            size_bytes += len(one.payload) if isinstance(one, Arrival) else 0
            if size_bytes >= BATCH_BYTES:
                yield part
                part, size_bytes = [], 0
        if part:
            yield part

    def _readable(self, batch: list[Received]) -> Iterator[Said]:
        for one in batch:
            try:
                yield from read(one.topic, one.payload, retained=one.retained)
            except ValueError as error:
                self.progress.rejected += 1
                log.warn("message_rejected", topic=one.topic[:_LONGEST_TOPIC], reason=error)

    def _persist(self, work: Callable[[], Done]) -> Done | None:
        """What `work` gives, however long the database is away; None when it is time to end first."""
        tries = 0
        while True:
            try:
                done = work()
            except StoreError as error:
                if str(error) != self.progress.store_fault:
                    self.progress.store_fault = str(error)
                    log.warn("store_down", reason=error)
            else:
                if self.progress.store_fault:
                    self.progress.store_fault = ""
                    log.event("store_up")
                return done
            if self._stopping.wait(_RETRY_S[min(tries, len(_RETRY_S) - 1)]):
                return None
            tries += 1
