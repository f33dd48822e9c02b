"""Moments as people at the site read and write them: the one time of the country, UTC+8 without summer time."""

from __future__ import annotations

import argparse
import re
from datetime import datetime, timedelta, timezone

from agent.cli.speech import spoken
from agent.load.periods import LOCAL_S
from config.messages import word

_LOCAL = timezone(timedelta(seconds=LOCAL_S))
_MINUTE = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}")


def to_the_minute(wall_s: float) -> str:
    """As it is given to `moment`."""
    return datetime.fromtimestamp(wall_s, _LOCAL).strftime("%Y-%m-%d %H:%M")


def to_the_second(wall_s: float) -> str:
    """As it stands in lists, with its distance from UTC: the journal beside it is in the machine's own zone."""
    return datetime.fromtimestamp(wall_s, _LOCAL).isoformat(" ", "seconds")


def moment(text: str) -> float:
    """Seconds since 1970 of a local time; for argparse, what is none gets one sentence."""
    if not _MINUTE.fullmatch(text):
        raise argparse.ArgumentTypeError(word("typed_no_moment", spoken(), text=text))
    try:
        return datetime.fromisoformat(text.replace("T", " ")).replace(tzinfo=_LOCAL).timestamp()
    except ValueError:
        raise argparse.ArgumentTypeError(word("typed_no_day", spoken(), text=text)) from None
