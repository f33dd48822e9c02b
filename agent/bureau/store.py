"""What a bureau keeps, in one SQL database: each batch of messages is one transaction, merged by identity."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from agent.bureau import schema
from agent.bureau.arrival import Arrival, Gone, Presence, Receipt, Said, merged
from agent.bureau.connection import Database, StoreError
from agent.bureau.numbers import Epoch, News, Numbers, news_of
from agent.bureau.ranges import Range, joined
from agent.load.reckoning import NOTHING, Reckoning
from agent.uplink.search import epoch_number

WRITTEN_OFF = "written off at the bureau"
ASKED_KEPT_S = 7 * 24 * 3600


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


@dataclass(frozen=True, slots=True)
class Request:
    """These messages were asked for so often, the last time at `at_s`, Unix seconds."""

    first: int
    last: int
    at_s: int
    times: int


class Store:
    """For one thread; several stores on one database agree. Every method raises StoreError.

    Whoever writes takes the rows in one order, table after table and in each by key: two never wait for each other in
    a ring. Keys are ordered here, for each server orders text in its own way.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers = Numbers(database)
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

    def take(self, batch: Sequence[Said]) -> Taken:
        """Keep a batch; on return it is durable. Repeats change nothing."""
        arrivals = sorted((one for one in batch if isinstance(one, Arrival)), key=_identity)
        with self._database.transaction():
            repeated = [one for one in arrivals if not self._keep(one)]
            conflicts = tuple(_identity(one) for one in sorted(repeated, key=_content) if self._contradicts(one))
            self._merge(arrivals, [one for one in batch if isinstance(one, Receipt)])
            for said in sorted((one for one in batch if isinstance(one, Presence)), key=attrgetter("site")):
                row = (said.site, int(said.online), said.sid, said.epoch)
                self._database.execute(schema.MERGE_PRESENCE, row)
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

    def _merge(self, arrivals: Sequence[Arrival], receipts: Sequence[Receipt]) -> None:
        counted, events = merged(arrivals)
        for place, (lo, hi, total) in counted.items():
            self._database.execute(schema.MERGE_COUNTED, (*place, lo, hi, total))
        for where, count in events.items():
            self._database.execute(schema.MERGE_EVENT, (*where, count))
        news, untold = news_of(arrivals, receipts), set(self._untold_again(arrivals))
        for epoch in sorted({*news, *untold}):
            if epoch in news:
                self._numbers.learn(epoch, news[epoch])
            if epoch in untold:
                self._database.execute(schema.TELL_AGAIN, epoch)

    def _untold_again(self, arrivals: Iterable[Arrival]) -> Iterator[Epoch]:
        """Of sites that have missed what they were told, the epochs from the one they name on, as they number them."""
        for one in arrivals:
            if one.untold_from:
                for (epoch,) in self._rows(schema.EPOCHS_OF, (one.site,)):
                    if epoch_number(epoch) >= epoch_number(one.untold_from):
                        yield one.site, epoch

    # --- receipts and resends ---

    def missing(self) -> list[Hole]:
        """What has not come, though something later did."""
        found: dict[tuple[str, str], list[Range]] = {}
        for site, epoch, first, last in self._rows(schema.MISSING):
            found.setdefault((site, epoch), []).append((first, last))
        return [Hole(site, epoch, tuple(joined(gaps))) for (site, epoch), gaps in found.items()]

    def write_off(self, site: str) -> list[Hole]:
        """What of `site` has not come is gone, by the bureau's own word; what comes all the same has come."""
        with self._database.transaction():
            holes = sorted((hole for hole in self.missing() if hole.site == site), key=attrgetter("epoch"))
            for hole in holes:
                gone = [Gone(hole.epoch, first, last, WRITTEN_OFF) for first, last in hole.gaps]
                self._numbers.learn((site, hole.epoch), News(gone=gone))
        return holes

    def watermarks(self) -> dict[str, dict[str, int]]:
        """By site and epoch the number up to which everything has arrived or will never come."""
        return _by_site(self._rows(schema.WATERMARKS))

    def untold(self) -> dict[str, dict[str, int]]:
        """Of the watermarks those that have risen since they were told."""
        return _by_site(self._rows(schema.UNTOLD))

    def told(self, watermarks: Mapping[str, Mapping[str, int]]) -> None:
        """By site and epoch, what these sites were told."""
        with self._database.transaction():
            for site, epochs in sorted(watermarks.items()):
                for epoch, watermark in sorted(epochs.items()):
                    self._database.execute(schema.TELL, (watermark, site, epoch, watermark))

    def claim(self, hole: tuple[str, str, Range], now_s: int, again_s: int) -> bool:
        """Whether it is on the caller to ask for this: nobody did within the last `again_s`."""
        site, epoch, (first, last) = hole
        with self._database.transaction():
            claimed = self._database.execute(schema.CLAIM, (site, epoch, first, last, now_s, again_s))
            return claimed.rowcount == 1

    def asked(self) -> dict[tuple[str, str], list[Request]]:
        """By site and epoch what was asked for within the last week."""
        found: dict[tuple[str, str], list[Request]] = {}
        for site, epoch, *request in self._rows(schema.ASKED):
            found.setdefault((site, epoch), []).append(Request(*request))
        return found

    def forget_asked(self, now_s: int) -> None:
        """What was asked for a week ago need not be remembered."""
        with self._database.transaction():
            self._database.execute(schema.FORGET_ASKED, (now_s, ASKED_KEPT_S))

    # --- answers ---

    @property
    def is_empty(self) -> bool:
        """Whether nothing of any site is kept yet."""
        return not self._rows(schema.ANYTHING)

    def sites(self) -> list[str]:
        """Every site of which something is kept."""
        return [site for (site,) in self._rows(schema.SITES)]

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
        """What will never come and did not, by site: each number once."""
        return [(site, Gone(epoch, first, last, why)) for site, epoch, first, last, why in self._rows(schema.GONE)]

    def conflicts(self) -> list[tuple[str, str, int]]:
        """Identities that came with two contents: (site, epoch, seq)."""
        return [(site, epoch, seq) for site, epoch, seq in self._rows(schema.CONFLICTS)]

    def metas(self) -> dict[str, Mapping[str, object]]:
        """By site its newest `meta`."""
        newest: dict[str, tuple[tuple[int, int, int], str]] = {}
        for site, epoch, seq, ts_ms, payload in self._rows(schema.META):
            age = (ts_ms or 0, epoch_number(epoch), seq)
            if site not in newest or newest[site][0] < age:
                newest[site] = age, payload
        return {site: json.loads(payload) for site, (_, payload) in newest.items()}

    def described(self) -> dict[str, Mapping[str, object]]:
        """By site what its newest `meta` says of the site itself."""
        said = {site: meta.get("site") for site, meta in self.metas().items()}
        return {site: one for site, one in said.items() if isinstance(one, dict)}

    def presence(self) -> dict[str, bool]:
        """Which sites are connected."""
        return {site: bool(online) for site, online, _ in self._rows(schema.PRESENCE)}

    def newest(self) -> dict[str, int]:
        """When the newest message of each site was made, Unix ms, by its own clock; left out where that was not set."""
        found: dict[str, tuple[int, int]] = {}
        for site, epoch, clock, ts_ms in self._rows(schema.NEWEST):
            vouched_ms = 0 if clock == "none" or ts_ms is None else ts_ms
            found[site] = max(found.get(site, (0, 0)), (epoch_number(epoch), vouched_ms))
        return {site: ts_ms for site, (_, ts_ms) in found.items() if ts_ms}

    def running(self) -> dict[str, str]:
        """Of the sites that are connected the epoch in which they run; "" where its birth did not say."""
        return {site: epoch for site, online, epoch in self._rows(schema.PRESENCE) if online}

    def placed(self, site: str) -> dict[tuple[str, int], int | None]:
        """By epoch and number when each message was made, Unix ms; None where no clock vouches for it yet."""
        return {(epoch, seq): ts_ms for epoch, seq, _, ts_ms in self._rows(schema.PLACED, (site, site))}

    def messages(self) -> dict[str, int]:
        """How many messages of each site are kept."""
        return dict(self._rows(schema.MESSAGES))

    def _rows(self, statement: str, values: Iterable[object] = ()) -> list[Any]:
        """One statement reads one snapshot: it needs no transaction, and holds up nobody who writes."""
        return self._database.execute(statement, tuple(values)).fetchall()


Opener = Callable[[], Store]
"""Each worker opens a store of its own."""


def _identity(one: Arrival) -> tuple[str, str, int]:
    return one.site, one.report.epoch, one.report.seq


def _content(one: Arrival) -> tuple[str, str, int, str]:
    return *_identity(one), one.mark


def _by_site(rows: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for site, epoch, watermark in rows:
        found.setdefault(site, {})[epoch] = watermark
    return found
