"""What the bureau asks to be sent again: found in the spool, sent as history, or said to be gone and why."""

from __future__ import annotations

import re
from collections import deque
from contextlib import suppress

from agent.uplink.contract import Json, Message
from agent.uplink.search import Named, Reads, Stretches, epoch_number, first_at_or_after, named, read
from agent.uplink.thin import TOO_LARGE
from agent.uplink.wanted import Wanted

QUEUED = 32
MOST = 10_000
_CHUNK = 64
_EPOCH = re.compile(r"[0-9]{1,15}-[0-9a-f]{6}")

FORM = '{"v":1,"epoch":"7-7c16a4","from":310,"to":340}'
"""As a refusal shows what a request looks like."""

NOT_KEPT = "no longer kept"
LOST = "lost on the card"
NOT_TAKEN = "brokers hang up on it"
NOT_HERE = "not on this card"
NOT_BEGUN = "an epoch that has not begun"
OTHER_RUN = "another run than the one that is asked"
UNREAD = "the card cannot be read now"
RETAINED = "a retained request is not obeyed; send it without retain"


class Resends:
    """For the uplink's thread. `answers` are what the bureau is to be told, oldest first."""

    def __init__(self, spool: Reads, epoch: str) -> None:
        self._spool = spool
        self._epoch = epoch
        self._stretches = Stretches(spool)
        self._wanted: deque[Wanted] = deque()
        self._under_way: dict[int, list[tuple[Wanted, int]]] = {}
        self._set_aside: set[int] = set()
        self._ahead: deque[tuple[int, Named, bytes]] = deque()
        self.answers: deque[Json] = deque()

    def __bool__(self) -> bool:
        """True while something is to be sent."""
        return any(not wanted.is_read for wanted in self._wanted)

    def ask(self, fields: Json, fault: str = "") -> None:
        """Take the fields of a `resend` command, or the `fault` for which it has none; what cannot be is answered at
        once."""
        try:
            wanted = self._read(fields, fault)
        except ValueError as refusal:
            self.refuse(str(refusal))
            return
        if wanted.range not in {one.range for one in self._wanted}:
            self._wanted.append(wanted)

    def refuse(self, reason: str, cmd: str = "resend") -> None:
        """Say, on `cmd/ack` as `cmd`, why what the bureau sent is none."""
        self.answers.append({"cmd": cmd, "refused": reason})

    def _read(self, fields: Json, fault: str) -> Wanted:
        if fault:
            raise ValueError(f"{fault}; expected: {FORM}")
        epoch, first, last = fields.get("epoch"), fields.get("from"), fields.get("to")
        if not isinstance(epoch, str) or not _EPOCH.fullmatch(epoch):
            raise ValueError(f"`epoch` is not <number>-<nonce>; expected: {FORM}")
        if type(first) is not int or type(last) is not int or not 1 <= first <= last < 2**53:
            raise ValueError(f"`from` and `to` are no range of numbers; expected: {FORM}")
        if last - first >= MOST:
            raise ValueError(f"more than {MOST} messages in one request")
        if len(self._wanted) >= QUEUED:
            raise ValueError("too many requests wait; ask again later")
        run = fields.get("run")
        return Wanted(epoch, first, last, run if isinstance(run, str) else None)

    def next(self) -> tuple[int, Message] | None:
        """The next message to send again and its position; None when there is none, or where only a later call can
        tell, so that no search takes long. Raises UnreadableError."""
        while (wanted := next((one for one in self._wanted if not one.is_read), None)) is not None:
            found = self._find(wanted)
            if found is None and wanted.position is None and not self._stretches.is_known:
                if self._stretches.walk():
                    continue
                return None
            if found is None:
                self._read_to_its_end(wanted)
                continue
            position, seq, record = found
            if position in self._set_aside:
                wanted.gone.append((seq, seq, NOT_TAKEN))
            elif seq not in wanted.sent:
                wanted.under_way.add(seq)
                waiting = self._under_way.setdefault(position, [])
                waiting.append((wanted, seq))
                if len(waiting) == 1:  # more of them share what becomes of it
                    return position, Message.decode(record)
        return None

    # --- what became of it ---

    def sent(self, position: int) -> None:
        """A broker has acknowledged the message there."""
        for wanted, seq in self._under_way.pop(position, ()):
            wanted.sent.add(seq)
            self._ended(wanted, seq)

    def refused(self, position: int) -> None:
        """The broker did not take the message there, and may another time: it is neither sent nor gone."""
        for wanted, seq in self._under_way.pop(position, ()):
            self._ended(wanted, seq)

    def too_large(self, position: int) -> None:
        """The broker takes nothing so large as the message there."""
        self._lose(position, TOO_LARGE)

    def set_aside(self, position: int) -> None:
        """Brokers hang up on the message there: it is not sent again while this process runs."""
        self._set_aside.add(position)
        self._lose(position, NOT_TAKEN)

    def _lose(self, position: int, reason: str) -> None:
        for wanted, seq in self._under_way.pop(position, ()):
            wanted.gone.append((seq, seq, reason))
            self._ended(wanted, seq)

    def reconnected(self) -> None:
        """What was under way is sent again over the new connection."""
        for wanted in self._wanted:
            wanted.again()
        self._under_way.clear()
        self._ahead.clear()
        self._stretches = Stretches(self._spool)

    def _ended(self, wanted: Wanted, seq: int) -> None:
        wanted.under_way.discard(seq)
        if wanted.is_over:
            self._wanted.remove(wanted)
            self.answers.extend(wanted.answers())

    # --- the search ---

    def _find(self, wanted: Wanted) -> tuple[int, int, bytes] | None:
        """Position, number and record of the next message of it that is there; what misses before it is noted."""
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
        wanted.find(one.seq, position)
        return position, one.seq, record

    def _begin(self, wanted: Wanted) -> bool:
        found = self._stretches.find(wanted.epoch, wanted.due)
        if found is None:
            return False
        wanted.position = found[0]
        wanted.miss(min(found[1].seq - 1, wanted.last), NOT_KEPT)
        return True

    def _read_ahead(self, wanted: Wanted) -> None:
        """Of records with an identity at least one, if there is any more; the others are passed over."""
        assert wanted.position is not None
        while not self._ahead and (found := read(self._spool, wanted.position, _CHUNK)):
            for position, record in found:
                with suppress(ValueError):
                    self._ahead.append((position, named(record), record))
            wanted.position = found[-1][0] + 1

    def _read_to_its_end(self, wanted: Wanted) -> None:
        """What was not found by now is gone; but of the running epoch only what has a later message behind it."""
        self._ahead.clear()
        if (refusal := self._refusal(wanted)) is not None:
            self._wanted.remove(wanted)
            self.answers.append({"cmd": "resend", "of": wanted.epoch, "refused": refusal})
            return
        if wanted.epoch != self._epoch or self._has_later(wanted):
            wanted.miss(wanted.last, self._reason(wanted))
        wanted.is_read = True
        self._ended(wanted, 0)

    def _refusal(self, wanted: Wanted) -> str | None:
        """Why an epoch of which nothing is here cannot be given up: it may be a later run's, with this site's name."""
        if wanted.epoch == self._epoch or wanted.position is not None or wanted.due > wanted.first:
            return None
        if not self._spool.is_known:
            return UNREAD
        if wanted.run is not None:
            return OTHER_RUN if wanted.run != self._epoch else None
        return NOT_BEGUN if epoch_number(wanted.epoch) > epoch_number(self._epoch) else None

    def _reason(self, wanted: Wanted) -> str:
        """Why it is not there. Another run of the same number, or one of a greater, was on another card."""
        if wanted.position is not None:
            return LOST
        number = epoch_number(wanted.epoch)
        found = first_at_or_after(self._spool, number, 1)
        is_other = found is not None and found[1].number == number and found[1].epoch != wanted.epoch
        elsewhere = is_other or (number >= epoch_number(self._epoch) and wanted.epoch != self._epoch)
        return NOT_HERE if elsewhere else NOT_KEPT

    def _has_later(self, wanted: Wanted) -> bool:
        return self._stretches.find(wanted.epoch, wanted.last + 1) is not None
