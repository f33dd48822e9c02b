"""When a segment that cannot be read is given up: after many tries, and only while the card takes all else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.uplink.spool.disk import OF_THE_MEDIUM
from agent.uplink.spool.segment import SegmentName

TRIES = 5
LASTING_S = 300.0


@dataclass(slots=True)
class Doubt:
    """Since when a segment is refused, and how often that counted."""

    since_s: float
    durable_bytes: int
    tries: int = 0


class Patience:
    """A card that is away refuses every segment, but commits, too. So a try counts only where something became durable
    since the one before, and none that was before a failed commit.

    For the reading thread, but for `begin_anew`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._doubts: dict[SegmentName, Doubt] = {}

    def is_over(self, segment: SegmentName) -> bool:
        """Whether it was refused so often and for so long that what cannot be read of it is lost."""
        doubt = self._doubts.get(segment)
        return doubt is not None and doubt.tries >= TRIES and self._clock() - doubt.since_s >= LASTING_S

    def gives_up(self, segment: SegmentName, refusal: OSError) -> bool:
        """Whether what that refusal hides of it is lost."""
        return refusal.errno in OF_THE_MEDIUM and self.is_over(segment)

    def refused(self, segment: SegmentName, refusal: OSError, durable_bytes: int) -> None:
        """It cannot be read now; `durable_bytes` is all that commits have made durable."""
        if refusal.errno not in OF_THE_MEDIUM:
            return
        doubt = self._doubts.setdefault(segment, Doubt(self._clock(), durable_bytes))
        if durable_bytes > doubt.durable_bytes:
            doubt.durable_bytes = durable_bytes
            doubt.tries += 1

    def forget_all_but(self, held: Iterable[SegmentName]) -> None:
        """The other segments have been recycled."""
        doubts = self._doubts  # `begin_anew` may put others in their place meanwhile
        for gone in doubts.keys() - set(held):
            del doubts[gone]

    def read_whole(self, segment: SegmentName) -> None:
        """All of it could be read."""
        self._doubts.pop(segment, None)

    def begin_anew(self) -> None:
        """A commit has failed: the card itself may be away."""
        self._doubts = {}
