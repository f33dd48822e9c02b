"""Numbers and times as they are written on a command line, for argparse; what is none gets one sentence."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

from agent.cli.speech import spoken
from config.messages import word

_DIGITS = 9
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def whole(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers from `low` to `high`."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(word("typed_no_whole", spoken(), text=text, low=low, high=high))
        return int(text)

    return read


def duration(text: str) -> float:
    """Seconds of a time like 10s, 5m, 1h or 2d; a number alone is seconds."""
    unit = text[-1:] if text[-1:] in _UNITS_S else ""
    try:
        seconds = float(text.removesuffix(unit)) * _UNITS_S[unit or "s"]
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(word("typed_no_duration", spoken(), text=text))
    return seconds


def timeout_s(text: str) -> float:
    """Seconds to wait for an answer, up to a minute."""
    seconds = duration(text)
    if seconds > 60.0:
        raise argparse.ArgumentTypeError(word("typed_long_wait", spoken(), text=text))
    return seconds
