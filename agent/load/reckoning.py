"""What a counter is known to have counted: an interval around the truth, the best value in it, and how it is kept."""

from __future__ import annotations

from typing import NamedTuple

from agent.load.instant import Instant

MOST_COUNTED = 1 << 50
"""More than a counter at a million a second counts in thirty years; of thousands of them the sum is a 64-bit number."""

FORM = 1
_FIELDS = 15


class Reckoning(NamedTuple):
    """Counts since some beginning: lo <= truth <= hi and lo <= total <= hi; `hi` None where nothing bounds it."""

    lo: int
    hi: int | None
    total: int

    def plus(self, more: Reckoning) -> Reckoning:
        """What two spans one after the other counted together."""
        hi = None if self.hi is None or more.hi is None else self.hi + more.hi
        return Reckoning(self.lo + more.lo, hi, self.total + more.total)

    @property
    def sound(self) -> bool:
        """True when the numbers can be an interval of counts at all."""
        return 0 <= self.lo <= self.total and (self.hi is None or self.total <= self.hi)


NOTHING = Reckoning(0, 0, 0)


def possible(ran_on: int, raw: int, modulus: int, cap: int | None) -> tuple[int, int | None]:
    """The least and the most that can have been counted until a counter shows `raw`, `ran_on` steps after the last.

    It ran on, with any number of whole turns, or it was reset; never more than `cap` (None: no bound is known).
    At least one of the two must be possible.
    """
    if cap is None:
        return min(ran_on, raw), None
    if raw <= cap:
        return min(ran_on, raw), cap
    return ran_on, ran_on + (cap - ran_on) // modulus * modulus


class MeterState(NamedTuple):
    """Everything a meter must remember over a restart: its last accepted sample and what was counted up to it.

    `unseen` is how much of `here.hi` already pays for a reset that may have gone unseen.
    """

    modulus: int
    base: int
    here: Reckoning
    earlier: Reckoning
    raw: int
    unseen: int
    at: Instant

    @classmethod
    def from_list(cls, state: object) -> MeterState:
        """The state in `Meter.state()`; ValueError with the reason for anything that cannot have made."""
        if not isinstance(state, list) or len(state) != _FIELDS or state[0] != FORM:
            raise ValueError("a counter's state of an unknown form")
        modulus, base, raw, unseen = (_whole(state[n]) for n in (1, 2, 9, 10))
        here, earlier = _reckoning(state[3:6]), _reckoning(state[6:9])
        if base < 1 or not raw < modulus:
            raise ValueError("a counter's state has no base, or a value beyond its modulus")
        return cls(modulus, base, here, earlier, raw, unseen, Instant.from_list(state[11:]))


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a counter's state holds what is no count")
    return value


def _reckoning(values: list[object]) -> Reckoning:
    lo, hi, total = values
    found = Reckoning(_whole(lo), None if hi is None else _whole(hi), _whole(total))
    if not found.sound:
        raise ValueError("a counter's state holds an interval without its total")
    if found.total > MOST_COUNTED:
        raise ValueError("a counter's state holds more than any counter counts")
    return NOTHING if found == NOTHING else found
