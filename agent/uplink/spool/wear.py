"""What the spool does to the card, how long its room lasts, and a budget for the one and the other."""

from __future__ import annotations

from dataclasses import dataclass

PAGE_BYTES = 4096
"""What a card writes at least; a flush of a few bytes costs a whole page."""
_DAY_S = 86_400.0
_MEASURED_S = 60.0
_WAITING_SHARE = 128


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes: what the spool can come to take, what unacknowledged messages hold of it, what was appended and what the
    card had to write for it since the start; `ahead` of that are zeros where messages are still to come."""

    most: int
    held: int
    appended: int
    card: int
    ahead: int = 0

    def hours_left(self, up_s: float) -> float | None:
        """For how long what is free lasts at the pace of this run, were the bureau away from now on; None: unknown."""
        if up_s < _MEASURED_S or not self.appended:
            return None
        return round((self.most - self.held) / (self.appended / up_s) / 3600, 1)

    def card_mb_a_day(self, up_s: float) -> float | None:
        """Data pages that the card is made to write at the pace of this run; the file system's own come on top. None:
        not known yet. A new segment's zeros count as messages take their place, else its first hour told gigabytes."""
        return None if up_s < _MEASURED_S else round((self.card - self.ahead) / up_s * _DAY_S / 1e6, 1)


def pages(offset: int, length: int) -> int:
    """Bytes of the pages that hold [offset, offset + length)."""
    return ((offset + length + PAGE_BYTES - 1) // PAGE_BYTES - offset // PAGE_BYTES) * PAGE_BYTES


class Allowance:
    """How many bytes the card may be made to write: a day's budget, in bursts of an hour's worth.

    Who is out of it waits, at most `longest_s`: what waits in memory is lost with the power.
    """

    def __init__(self, bytes_a_day: float, longest_s: float, now_s: float) -> None:
        self._per_s = bytes_a_day / _DAY_S
        self._burst = bytes_a_day / 24
        self._left = self._burst
        self._longest_s = longest_s
        self._at_s = now_s
        self._spent = 0

    def has_left(self, spent: int, now_s: float) -> bool:
        """Whether a commit may be made now; `spent` is all that was written since the start."""
        refilled = (now_s - self._at_s) * self._per_s
        self._left = min(self._burst, self._left + refilled - (spent - self._spent))
        self._at_s, self._spent = now_s, spent
        return self._left > 0

    def is_overdue(self, waiting_s: float, waiting_bytes: int, most_bytes: int) -> bool:
        """Whether what waits so long, or is so much for a spool of `most_bytes`, must be written all the same: a commit
        takes a sixteenth of the spool at most, and a loss record has to go with it."""
        return waiting_s >= self._longest_s or waiting_bytes > most_bytes // _WAITING_SHARE
