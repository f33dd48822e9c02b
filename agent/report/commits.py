"""How messages become durable: in one frame with the baselines they came from, at the pace that the card may bear."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from agent import clock, log
from agent.baselines import Baselines
from agent.uplink.contract import Message
from agent.uplink.spool import GOOD, Condition, Spool
from agent.uplink.spool.remedy import remedy
from agent.uplink.spool.wear import Allowance
from config.messages import word
from config.uplink_settings import Spool as SpoolSettings

MOST_WAIT_S = 60.0
"""A commit waits no longer for the card's budget: what waits is lost with the power."""

KEPT_S = 10.0
"""So old may be what is durable of counts that stand nowhere but here: those of scanners."""

SLOW_S = 1.0
"""A commit that takes longer holds up the beat; cards that fail flush for seconds before they refuse."""


class Commits:
    """For the beat's thread, but for `retained`. `baselines` gives what must be kept at the moment of a commit."""

    def __init__(self, spool: Spool, settings: SpoolSettings, baselines: Callable[[], Baselines]) -> None:
        self._spool = spool
        self._directory, self._most_bytes = settings.directory, settings.max_bytes
        self._baselines = baselines
        self._wake: Callable[[], None] = lambda: None
        self._waiting: list[Message] = []
        self._waiting_since_s = 0.0
        self._allowance = Allowance(settings.card_bytes_a_day, MOST_WAIT_S, clock.boot_seconds())
        self._retained: dict[str, Message] = {}
        self._retained_now: tuple[int, Sequence[Message]] = spool.next_position, ()
        self._condition = GOOD  # so that a spool which could not be opened is told, too
        self._slowest_s = self._committed_s = 0.0

    def begin(self, wake: Callable[[], None]) -> None:
        """From now on call `wake` after each commit."""
        self._wake = wake

    def offer(self, messages: Sequence[Message]) -> None:
        """Commit these, or let them wait a little where the card has had its bytes for now."""
        now_s = clock.boot_seconds()
        if not self._waiting:
            self._waiting_since_s = now_s
        self._waiting += messages
        waiting_s, waiting_bytes = now_s - self._waiting_since_s, sum(len(one.payload) for one in self._waiting)
        has_left = self._allowance.has_left(self._spool.room().card, now_s)
        if has_left or self._allowance.is_overdue(waiting_s, waiting_bytes, self._most_bytes):
            self.commit(())

    def commit(self, messages: Sequence[Message]) -> None:
        """Make these and what waits durable; then the uplink may have them."""
        messages, self._waiting = [*self._waiting, *messages], []
        if not messages:
            return
        self._write([message.encode() for message in messages])
        self._retained.update((message.tail, message) for message in messages if message.retain)
        self._retained_now = self._spool.next_position, tuple(self._retained.values())
        self._wake()

    @property
    def is_old(self) -> bool:
        """Whether the last commit was KEPT_S ago."""
        return clock.boot_seconds() - self._committed_s >= KEPT_S

    def keep(self) -> bool:
        """Make what must outlive the process durable though there is nothing to tell, where the card has bytes left."""
        has_left = self._allowance.has_left(self._spool.room().card, clock.boot_seconds())
        if has_left and not self._waiting:  # else what waits must go with it, and is not due
            self._write(())
        return has_left and not self._waiting

    def _write(self, records: Sequence[bytes]) -> None:
        state = self._baselines().encode()
        for piece in _pieces(records, self._spool.most_bytes):
            began_s = clock.boot_seconds()
            self._spool.commit(piece, state)
            self._time(clock.boot_seconds() - began_s)
        self._committed_s = clock.boot_seconds()

    def _time(self, took_s: float) -> None:
        self._slowest_s = max(self._slowest_s, took_s)
        if took_s > SLOW_S:
            log.warn("spool_slow", commit_s=round(took_s, 1), do="look at the card: it may be about to fail")

    def take_slowest_s(self) -> float:
        """The longest that a commit took since this was asked last; 0 where there was none."""
        slowest_s, self._slowest_s = self._slowest_s, 0.0
        return slowest_s

    def retained(self) -> tuple[int, Sequence[Message]]:
        """The documents the broker shall keep, and the position from which on the spool's records are newer than they
        are; called by the uplink's thread."""
        return self._retained_now

    def watch(self) -> None:
        """Call each beat: a failed disk is tried again, and where commits go now is said once."""
        self._spool.tick()
        condition = self._spool.condition
        if condition != self._condition:
            self._condition = condition
            self._tell(condition)

    def _tell(self, condition: Condition) -> None:
        if condition == GOOD:
            log.event("spool_condition", place="disk")
        else:
            do = word(remedy(condition.reason), "en", directory=self._directory)
            log.warn("spool_condition", place=condition.place, dir=self._directory, reason=condition.reason, do=do)


def _pieces(records: Sequence[bytes], most_bytes: int) -> Iterator[list[bytes]]:
    """The records in as few commits as hold them; nearly always one."""
    piece: list[bytes] = []
    left = most_bytes
    for record in records:
        left -= len(record) + 4
        if piece and left < 0:
            yield piece
            piece, left = [], most_bytes - len(record) - 4
        piece.append(record)
    yield piece
