"""What a bureau tells its sites: receipts up to where everything has arrived, and what it asks to be sent again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby, islice
from operator import itemgetter
from typing import Protocol

from agent.bureau.ranges import Range, cut
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
EPOCHS = 90
"""A receipt names at most so many epochs, the oldest first: more than 4 KiB a site does not read. The rest is told in
the next rounds."""

_Gap = tuple[str, str, Range]


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
        self._seen_s: dict[_Gap, float] = {}

    def round(self, now_s: float, wall_s: float) -> None:
        """Do what is due at `now_s` on the boot-time clock. Raises StoreError, and does it again next time."""
        if now_s < self._due_s:
            return
        for site, epochs in self._store.untold().items():
            self._receipt(site, epochs)
        self._ask(self._store.missing(), now_s, int(wall_s))
        self._due_s = now_s + self._receipt_s

    def _receipt(self, site: str, epochs: Mapping[str, int]) -> None:
        named = {epoch: epochs[epoch] for epoch in sorted(epochs, key=epoch_number)[:EPOCHS]}
        if self._publish(f"{ROOT}/{site}/cmd/receipt", compact({"v": 1, "epochs": named}), retain=True):
            self._store.told(site, named)

    def _ask(self, holes: list[Hole], now_s: float, wall_s: int) -> None:
        gaps = {(hole.site, hole.epoch, gap) for hole in holes for gap in hole.gaps}
        self._seen_s = {gap: self._seen_s.get(gap, now_s) for gap in gaps}
        running = self._store.running()
        self._store.forget_asked(wall_s)
        old = sorted(gap for gap in gaps if gap[0] in running and now_s - self._seen_s[gap] >= self._grace_s)
        for site, of_site in groupby(old, itemgetter(0)):
            if not self._store.claim((site, "", (0, 0)), wall_s, round(self._receipt_s)):
                continue  # another desk has asked it in this round
            claimed = (piece for piece in _pieces(of_site) if self._store.claim(piece, wall_s, self._again_s))
            for piece in islice(claimed, PIECES):
                self._resend(*piece, running[site])

    def _resend(self, site: str, epoch: str, gap: Range, running: str) -> None:
        wanted = {"v": 1, "epoch": epoch, "from": gap[0], "to": gap[1], "run": running or None}
        self._publish(f"{ROOT}/{site}/cmd/resend", compact(wanted), retain=False)


def _pieces(gaps: Iterator[_Gap]) -> Iterator[_Gap]:
    for site, epoch, gap in gaps:
        for piece in cut([gap], PIECE):
            yield site, epoch, piece
