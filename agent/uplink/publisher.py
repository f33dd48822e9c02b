"""The uplink: one thread that keeps one connection to the bureau's broker and moves the spool through it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

from agent import clock
from agent.load.instant import Instant
from agent.uplink import contract, credentials, tls
from agent.uplink.backoff import Backoff
from agent.uplink.connection import Address, Connection, RefusedError
from agent.uplink.contract import Identity, Json
from agent.uplink.credentials import CredentialError, Login
from agent.uplink.dialect import Dialect, Version
from agent.uplink.hearing import Accepted, Acknowledged, Ended, Heard, Subscribed
from agent.uplink.inbox import Command
from agent.uplink.lanes import Lanes, Store
from agent.uplink.orders import Orders
from agent.uplink.outsized import Outsized
from agent.uplink.session import Documents, Memory, Pace, Session
from agent.uplink.shipping import Shipping
from agent.uplink.standing import Standing
from agent.uplink.status import UplinkStatus
from config.uplink_settings import Bureau

CONNECT_ALLOWANCE_S = 90.0
"""Resolving, connecting and shaking hands block, at worst so long; the watchdog is told beforehand."""
FAREWELL_S = 0.5
"""The end of the time to stop is kept for the last word."""
CLOCK_NOT_SET = "the clock is not set; TLS waits for it"
TLS_WAITS_S = 600.0
"""After so long without a time server it is tried with the clock as it is: a wrong one is refused by verification."""
CLOCK_RETRY_S = 1.0
_MARGIN_S = 0.1
_STEP_S = 5.0
_UNSUPPORTED_VERSION = 0x84
_TAKEN_OVER = 0x8E
_FORGIVEN_S = 600.0
_CONNECTS_AN_EPOCH = 65_536


class Publisher:
    """Made once, started once. `wake` after each commit; `retained` are the documents the broker shall keep now.

    A bug that killed the thread is raised by `wake` and `status`.
    """

    name = "uplink"

    def __init__(  # noqa: PLR0913, PLR0917 - what an uplink connects
        self,
        bureau: Bureau,
        identity: Identity,
        spool: Store,
        retained: Documents,
        login: Callable[[Bureau], Login | None] = credentials.login,
        pace: Pace = Pace(),  # noqa: B008 - frozen
        backoff: Backoff | None = None,
        now: Callable[[], Instant] = clock.now,
    ) -> None:
        self._bureau = bureau
        self._identity = identity
        self._retained = retained
        self._login = login
        self._lanes = Lanes(spool, epoch=identity.epoch, by_receipt=bureau.receipts)
        self._shipping = Shipping(self._lanes, pace.backlog_per_s, now)
        self._orders = Orders(identity.topic, self._lanes, self._shipping)
        self._pace = pace
        self._memory = Memory()
        self._dialect = Dialect()
        self._backoff = backoff or Backoff()
        self._connects = 0
        self._stopping = threading.Event()
        self._stop_at_s = float("inf")
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._now = now
        self._began_s = self._progress_s = clock.boot_seconds()
        self._bug: BaseException | None = None
        self._standing = Standing(
            f"{bureau.host}:{bureau.port}", self._lanes, self._orders, self._memory, self._began_s
        )

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something new in the spool. Costs one system call, never blocks."""
        self._raise_bug()
        if not self._stopping.is_set():
            os.eventfd_write(self._wake, 1)

    def stop(self, deadline_s: float) -> None:
        """Send what is live, say goodbye and end: within `deadline_s`, whatever the network does."""
        if self._stopping.is_set():
            return
        self._stop_at_s = clock.boot_seconds() + deadline_s
        self._stopping.set()
        os.eventfd_write(self._wake, 1)
        if self._thread.ident is not None:
            self._thread.join(deadline_s)
        if not self._thread.is_alive():
            os.close(self._wake)

    def status(self) -> UplinkStatus:
        """How things are; from any thread."""
        self._raise_bug()
        return self._standing.status()

    def take_commands(self) -> Sequence[Command]:
        """What the bureau commanded since the last call, oldest first; receipts and resends are not among it."""
        return self._orders.take()

    def take_answers(self) -> Sequence[Json]:
        """What is to be said on `cmd/ack` about messages that the bureau asked for again."""
        answers = self._lanes.resends.answers
        return [answers.popleft() for _ in range(len(answers))]

    @property
    def is_heard(self) -> bool:
        """Whether the bureau has the first message of this run, `meta`; where it gives no receipts, its broker."""
        return self._lanes.is_heard

    @property
    def outsized(self) -> Outsized:
        """Loss records that the broker takes only in parts."""
        return self._lanes.outsized

    @property
    def progress_s(self) -> float:
        """When the thread last went round its loop, on the boot-time clock; later than now while it may block."""
        return self._progress_s

    def _raise_bug(self) -> None:
        if self._bug is not None:
            raise self._bug

    # --- the thread ---

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as bug:  # noqa: BLE001 - handed to the beat, which ends the process
            self._bug = bug

    def _work(self) -> None:
        while not self._stopping.is_set():
            if not self._attempt():
                self._pause(self._backoff.delay_s(taken_over=self._standing.taken_over))

    def _pause(self, delay_s: float) -> None:
        until_s = clock.boot_seconds() + delay_s
        while (left_s := until_s - self._tick()) > 0 and not self._stopping.wait(min(left_s, _STEP_S)):
            pass

    def _tick(self) -> float:
        self._progress_s = now_s = clock.boot_seconds()
        return now_s

    def _attempt(self) -> bool:
        """One connection from beginning to end; True when the next attempt need not wait."""
        began_s = self._tick()
        version = self._dialect.choose(began_s)
        sid = self._identity.epoch_number * _CONNECTS_AN_EPOCH + min(self._connects + 1, _CONNECTS_AN_EPOCH - 1)
        try:
            connection = self._connect(version, sid)
        except (RefusedError, CredentialError) as error:
            self._down(str(error))
            if str(error) == CLOCK_NOT_SET:
                self._pause(CLOCK_RETRY_S)
                return True
            return False
        self._connects += 1  # the broker may know our will from here on: this sid is used
        setup_s = self._tick() - began_s
        greeting = self._greeting(connection, self._dialect.answer_s(version, setup_s, self._pace.connack_deadline_s))
        if isinstance(greeting, Accepted):
            self._dialect.accepted(version)
            self._down(self._live(connection, greeting, version, sid))
            return False
        self._down(greeting.reason)
        if greeting.code not in (None, _UNSUPPORTED_VERSION):
            return False
        return self._dialect.refused(version, self._tick(), plainly=greeting.code is not None)

    def _connect(self, version: Version, sid: int) -> Connection:
        bureau, identity = self._bureau, self._identity
        if bureau.tls is not None and self._clock_is_awaited():
            raise RefusedError(CLOCK_NOT_SET)
        self._progress_s = clock.boot_seconds() + CONNECT_ALLOWANCE_S
        will = contract.death(sid, "lwt")
        address = Address(bureau.host, bureau.port, identity.client_id, identity.topic("status"), will)
        secured = None if bureau.tls is None else tls.context(bureau.tls)
        connection = Connection(address, version, self._login(bureau), secured)
        connection.open(self._wake)
        self._tick()
        return connection

    def _clock_is_awaited(self) -> bool:
        """A certificate cannot be judged by a clock that is not set; for a while it may still be set (NTP is slow)."""
        now = self._now()
        return now.quality == "none" and now.boot_s < self._began_s + TLS_WAITS_S

    def _greeting(self, connection: Connection, deadline_s: float) -> Accepted | Ended:
        until_s = clock.boot_seconds() + deadline_s
        while not connection.events:
            left_s = min(until_s, self._stop_at_s) - self._tick()
            if left_s <= 0:
                connection.cut("the broker does not answer")
            elif self._stopping.is_set():
                connection.cut("stopped")
            else:
                connection.turn(min(left_s, _STEP_S))
        greeting = connection.events.popleft()
        if isinstance(greeting, Accepted | Ended):
            return greeting
        connection.cut("an answer to no question")
        return Ended("an answer to no question")

    def _live(self, connection: Connection, accepted: Accepted, version: Version, sid: int) -> str:
        """A connection from its CONNACK to its end; the reason of the end."""
        began = clock.now()
        topic = self._identity.topic
        session = Session(
            connection, accepted, topic, self._lanes, self._shipping, self._retained, self._memory, self._pace
        )
        session.open(contract.birth(self._identity, sid, began), began.boot_s)
        connection.subscribe(self._orders.topics)
        self._orders.begin()
        self._standing.up(version, sid, began.boot_s)
        ended = self._converse(connection, session, version, sid)
        lasted_s = self._tick() - began.boot_s
        self._backoff.ended(lasted_s)
        was_taken = self._standing.taken_over and lasted_s < _FORGIVEN_S
        self._standing.taken_over = ended.code == _TAKEN_OVER or was_taken
        if not self._stopping.is_set():
            session.ended(ended.code)
        return ended.reason

    def _converse(self, connection: Connection, session: Session, version: Version, sid: int) -> Ended:
        while True:
            now_s = self._tick()
            if (ended := self._hear(connection, session, now_s)) is not None:
                return ended
            stopping = self._stopping.is_set()
            farewell_s = self._stop_at_s - FAREWELL_S
            if stopping and (session.is_drained or now_s >= farewell_s):
                return self._farewell(connection, session, sid)
            if self._dialect.is_outgrown(version, now_s) and not len(session.window):
                connection.cut("trying MQTT 5 again")
            session.keep_deadlines(now_s)
            session.send(now_s, stopping=stopping)
            self._standing.note(session)
            connection.turn(min(session.wait_s(now_s, stopping=stopping), max(0.0, farewell_s - now_s)))

    def _farewell(self, connection: Connection, session: Session, sid: int) -> Ended:
        """Say `shutdown` and leave in order; where that is not acknowledged in time the will speaks for us."""
        if session.window.open_for_farewell:
            session.say_status(contract.death(sid, "shutdown"), self._tick())
        while len(session.window) and (left_s := self._stop_at_s - _MARGIN_S - self._tick()) > 0:
            connection.turn(left_s)
            if (ended := self._hear(connection, session, self._tick())) is not None:
                return ended
        if not len(session.window):
            connection.goodbye()
        connection.cut("stopped")
        return Ended("stopped")

    def _hear(self, connection: Connection, session: Session, now_s: float) -> Ended | None:
        while connection.events:
            event = connection.events.popleft()
            match event:
                case Ended():
                    return event
                case Acknowledged():
                    session.acknowledged(event, now_s)
                case Subscribed(refused):
                    self._orders.subscribed(refused)
                case Heard():
                    self._orders.hear(event, now_s)
        if self._orders.is_flooded:
            connection.cut("the broker floods us with commands")
        return None

    def _down(self, reason: str) -> None:
        self._standing.down(reason, self._tick(), stopping=self._stopping.is_set())
