"""A status query to a locker board as an ask, and what the replies of all board languages have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor

from drivers import Batch, DeviceError, FrameError

Octets = bytes | bytearray
Bits = tuple[bool | None, ...]
Reader = Callable[[bytearray], tuple[int, Bits | DeviceError] | None]
"""How long the reply at the front is and what it says; None while bytes are missing; FrameError when it is none."""


@dataclass(frozen=True, slots=True)
class BoardAsk:
    """One constant query to board `unit`, an `Ask` of the driver contract.

    No locker language numbers its requests: the owner keeps the line quiet after a silence, as on RTU.
    """

    unit: int
    points: tuple[str, ...]
    query: bytes
    reply_length: int
    read: Reader

    def request(self, turn: int) -> bytes:
        """The query; the same bytes at every turn."""
        return self.query

    def answer(self, buffer: bytearray, turn: int, at_s: float) -> Batch | None:
        """Take the reply off the front of `buffer`; None and FrameError consume nothing, DeviceError its reply."""
        found = self.read(buffer)
        if found is None:
            return None
        length, said = found
        if buffer.startswith(self.query) and len(self.query) <= length:
            # Two-wire adapters echo: what begins like our own query is believed by nobody.
            raise FrameError("garbage", buffer)
        del buffer[:length]
        if isinstance(said, DeviceError):
            raise said
        return Batch(said, at_s)


def points(channels: int, *kinds: str) -> tuple[str, ...]:
    """`door.1` to `door.N` for the kind `door`, and so on for each kind."""
    return tuple(f"{kind}.{channel}" for kind in kinds for channel in range(1, channels + 1))


def begins(buffer: Octets, head: bytes, reasons: Sequence[str]) -> None:
    """FrameError with the reason of the first byte that is not that of `head`; too few bytes may still become it."""
    if buffer.startswith(head):
        return
    for seen, expected, reason in zip(buffer, head, reasons, strict=False):
        if seen != expected:
            raise FrameError(reason, buffer)


def bits(octets: Octets, count: int, *, one: bool = True) -> Bits:
    """The first `count` bits, the lowest of the first byte first; `one` is what a 1 means."""
    whole = int.from_bytes(octets, "little")
    return tuple(bool(whole >> at & 1) is one for at in range(count))


def sum8(octets: Octets) -> int:
    """The low byte of the sum."""
    return sum(octets) & 0xFF


def xor8(octets: Octets) -> int:
    """All bytes by exclusive or."""
    return reduce(xor, octets, 0)
