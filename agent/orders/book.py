"""The order book: which orders stand, which wait for the right time, which numbers were seen: so none runs twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.load.instant import Instant
from agent.orders.entry import Entry, entry, wall_ms
from agent.orders.known_time import Known, KnownTime
from agent.orders.order import (
    KINDS,
    LONGEST_MS,
    MOST,
    AlarmOrder,
    BaselineOrder,
    Kind,
    Order,
    RefusedError,
)

Outcome = Literal["accepted", "waits", "ends", "ended"]
MOST_SEEN = 16
"""So many numbers of a kind are known with their orders; a retained one may come again behind others that were not."""

MOST_STANDING = 8
"""So many orders of a kind stand at most, with those that are still to begin."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of an entry. What `ends` has `left_ms` at most, and `then` rules, None where nothing stands."""

    entry: Entry
    outcome: Outcome
    left_ms: int = 0
    then: Order | None = None


class Book:
    """Takes orders and tells which of each kind is in force: of those whose time it is, the one taken last.

    An order of the bureau with a window needs a known time: until there is one it waits. Its end is never early:
    without a known time it stands until it must be over. An order from the machine goes by the machine's clock.
    """

    def __init__(self, *, trust_rtc: bool = False) -> None:
        self._time = KnownTime(trust_rtc=trust_rtc)
        self._seen: dict[Kind, dict[int, str]] = {}
        self._standing: list[Entry] = []
        self._waiting: list[Entry] = []
        self._local_seq = 0

    def known(self, now: Instant) -> Known:
        """The wall time, as far as it can be trusted."""
        return self._time.at(now)

    def is_repeat(self, kind: Kind, seq: int, digest: str) -> bool:
        """Whether this very order was taken before. Raises RefusedError for another one with an old number."""
        seen = self._seen.get(kind, {})
        if seen.get(seq) == digest:
            return True
        if seq <= (last := max(seen, default=0)):
            raise RefusedError("replayed", f"`seq` {seq} is not above {last}")
        return False

    def note(self, kind: Kind, seq: int, digest: str) -> None:
        """That number is used up, whatever becomes of the order."""
        seen = {**self._seen.get(kind, {}), seq: digest}
        self._seen[kind] = dict(list(seen.items())[-MOST_SEEN:])

    def take(self, kind: Kind, seq: int, order: Order, now: Instant) -> Turn:
        """Have an order of the bureau stand or wait. Raises RefusedError."""
        made, known = Entry(kind, seq, "bureau", order), self.known(now)
        if isinstance(order, BaselineOrder) and not known.exact:
            raise RefusedError("clock", "nobody knows the time here; a stock-take cannot wait")
        if isinstance(order, BaselineOrder) and (order.from_ms or 0) > known.least_ms:
            raise RefusedError("value", "`from` has not come: a stock-take is of now")
        if order.to_ms is not None and not known.exact and order.to_ms > known.least_ms:
            return self._wait(made)
        return self._stand(made, known.least_ms)

    def take_here(self, kind: Kind, order: Order, now: Instant) -> Turn:
        """Have an order of somebody on this machine stand. Raises RefusedError."""
        self._local_seq += 1
        return self._stand(Entry(kind, self._local_seq, "site", order), wall_ms(now))

    def _wait(self, made: Entry) -> Turn:
        if sum(one.kind == made.kind for one in self._waiting) >= MOST_STANDING:
            raise RefusedError("full", f"{MOST_STANDING} orders of this kind wait already; end them first")
        self._waiting.append(made)
        return Turn(made, "waits")

    def _stand(self, made: Entry, at_ms: int) -> Turn:
        order = made.order
        if order.to_ms is not None and order.to_ms <= at_ms:
            raise RefusedError("expired", "`to` has passed")
        if order.to_ms is not None and order.to_ms - max(at_ms, order.from_ms or 0) > LONGEST_MS:
            raise RefusedError("value", "`to` lies more than 400 days ahead")
        if isinstance(order, BaselineOrder | AlarmOrder):
            return Turn(made, "accepted")
        if order.is_end:
            self._waiting = [one for one in self._waiting if one.kind != made.kind]
        of_kind = [] if order.is_end else [one for one in self._standing if one.kind == made.kind]
        kept = [one for one in of_kind if not _covers(order, one.order, at_ms)]
        if len(kept) >= MOST_STANDING:
            raise RefusedError("full", f"{MOST_STANDING} orders of this kind stand already; end them first")
        others = [one for one in self._standing if one.kind != made.kind]
        self._standing = [*others, *kept, *([] if order.is_end else [made.standing(at_ms)])]
        return Turn(made, "accepted")

    def advance(self, now: Instant) -> list[Turn | tuple[Entry, RefusedError]]:
        """What begins, ends or need not wait any more at `now`."""
        known, turns = self.known(now), list[Turn | tuple[Entry, RefusedError]]()
        if known.exact:
            waited, self._waiting = self._waiting, []
            for one in waited:
                try:
                    turns.append(self._stand(one, known.least_ms))
                except RefusedError as refusal:
                    turns.append((one, refusal))
        ended = [one for one in self._standing if one.is_over(now, known)]
        self._standing = [one for one in self._standing if one not in ended]
        return [*turns, *(Turn(one, "ended") for one in ended), *self._ending(now, known)]

    def _ending(self, now: Instant, known: Known) -> Iterator[Turn]:
        """What is in force and has come near its end."""
        for one in (self.ruling("mode", now), self.ruling("plan", now)):
            left_ms = None if one is None else one.left_ms(now, known)
            if one is None or left_ms is None or (warned := one.warned(left_ms)) is one:
                continue
            self._standing[self._standing.index(one)] = warned
            yield Turn(warned, "ends", left_ms, self._after(warned))

    def _after(self, ending: Entry) -> Order | None:
        """What rules where that ends, by what stands now."""
        end_ms, others = ending.order.to_ms or 0, [one.order for one in self._standing if one.kind == ending.kind]
        due = [one for one in others if (one.from_ms or 0) <= end_ms and (one.to_ms is None or one.to_ms > end_ms)]
        return due[-1] if due else None

    def ruling(self, kind: Kind, now: Instant) -> Entry | None:
        """What of that kind is in force; None where nobody ordered any."""
        known = self.known(now)
        due = [one for one in self._standing if one.kind == kind and one.has_begun(now, known)]
        return due[-1] if due else None

    @property
    def waiting(self) -> Sequence[Entry]:
        """Orders that begin to hold when the time is known."""
        return self._waiting

    def kept(self) -> dict[str, object]:
        """What must outlive the process, JSON-able; empty where nothing was ever ordered."""
        forms = {
            "seen": {kind: [list(one) for one in seen.items()] for kind, seen in self._seen.items()},
            "standing": [one.form() for one in self._standing],
            "waiting": [one.form() for one in self._waiting],
        }
        kept: dict[str, object] = {name: form for name, form in forms.items() if form}
        return kept | ({"time": self._time.kept(), "local": self._local_seq} if kept else {})

    def restore(self, kept: Mapping[str, object]) -> None:
        """Go on from `kept()` of an earlier run. ValueError, and nothing changed, for anything else: then old numbers
        could be played again, which somebody must be told."""
        if not kept:
            return
        try:
            seen = dict(_seen(kept.get("seen")))
            standing = [entry(form) for form in _list(kept.get("standing"))]
            waiting = [entry(form) for form in _list(kept.get("waiting"))]
            local = kept.get("local", 0)
            if not isinstance(local, int):
                raise ValueError("no order book")
            self._time.restore(kept.get("time"))
        except RefusedError as fault:
            raise ValueError(str(fault)) from fault
        self._seen, self._standing, self._waiting, self._local_seq = seen, standing, waiting, local


def _covers(order: Order, earlier: Order, at_ms: int) -> bool:
    """Whether `earlier` can never be in force again while `order`, which was taken after it, stands."""
    begins_first = (order.from_ms or at_ms) <= max(earlier.from_ms or at_ms, at_ms)
    return begins_first and (order.to_ms is None or (earlier.to_ms is not None and earlier.to_ms <= order.to_ms))


def _seen(written: object) -> Iterable[tuple[Kind, dict[int, str]]]:
    for name, numbers in written.items() if isinstance(written, dict) else ():
        kind = KINDS.get(name) if isinstance(name, str) else None
        if kind is None or not isinstance(numbers, list):
            raise ValueError("no numbers of orders")
        yield kind, dict(_number(one) for one in numbers)


def _number(written: object) -> tuple[int, str]:
    if isinstance(written, list) and len(written) == 2:
        seq, digest = written
        if type(seq) is int and 0 < seq < MOST and isinstance(digest, str):
            return seq, digest
    raise ValueError("no number of an order")


def _list(written: object) -> list[object]:
    return written if isinstance(written, list) else []
