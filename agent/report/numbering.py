"""The identity of each message: this run's epoch, a number that no other message of it has, and who steers."""

from __future__ import annotations

from agent.baselines import Epoch
from agent.helm import Helm
from agent.load.instant import Instant
from agent.uplink.contract import Head


class Numbering:
    """Numbers messages in the order in which they are made. Lives in the beat's thread."""

    def __init__(self, epoch: Epoch, helm: Helm) -> None:
        self.epoch = epoch
        self.last = 0
        self._helm = helm

    def head(self, now: Instant) -> Head:
        """The next number; messages are committed in this order, for receipts and resends find them by halving."""
        self.last += 1
        steer = self._helm.steer
        return Head(now, str(self.epoch), self.last, steer.mode, steer.plan, steer.suspended, steer.exercise)
