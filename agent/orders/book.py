"""The order book: which orders stand, which wait for the right time, which numbers were seen: so none runs twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from agent.load.instant import Instant
from agent.orders.known_time import Known, KnownTime
from agent.orders.order import (
    KINDS,
    LONGEST_MS,
    MOST,
    AlarmOrder,
    BaselineOrder,
    Kind,
    ModeOrder,
    Order,
    PlanOrder,
    RefusedError,
    understood,
)

Source = Literal["bureau", "site"]
SOURCES: tuple[Source, ...] = get_args(Source)
Outcome = Literal["accepted", "waits", "ended"]
MOST_SEEN = 16
"""So many numbers of a kind are known with their orders; a retained one may come again behind others that were not."""

MOST_STANDING = 8
"""So many orders of a kind stand at most, with those that are still to begin."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An order with its number and whose it is."""

    kind: Kind
    seq: int
    source: Source
    order: Order


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of an entry."""

    entry: Entry
    outcome: Outcome


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
        entry, known = Entry(kind, seq, "bureau", order), self.known(now)
        if isinstance(order, BaselineOrder) and not known.exact:
            raise RefusedError("clock", "nobody knows the time here; a stock-take cannot wait")
        if isinstance(order, BaselineOrder) and (order.from_ms or 0) > known.least_ms:
            raise RefusedError("value", "`from` has not come: a stock-take is of now")
        if order.to_ms is not None and not known.exact and order.to_ms > known.least_ms:
            return self._wait(entry)
        return self._stand(entry, known.least_ms)

    def take_here(self, kind: Kind, order: Order, now: Instant) -> Turn:
        """Have an order of somebody on this machine stand. Raises RefusedError."""
        self._local_seq += 1
        return self._stand(Entry(kind, self._local_seq, "site", order), _wall_ms(now))

    def _wait(self, entry: Entry) -> Turn:
        if sum(one.kind == entry.kind for one in self._waiting) >= MOST_STANDING:
            raise RefusedError("full", f"{MOST_STANDING} orders of this kind wait already; end them first")
        self._waiting.append(entry)
        return Turn(entry, "waits")

    def _stand(self, entry: Entry, at_ms: int) -> Turn:
        order = entry.order
        if order.to_ms is not None and order.to_ms <= at_ms:
            raise RefusedError("expired", "`to` has passed")
        if order.to_ms is not None and order.to_ms - max(at_ms, order.from_ms or 0) > LONGEST_MS:
            raise RefusedError("value", "`to` lies more than 400 days ahead")
        if isinstance(order, BaselineOrder | AlarmOrder):
            return Turn(entry, "accepted")
        if order.is_end:
            self._waiting = [one for one in self._waiting if one.kind != entry.kind]
        of_kind = [] if order.is_end else [one for one in self._standing if one.kind == entry.kind]
        kept = [one for one in of_kind if not _covers(order, one.order, at_ms)]
        if len(kept) >= MOST_STANDING:
            raise RefusedError("full", f"{MOST_STANDING} orders of this kind stand already; end them first")
        others = [one for one in self._standing if one.kind != entry.kind]
        self._standing = [*others, *kept, *([] if order.is_end else [entry])]
        return Turn(entry, "accepted")

    def advance(self, now: Instant) -> list[Turn | tuple[Entry, RefusedError]]:
        """What begins, ends or need not wait any more at `now`."""
        known, turns = self.known(now), list[Turn | tuple[Entry, RefusedError]]()
        if known.exact:
            waited, self._waiting = self._waiting, []
            for entry in waited:
                try:
                    turns.append(self._stand(entry, known.least_ms))
                except RefusedError as refusal:
                    turns.append((entry, refusal))
        ended = [one for one in self._standing if _is_over(one, now, known)]
        self._standing = [one for one in self._standing if one not in ended]
        return turns + [Turn(one, "ended") for one in ended]

    def mode(self, now: Instant) -> ModeOrder | None:
        """The mode in force; None where nobody ordered one."""
        found = self._in_force("mode", now)
        return found if isinstance(found, ModeOrder) else None

    def plan(self, now: Instant) -> PlanOrder | None:
        """The plan in force."""
        found = self._in_force("plan", now)
        return found if isinstance(found, PlanOrder) else None

    def _in_force(self, kind: Kind, now: Instant) -> Order | None:
        known = self.known(now)
        due = [one for one in self._standing if one.kind == kind and _has_begun(one, now, known)]
        return due[-1].order if due else None

    def kept(self) -> dict[str, object]:
        """What must outlive the process, JSON-able; empty where nothing was ever ordered."""
        forms = {
            "seen": {kind: [list(one) for one in seen.items()] for kind, seen in self._seen.items()},
            "standing": [_form(one) for one in self._standing],
            "waiting": [_form(one) for one in self._waiting],
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
            standing = [_entry(form) for form in _list(kept.get("standing"))]
            waiting = [_entry(form) for form in _list(kept.get("waiting"))]
            local = kept.get("local", 0)
            if not isinstance(local, int):
                raise ValueError("no order book")
            self._time.restore(kept.get("time"))
        except RefusedError as fault:
            raise ValueError(str(fault)) from fault
        self._seen, self._standing, self._waiting, self._local_seq = seen, standing, waiting, local


def _wall_ms(now: Instant) -> int:
    return int(1000 * now.wall_s)


def _covers(order: Order, earlier: Order, at_ms: int) -> bool:
    """Whether `earlier` can never be in force again while `order`, which was taken after it, stands."""
    begins_first = (order.from_ms or at_ms) <= max(earlier.from_ms or at_ms, at_ms)
    return begins_first and (order.to_ms is None or (earlier.to_ms is not None and earlier.to_ms <= order.to_ms))


def _has_begun(entry: Entry, now: Instant, known: Known) -> bool:
    at_ms = _wall_ms(now) if entry.source == "site" else known.least_ms
    return entry.order.from_ms is None or entry.order.from_ms <= at_ms


def _is_over(entry: Entry, now: Instant, known: Known) -> bool:
    at_ms = _wall_ms(now) if entry.source == "site" else known.least_ms
    return entry.order.to_ms is not None and entry.order.to_ms <= at_ms


def _form(entry: Entry) -> list[object]:
    return [entry.kind, entry.seq, entry.source, entry.order.form()]


def _entry(form: object) -> Entry:
    if not isinstance(form, list) or len(form) != 4:
        raise ValueError("no order")
    name, seq, source, fields = form
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None or not isinstance(seq, int) or source not in SOURCES or not isinstance(fields, dict):
        raise ValueError("no order")
    return Entry(kind, seq, source, understood(kind, fields))


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
