"""The records of one line: its roles' totals, and how far what its counters count is certain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.load.flow import RoleFlow
from agent.load.instant import Instant
from agent.load.line_load import Standing
from agent.load.records import Records
from agent.load.tally import Certain, Record
from config.load_settings import LoadSettings
from fastpath.following import QUARTER_S

FULL_S = 0.9 * QUARTER_S
"""A peak is of a quarter of an hour that was seen, nearly in full."""


class Certainty:
    """Whether what some counters count can be believed, told each time it is asked."""

    def __init__(self, flows: Iterable[RoleFlow]) -> None:
        self._flows = tuple(flows)
        self._guesses = 0.0

    def now(self) -> Certain:
        """As they were followed last."""
        guesses, heard = 0.0, True
        for flow in self._flows:
            guesses += flow.guesses
            heard = heard and flow.fresh
        same, self._guesses = guesses == self._guesses, guesses
        return Certain(same, heard)


class LineLedger:
    """Feeds a line's records from its counters."""

    def __init__(self, settings: LoadSettings, flows: Mapping[str, RoleFlow]) -> None:
        self._roles = {name: flow for name, flow in flows.items() if flow}
        arrives = "in" if "in" in self._roles else "out"
        self._arrives = self._roles.get(arrives)
        self.records = Records(settings, tuple(self._roles), arrives)
        self._certainty = Certainty(self._roles.values())

    def advance(self, at: Instant, now: Standing) -> list[Record]:
        """Take in the totals at `at`; the records that were closed by it."""
        arrives = self._arrives
        if arrives is None:
            return []
        rate = arrives.pph_900 if arrives.span_s >= FULL_S else None
        totals = {name: flow.total for name, flow in self._roles.items() if flow.begun}
        return self.records.advance(at, totals, rate, now.level, self._certainty.now())

    def restore(self, kept: object) -> None:
        """Go on from what `records` kept, after the counters were restored; ValueError for what cannot be that."""
        self.records.restore(kept, {name: flow.counted() for name, flow in self._roles.items()})
