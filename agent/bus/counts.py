"""What went over each bus, as plain counts for the health topic."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class BusCounts:
    """Totals of one bus since the owner was made.

    `foreign` are frames that answer something else (unit, function, count or protocol differ), `late` are
    replies after their time-out, `extra` bytes behind a good reply or out of nowhere, `echo` our own
    requests heard back. On a line that is only listened to `asked` are another master's questions, and `writes`
    those that change something; we never write.
    """

    asked: int = 0
    answered: int = 0
    timeout: int = 0
    crc: int = 0
    foreign: int = 0
    late: int = 0
    extra: int = 0
    echo: int = 0
    exception: int = 0
    reconnects: int = 0
    writes: int = 0

    def nonzero(self) -> dict[str, int]:
        """What did happen, by name."""
        return {field.name: count for field in fields(self) if (count := getattr(self, field.name))}


class Tally:
    """The running counts of one bus; only its owner's thread writes."""

    __slots__ = tuple(field.name for field in fields(BusCounts))

    asked: int
    answered: int
    timeout: int
    crc: int
    foreign: int
    late: int
    extra: int
    echo: int
    exception: int
    reconnects: int
    writes: int

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, 0)

    def refused(self, reason: str) -> None:
        """Count a frame that was no answer, by the reason of its FrameError."""
        if reason == "crc":
            self.crc += 1
        else:
            self.foreign += 1

    def counts(self) -> BusCounts:
        """The counts at this moment."""
        return BusCounts(*(getattr(self, field.name) for field in fields(BusCounts)))
