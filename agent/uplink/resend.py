"""What the bureau asks to be sent again: found in the spool, sent as history, or said to be gone and why."""

from __future__ import annotations

import re
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from agent.uplink.contract import Json, Message
from agent.uplink.search import Named, Reads, epoch_number, first_at_or_after, named, read

QUEUED = 32
MOST = 10_000
_CHUNK = 64
_EPOCH = re.compile(r"[0-9]{1,15}-[0-9a-f]{6}")

NOT_KEPT = "no longer kept"
LOST = "lost on the card"
TOO_LARGE = "larger than the broker takes"


@dataclass(slots=True)
class Wanted:
    """Numbers `first` to `last` of one epoch; `due` is the next that is looked for, `position` where."""

    epoch: str
    first: int
    last: int
    due: int
    position: int | None = None
    sent: int = 0
    gone: list[tuple[int, int, str]] = field(default_factory=list)

    @property
    def range(self) -> tuple[str, int, int]:
        """What was asked for."""
        return self.epoch, self.first, self.last

    def answer(self) -> Json:
        """What the bureau is told when it is over."""
        return {
            "cmd": "resend",
            "of": self.epoch,
            "from": self.first,
            "to": self.last,
            "sent": self.sent,
            "gone": [list(one) for one in self.gone],
        }

    def miss(self, upto: int, reason: str) -> None:
        """From `due` to `upto` nothing is there."""
        if upto >= self.due:
            self.gone.append((self.due, upto, reason))
            self.due = upto + 1


class Resends:
    """For the uplink's thread. `answers` are what the bureau is to be told, oldest first."""

    def __init__(self, spool: Reads, epoch: str) -> None:
        self._spool = spool
        self._epoch = epoch
        self._wanted: deque[Wanted] = deque()
        self._ahead: deque[tuple[int, Named, bytes]] = deque()
        self.answers: deque[Json] = deque()

    def __bool__(self) -> bool:
        """True while something is to be sent."""
        return bool(self._wanted)

    def ask(self, fields: Json) -> None:
        """Take the fields of a `resend` command; what cannot be is answered at once."""
        try:
            wanted = self._read(fields)
        except ValueError as refusal:
            self.answers.append({"cmd": "resend", "refused": str(refusal)})
            return
        if wanted.range not in {one.range for one in self._wanted}:
            self._wanted.append(wanted)

    def _read(self, fields: Json) -> Wanted:
        epoch, first, last = fields.get("epoch"), fields.get("from"), fields.get("to")
        if not isinstance(epoch, str) or not _EPOCH.fullmatch(epoch):
            raise ValueError("`epoch` is not <number>-<nonce>")
        if type(first) is not int or type(last) is not int or not 1 <= first <= last < 2**53:
            raise ValueError("`from` and `to` are no range of numbers")
        if last - first >= MOST:
            raise ValueError(f"more than {MOST} messages in one request")
        if len(self._wanted) >= QUEUED:
            raise ValueError("too many requests wait; ask again later")
        if epoch_number(epoch) > epoch_number(self._epoch):
            raise ValueError("an epoch that has not begun")
        return Wanted(epoch, first, last, first)

    def next(self) -> tuple[int, Message] | None:
        """The next message to send again and its position; None when there is none. Raises UnreadableError."""
        while self._wanted:
            wanted = self._wanted[0]
            found = self._find(wanted)
            if found is not None:
                wanted.sent += 1
                return found
            self._over(wanted)
        return None

    def too_large(self, message: Message) -> None:
        """The broker does not take that one."""
        one = named(message.encode())
        alone = Wanted(one.epoch, one.seq, one.seq, one.seq)
        alone.miss(one.seq, TOO_LARGE)
        self.answers.append(alone.answer())

    def _find(self, wanted: Wanted) -> tuple[int, Message] | None:
        """The next message of it that is there; what misses before it is noted."""
        if wanted.position is None and not self._begin(wanted):
            return None
        if not self._ahead:
            self._read_ahead(wanted)
        if not self._ahead:
            return None
        position, one, record = self._ahead.popleft()
        if one.epoch != wanted.epoch or one.seq > wanted.last:
            return None
        wanted.miss(one.seq - 1, LOST)
        wanted.due, wanted.position = one.seq + 1, position + 1
        return position, Message.decode(record)

    def _begin(self, wanted: Wanted) -> bool:
        found = first_at_or_after(self._spool, epoch_number(wanted.epoch), wanted.first)
        if found is None or found[1].epoch != wanted.epoch:
            return False
        wanted.position = found[0]
        wanted.miss(min(found[1].seq - 1, wanted.last), NOT_KEPT)
        return True

    def _read_ahead(self, wanted: Wanted) -> None:
        assert wanted.position is not None
        for position, record in read(self._spool, wanted.position, _CHUNK):
            with suppress(ValueError):
                self._ahead.append((position, named(record), record))

    def _over(self, wanted: Wanted) -> None:
        """What was not found by now is gone; but of the running epoch only what has a later message behind it."""
        if wanted.epoch != self._epoch or self._has_later(wanted):
            wanted.miss(wanted.last, NOT_KEPT if wanted.position is None else LOST)
        self.answers.append(wanted.answer())
        self._wanted.popleft()
        self._ahead.clear()

    def _has_later(self, wanted: Wanted) -> bool:
        return first_at_or_after(self._spool, epoch_number(wanted.epoch), wanted.last + 1) is not None
