"""An order in the book: whose it is, since when it stands, whether its time has come, how near its end is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from agent.load.instant import Instant
from agent.orders.known_time import Known
from agent.orders.order import KINDS, MOST, Kind, Order, understood

Source = Literal["bureau", "site"]
SOURCES: tuple[Source, ...] = get_args(Source)

WARNED_MIN = (1440, 60)
"""That what is in force ends is said so many minutes before, of what was ordered for longer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An order with its number and whose it is. It stands since `since_ms` (Unix ms; None: it does not, or nobody knew
    the time), and `warned_min` is the least of WARNED_MIN that need not be said any more.

    The bureau's go by the known time, those of the machine by the machine's clock.
    """

    kind: Kind
    seq: int
    source: Source
    order: Order
    since_ms: int | None = None
    warned_min: int | None = None

    @property
    def from_ms(self) -> int | None:
        """Since when it could be in force."""
        return max((at_ms for at_ms in (self.order.from_ms, self.since_ms) if at_ms is not None), default=None)

    def has_begun(self, now: Instant, known: Known) -> bool:
        """Whether its time has come."""
        return self.order.from_ms is None or self.order.from_ms <= self._at_ms(now, known)

    def is_over(self, now: Instant, known: Known) -> bool:
        """Whether it has gone."""
        left_ms = self.left_ms(now, known)
        return left_ms is not None and left_ms <= 0

    def left_ms(self, now: Instant, known: Known) -> int | None:
        """What is left of it, at most; None where it has no end."""
        return None if self.order.to_ms is None else self.order.to_ms - self._at_ms(now, known)

    def _at_ms(self, now: Instant, known: Known) -> int:
        return wall_ms(now) if self.source == "site" else known.least_ms

    def standing(self, at_ms: int) -> Entry:
        """As it stands from then on. Of what was ordered for an hour nobody need hear that it ends within one."""
        stands = replace(self, since_ms=at_ms or None)
        if self.order.to_ms is None or stands.from_ms is None:
            return stands
        return replace(stands, warned_min=_reached(self.order.to_ms - stands.from_ms))

    def warned(self, left_ms: int) -> Entry:
        """The same where that is no news; else as it is once it was said that so much is left."""
        reached = _reached(left_ms)
        if reached is None or (self.warned_min is not None and self.warned_min <= reached):
            return self
        return replace(self, warned_min=reached)

    def form(self) -> list[object]:
        """What must outlive the process, JSON-able."""
        return [self.kind, self.seq, self.source, self.order.form(), self.since_ms, self.warned_min]


def entry(form: object) -> Entry:
    """The entry of a `form()`, also of an earlier release's. Raises ValueError and RefusedError."""
    if not isinstance(form, list) or len(form) not in {4, 6}:
        raise ValueError("no order")
    name, seq, source, fields, since_ms, warned_min = form if len(form) == 6 else [*form, None, None]
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None or not isinstance(seq, int) or source not in SOURCES or not isinstance(fields, dict):
        raise ValueError("no order")
    if not (since_ms is None or (type(since_ms) is int and 0 < since_ms < MOST)):
        raise ValueError("no order: no time")
    if warned_min not in (None, *WARNED_MIN):
        raise ValueError("no order: no warning")
    return Entry(kind, seq, source, understood(kind, fields), since_ms, warned_min)


def wall_ms(now: Instant) -> int:
    """What the machine's clock says."""
    return int(1000 * now.wall_s)


def _reached(left_ms: int) -> int | None:
    """The least of WARNED_MIN within which that is."""
    return min((least for least in WARNED_MIN if left_ms <= 60_000 * least), default=None)
