"""What a bureau tells its sites: receipts up to where everything has arrived, and what it asks to be sent again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count, groupby, islice
from operator import itemgetter
from typing import Protocol

from agent.bureau.ranges import Range, piece, pieces_in
from agent.bureau.store import Hole, Store
from agent.uplink.contract import ROOT, compact
from agent.uplink.search import epoch_number

RECEIPT_S = 10.0
GRACE_S = 60.0
"""A gap that has not moved for so long is no backlog on its way: it is asked for."""
AGAIN_GRACES = 5
"""What was asked for and has not come is asked for again after so many times the patience with a gap."""
PIECE = 1000
PIECES = 8
"""Of one site at most so many pieces are asked for in one round, by one desk of all: with its receipt they are fewer
than the ten commands that a site hears at once."""
TRIES = 4 * PIECES
"""So many pieces are looked at for them: each costs a transaction, and most may have been asked for a moment ago."""
EPOCHS = 90
"""A receipt names at most so many epochs, the oldest first: more than 4 KiB a site does not read. The rest is told in
the next rounds."""

_Gap = tuple[str, str, Range]


@dataclass(slots=True)
class _Known:
    """Since when a gap has not moved, and how often it was the turn of one of its pieces, each after the one before."""

    since_s: float
    turns: int = 0


class Publish(Protocol):
    """Sends at QoS 1; False where there is no connection."""

    def __call__(self, topic: str, payload: bytes, *, retain: bool) -> bool: ...


class Desk:
    """Looks at the store every `receipt_s`. Several desks on one store get in nobody's way.

    Only a store that is the bureau's record may give receipts: agents then free what it has.
    """

    def __init__(
        self, store: Store, publish: Publish, *, receipt_s: float = RECEIPT_S, grace_s: float = GRACE_S
    ) -> None:
        self._store = store
        self._publish = publish
        self._receipt_s = receipt_s
        self._grace_s = grace_s
        self._again_s = round(AGAIN_GRACES * grace_s)
        self._due_s = 0.0
        self._wall_s = 0
        self._asking: Iterator[None] = iter(())
        self._known: dict[_Gap, _Known] = {}

    def round(self, now_s: float, wall_s: float) -> bool:
        """Do what is due at `now_s` on the boot-time clock: all receipts, then of one site after the other what is
        asked of it. True while there are more: of thousands with gaps none shall hold up the messages that close them,
        nor the receipts. Raises StoreError, and does it again next time.
        """
        self._wall_s = int(wall_s)
        is_due = now_s >= self._due_s
        if is_due:
            self._tell(self._store.untold())
            self._due_s = now_s + self._receipt_s
        if next(self._asking, self) is None:
            return True
        if is_due:
            self._asking = self._ask(self._store.missing(), now_s)
        return is_due

    def _tell(self, untold: Mapping[str, Mapping[str, int]]) -> None:
        told = {}
        for site, epochs in untold.items():
            named = {epoch: epochs[epoch] for epoch in sorted(epochs, key=epoch_number)[:EPOCHS]}
            if self._publish(f"{ROOT}/{site}/cmd/receipt", compact({"v": 1, "epochs": named}), retain=True):
                told[site] = named
        self._store.told(told)

    def _ask(self, holes: list[Hole], now_s: float) -> Iterator[None]:
        """A site a step; each is claimed at the hour of its step, which may be long after the first."""
        gaps = {(hole.site, hole.epoch, gap) for hole in holes for gap in hole.gaps}
        self._known = {gap: self._known.get(gap) or _Known(now_s) for gap in gaps}
        running = self._store.running()
        self._store.forget_asked(self._wall_s)
        old = sorted(gap for gap in gaps if gap[0] in running and now_s - self._known[gap].since_s >= self._grace_s)
        for site, of_site in groupby(old, itemgetter(0)):
            if self._store.claim((site, "", (0, 0)), self._wall_s, round(self._receipt_s)):
                self._ask_site(list(of_site), running[site])
            yield  # also where another desk has asked it in this round

    def _ask_site(self, gaps: list[_Gap], running: str) -> None:
        tried = islice(self._in_turn(gaps, running), TRIES)
        claimed = (one for one in tried if self._store.claim(one, self._wall_s, self._again_s))
        for one in islice(claimed, PIECES):
            self._resend(*one, running)

    def _in_turn(self, gaps: list[_Gap], running: str) -> Iterator[_Gap]:
        """A piece of each gap in turn, none twice: an absurd gap holds up no other. The least tried is first."""
        gaps.sort(key=lambda gap: (self._known[gap].turns, gap[1] != running))
        for turn in count(1):
            yield from map(self._next_piece, gaps)
            gaps = [gap for gap in gaps if pieces_in(gap[2], PIECE) > turn]
            if not gaps:
                return

    def _next_piece(self, gap: _Gap) -> _Gap:
        site, epoch, numbers = gap
        known = self._known[gap]
        wanted = piece(numbers, PIECE, known.turns % pieces_in(numbers, PIECE))
        known.turns += 1
        return site, epoch, wanted

    def _resend(self, site: str, epoch: str, gap: Range, running: str) -> None:
        wanted = {"v": 1, "epoch": epoch, "from": gap[0], "to": gap[1], "run": running or None}
        self._publish(f"{ROOT}/{site}/cmd/resend", compact(wanted), retain=False)
