"""Whose turn it is on a Modbus line that is only listened to: which message is a question, and which answers it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from drivers.modbus_frames import REFUSED
from drivers.modbus_shapes import WRITES

Verdict = Literal["request", "broadcast", "reply", "exception", "unanswered", "orphan", "foreign", "garbage"]

ANSWER_MOST_S = 10.0
"""A reply slower than this does not exist."""

GARBLED_BYTES = 5
"""So many bytes without meaning after a question are its answer, spoilt, or another question; fewer are noise of a
driver switching."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing said on a line: all its bytes as received, and what it is.

    `unit` and `pdu` (function and what follows it) are None and empty for `garbage`. `at_s` is when its last byte
    came, `gap_s` the silence before its first; both are estimates, adapters deliver in lumps. `request` is what a
    reply or exception answers; an `orphan` answers nothing that was heard, a `foreign` frame has a right checksum
    and a function that is not known. `unanswered` is a request once more, `spoilt` when something came instead; a
    reply is `spoilt` when something came before it that can have been another question.
    """

    verdict: Verdict
    octets: bytes
    unit: int | None
    pdu: bytes
    at_s: float
    gap_s: float
    request: Frame | None = None
    spoilt: bool = False

    @property
    def writes(self) -> bool:
        """Whether this asks a device to change something."""
        return self.verdict in {"request", "broadcast"} and self.pdu[0] in WRITES


class Dialogue:
    """The question that is open on a line. Every method gives the frames as they are to be told."""

    __slots__ = ("_garbled", "asked")

    def __init__(self) -> None:
        self.asked: Frame | None = None
        self._garbled = False

    @property
    def alarm_s(self) -> float:
        """When the open question is given up; infinity when none is open."""
        return float("inf") if self.asked is None else self.asked.at_s + ANSWER_MOST_S

    def request(self, frame: Frame) -> list[Frame]:
        """A question: the one before stays without an answer. Writes to unit 0 are for all and nobody answers."""
        told = self.give_up()
        self._garbled = False
        if frame.unit == 0 and frame.pdu[0] in WRITES:
            return [*told, replace(frame, verdict="broadcast")]
        self.asked = frame
        return [*told, frame]

    def answer(self, frame: Frame) -> list[Frame]:
        """The answer to the open question."""
        asked, self.asked = self.asked, None
        verdict: Verdict = "exception" if frame.pdu[0] & REFUSED else "reply"
        garbled, self._garbled = self._garbled, False
        return [replace(frame, verdict=verdict, request=asked, spoilt=garbled)]

    def other(self, frame: Frame) -> list[Frame]:
        """Anything else: the question stays open."""
        self._garbled |= frame.verdict == "garbage" and len(frame.octets) >= GARBLED_BYTES
        return [frame]

    def give_up(self) -> list[Frame]:
        """The open question stays without an answer."""
        asked, self.asked = self.asked, None
        garbled, self._garbled = self._garbled, False
        return [] if asked is None else [replace(asked, verdict="unanswered", spoilt=garbled)]
