"""One exchange on a line: how it ends without a value, and whether bytes are the answer to an ask."""

from __future__ import annotations

from drivers import Ask, DeviceError, FrameError


class SilenceError(Exception):
    """No answer within the time-out: `timeout`, `late` when it came afterwards, `unit` when another unit spoke.

    `echo` when nothing but our own request was heard.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DoubtError(Exception):
    """The unit answered, but perhaps not this ask: its value is no value."""


class BabbleError(Exception):
    """The line does not fall silent: nobody can be understood."""


def is_foreign(ask: Ask, octets: bytearray) -> bool:
    """Whether no answer to `ask` begins here."""
    try:
        ask.answer(octets, 0, 0.0)
    except DeviceError:
        return False
    except FrameError as fault:
        return fault.reason == "unit"
    return False


def answers(ask: Ask, octets: bytes | bytearray) -> bool:
    """Whether the answer to `ask` stands at the front of `octets`, be it a refusal."""
    try:
        return ask.answer(bytearray(octets), 0, 0.0) is not None
    except DeviceError:
        return True
    except FrameError:
        return False
