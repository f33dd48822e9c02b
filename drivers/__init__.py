"""What every device language offers: points, and asks whose answer is a batch, 'more bytes', or one of two errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Value = int | float | bool

Guard = Callable[[bytes], bool]
"""Whether a frame is exactly one query of a device language: its driver brings it, and a link lets pass no other."""


class FrameError(Exception):
    """The bytes make no sense as an answer to what was asked.

    `reason` is one of: crc, unit, function, count, length, transaction, protocol, garbage.
    """

    def __init__(self, reason: str, seen: bytes | bytearray = b"") -> None:
        super().__init__(f"{reason}: {bytes(seen[:32]).hex(' ')}")
        self.reason = reason
        self.seen = bytes(seen[:256])


class DeviceError(Exception):
    """The device understood the ask and refused it; `code` is the protocol's number, `name` its standard name."""

    def __init__(self, code: int, name: str) -> None:
        super().__init__(f"exception {code} {name}")
        self.code = code
        self.name = name


@dataclass(frozen=True, slots=True)
class Batch:
    """The values of one answer, in the order of the ask's `points`, and when the reply was complete.

    A value is None where the bytes are no number within the point's declared limits. `at_s` is seconds
    on the boot-time clock.
    """

    values: tuple[Value | None, ...]
    at_s: float


class Ask(Protocol):
    """One question to one device.

    `turn` is a number the owner changes with every sending; a language that can carry it in the frame
    (Modbus TCP) lets no late reply pass for this one's answer.
    """

    @property
    def unit(self) -> int: ...

    @property
    def points(self) -> tuple[str, ...]: ...

    @property
    def reply_length(self) -> int:
        """Bytes of a good reply, for time-outs and wire time."""
        ...

    def request(self, turn: int) -> bytes:
        """The bytes to send; empty where the language only listens."""
        ...

    def answer(self, buffer: bytearray, turn: int, at_s: float) -> Batch | None:
        """Take this ask's answer off the front of `buffer`.

        None: bytes are missing and nothing was consumed. Raises FrameError (nothing consumed, the owner
        drains) or DeviceError (the reply consumed), and nothing else, whatever the bytes.
        """
        ...


@dataclass(frozen=True, slots=True)
class Overheard:
    """What was heard about a device on a wire where another master asks.

    `brought` is the answer to ask number `ask` of `device`, or the reason why that ask brought nothing (`timeout`,
    `late`, `garbage`, `exception_<code>`). `at_s` is the boot-clock second of it.
    """

    device: str
    ask: int
    brought: Batch | str
    at_s: float


@dataclass(frozen=True, slots=True)
class Told:
    """What no ask asked for: a change that `device` reports by itself, or a foreign host's order to open doors of it.

    A `report` has a value for each of its points. An `open` names the points meant and has no values: it says what
    somebody wants, not what is.
    """

    device: str
    kind: Literal["report", "open"]
    points: tuple[str, ...]
    values: tuple[Value | None, ...]
    at_s: float


class Listener(Protocol):
    """Understands what others say on one wire, in one device language. It is pure and has no word for sending.

    Bytes come in pieces cut anywhere: what belongs together is found by content, times are hints only. Memory is
    bounded and no byte string raises.
    """

    @property
    def alarm_s(self) -> float:
        """When `hear` must be called with no bytes if none come before; infinity when silence would tell nothing."""
        ...

    def hear(self, octets: bytes, at_s: float) -> Sequence[Overheard | Told]:
        """Take in what was read at `at_s`, nothing where the alarm rang; gives what that tells, oldest first."""
        ...

    def counts(self) -> Mapping[str, int]:
        """What went over the wire so far, by the names of the health topic's counts (`agent.bus.counts`)."""
        ...
