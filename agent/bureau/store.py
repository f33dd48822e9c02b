"""What a bureau keeps, in one SQL database: each batch of messages is one transaction, merged by identity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agent.bureau import schema
from agent.bureau.arrival import Arrival, Gone, Presence, merged
from agent.bureau.watermark import Range, settled
from agent.load.reckoning import NOTHING, Reckoning

ASKED_KEPT_S = 7 * 24 * 3600


class StoreError(Exception):
    """The database is away or refuses; the text says why, for people. Nothing of the batch was kept."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch: messages kept, messages that were there, identities that had another content before."""

    new: int
    repeated: int
    conflicts: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True, slots=True)
class Hole:
    """Messages of one epoch of a site that have not come, though later ones did."""

    site: str
    epoch: str
    gaps: tuple[Range, ...]


class Cursor(Protocol):
    """The part of a DB-API cursor that is used."""

    @property
    def rowcount(self) -> int: ...

    def fetchall(self) -> list[Any]: ...


class Database(Protocol):
    """A connection to one database, for one thread. Its methods raise StoreError."""

    def execute(self, statement: str, values: Sequence[object] = ()) -> Cursor: ...

    def transaction(self) -> Any:
        """A context manager: everything in it becomes durable on leaving it, or nothing does."""
        ...

    def close(self) -> None: ...


