"""Who answers: the read that proves a device to be the one that is meant, and what is believed until it has."""

from __future__ import annotations

from typing import Literal

from config.device_settings import Device, Fingerprint
from drivers import Value

IDENTITY = 0
"""The number of the read of its fingerprint, in a device that has one."""

RECHECK_S = 60.0
"""A device may be changed while its wire stays open: it is asked who it is this often, and when its wire opens."""

Verdict = Literal["proved", "learned", "wrong", "again"]
"""What an answer tells: it is the device; it is the first of its kind; it is another; what was known already."""


def is_identity(device: Device, number: int) -> bool:
    """Whether read `number` of `device` asks who it is."""
    return device.fingerprint is not None and number == IDENTITY


class Identity:
    """What one device must prove. `expected` is None while it is still to be learned; `seen` what was read last."""

    def __init__(self, fingerprint: Fingerprint, kept: object = None) -> None:
        self._fingerprint = fingerprint
        self.expected = fingerprint.expect if fingerprint.expect is not None else self._restored(kept)
        self.seen: Value | None = None
        self.trusted = False
        self.wrong = False
        self._asked_s = 0.0

    def doubt(self) -> None:
        """Its wire was opened, or it was away: whoever answers now may be another."""
        self.trusted = False

    def judge(self, value: Value | None) -> Verdict:
        """What stands where the fingerprint should; None: no number, or no such register."""
        self.seen = value
        news = not self.trusted or self.wrong
        if self.expected is None and value is not None:
            self.expected, self.trusted = int(value), True
            return "learned"
        was_wrong, self.wrong = self.wrong, value is None or value != self.expected
        self.trusted = not self.wrong
        if self.wrong:
            return "again" if was_wrong else "wrong"
        return "proved" if news else "again"

    def wants_asking(self, now_s: float, period_s: float) -> bool:
        """Whether to ask at once, because answers come that cannot be believed yet; at most once a period."""
        if self.wrong or now_s - self._asked_s < period_s:
            return False
        self._asked_s = now_s
        return True

    def kept(self) -> list[object] | None:
        """What must outlive the process: the place of the fingerprint and what was learned there."""
        return None if self.expected is None else [*self._place(), self.expected]

    def _restored(self, kept: object) -> int | None:
        """What was learned at this very place; a site that names another place wants to learn anew."""
        if isinstance(kept, list) and len(kept) == 5 and kept[:4] == self._place() and type(kept[4]) is int:
            return kept[4]
        return None

    def _place(self) -> list[object]:
        point = self._fingerprint.point
        return [point.area, point.address, point.type, point.word_order]