class Store:
    """For one thread; several stores on one database agree. Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        try:
            self._make_tables()
        except StoreError:
            self._make_tables()  # two workers that begin at once get in each other's way in PostgreSQL's catalogue

    def _make_tables(self) -> None:
        with self._database.transaction():
            for table in schema.TABLES:
                self._database.execute(table)

    def close(self) -> None:
        self._database.close()

    # --- messages in ---

    def take(self, batch: Sequence[Arrival | Presence]) -> Taken:
        """Keep a batch; on return it is durable. Repeats change nothing."""
        arrivals = sorted((one for one in batch if isinstance(one, Arrival)), key=_identity)
        with self._database.transaction():
            repeated = [one for one in arrivals if not self._keep(one)]
            conflicts = tuple(_identity(one) for one in repeated if self._contradicts(one))
            self._merge(arrivals)
            for one in batch:
                if isinstance(one, Presence):
                    self._database.execute(schema.MERGE_PRESENCE, (one.site, int(one.online), one.sid))
        return Taken(len(arrivals) - len(repeated), len(repeated), conflicts)

    def _keep(self, one: Arrival) -> bool:
        """Whether its identity is new."""
        made = (one.topic, one.ts_ms, one.clock, one.boot, one.mono_ms)
        row = (*_identity(one), *made, one.quality, int(one.hist), one.mark, one.payload)
        return self._database.execute(schema.KEEP_MESSAGE, row).rowcount == 1

    def _contradicts(self, one: Arrival) -> bool:
        """Whether the message kept under that identity says something else: a cloned card, or a forgery."""
        ((mark,),) = self._database.execute(schema.MARK_OF, _identity(one)).fetchall()
        if mark == one.mark:
            return False
        self._database.execute(schema.KEEP_CONFLICT, (*_identity(one), one.mark, one.topic, one.payload))
        return True

    def _merge(self, arrivals: Sequence[Arrival]) -> None:
        counted, events = merged(arrivals)
        for place, (lo, hi, total) in counted.items():
            self._database.execute(schema.MERGE_COUNTED, (*place, lo, hi, total))
        for where, count in events.items():
            self._database.execute(schema.MERGE_EVENT, (*where, count))
        for (site, epoch), last in sorted(_lasts(arrivals).items()):
            self._database.execute(schema.MERGE_EPOCH, (site, epoch, last))
        for one in arrivals:
            for gone in one.gone:
                self._database.execute(schema.KEEP_GONE, (one.site, gone.epoch, gone.first, gone.last, gone.reason))

    # --- gaps ---

    def settle(self) -> list[Hole]:
        """Raise every watermark as far as messages allow; what is missing above them."""
        holes = []
        for site, epoch, watermark, last in self._rows(schema.OPEN_EPOCHS):
            known = [
                *self._rows(schema.ARRIVED, (site, epoch, watermark)),
                *self._rows(schema.GONE_ABOVE, (site, epoch, watermark)),
            ]
            upto, gaps = settled(watermark, last, known)
            with self._database.transaction():
                self._database.execute(schema.RAISE_WATERMARK, (upto, site, epoch, upto))
            if gaps:
                holes.append(Hole(site, epoch, tuple(gaps)))
        return holes

    def watermarks(self) -> dict[str, dict[str, int]]:
        """By site and epoch the number up to which everything has arrived or will never come."""
        found: dict[str, dict[str, int]] = {}
        for site, epoch, watermark in self._rows(schema.WATERMARKS):
            found.setdefault(site, {})[epoch] = watermark
        return found

    def claim(self, hole: tuple[str, str, Range], now_s: int, again_s: int) -> bool:
        """Whether it is on the caller to ask for this: nobody did within the last `again_s`."""
        site, epoch, (first, last) = hole
        with self._database.transaction():
            self._database.execute(schema.FORGET_ASKED, (now_s - ASKED_KEPT_S,))
            claimed = self._database.execute(schema.CLAIM, (site, epoch, first, last, now_s, now_s - again_s))
            return claimed.rowcount == 1

    # --- answers ---

    def totals(self) -> dict[str, dict[str, Reckoning]]:
        """By site and counter what it counted over all its bases."""
        found: dict[str, dict[str, Reckoning]] = {}
        for site, counter, *counted in self._rows(schema.COUNTED):
            counters = found.setdefault(site, {})
            counters[counter] = counters.get(counter, NOTHING).plus(Reckoning(*counted))
        return found

    def events(self) -> dict[str, dict[str, int]]:
        """By site and stream what the agent itself counted over all its epochs."""
        found: dict[str, dict[str, int]] = {}
        for site, stream, total in self._rows(schema.EVENTS):
            streams = found.setdefault(site, {})
            streams[stream] = streams.get(stream, 0) + total
        return found

    def gone(self) -> list[tuple[str, Gone]]:
        """What will never come, by site."""
        return [(site, Gone(epoch, first, last, why)) for site, epoch, first, last, why in self._rows(schema.GONE)]

    def conflicts(self) -> list[tuple[str, str, int]]:
        """Identities that came with two contents: (site, epoch, seq)."""
        return [(site, epoch, seq) for site, epoch, seq in self._rows(schema.CONFLICTS)]

    def presence(self) -> dict[str, bool]:
        """Which sites are connected."""
        return {site: bool(online) for site, online, _ in self._rows(schema.PRESENCE)}

    def placed(self, site: str) -> dict[tuple[str, int], int | None]:
        """By epoch and number when each message was made, Unix ms; None where no clock vouches for it yet."""
        return {(epoch, seq): ts_ms for epoch, seq, _, ts_ms in self._rows(schema.PLACED, (site,))}

    def messages(self) -> dict[str, int]:
        """How many messages of each site are kept."""
        return dict(self._rows(schema.MESSAGES))

    def _rows(self, statement: str, values: Iterable[object] = ()) -> list[Any]:
        with self._database.transaction():
            return self._database.execute(statement, tuple(values)).fetchall()


Opener = Callable[[], Store]
"""Each worker opens a store of its own."""


def _identity(one: Arrival) -> tuple[str, str, int]:
    return one.site, one.report.epoch, one.report.seq


def _lasts(arrivals: Iterable[Arrival]) -> dict[tuple[str, str], int]:
    """The greatest number that each epoch is known to have reached."""
    lasts: dict[tuple[str, str], int] = {}
    for one in arrivals:
        for epoch, seq in ((one.report.epoch, one.report.seq), *([one.before] if one.before else [])):
            lasts[one.site, epoch] = max(lasts.get((one.site, epoch), 0), seq)
    return lasts
