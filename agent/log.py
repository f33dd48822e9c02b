"""The log: one line an event, fields as key=value, journal priorities under systemd, plain time elsewhere."""

from __future__ import annotations

import logging
import os
import sys

from agent import clock
from agent.bucket import TokenBucket

LINES_AT_ONCE = 30
LINES_A_MINUTE = 4.0
"""Of one event. Ten that fail in a loop all day write 5 MB; a card and a journal can bear that."""

_PRIORITY = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


def start(*, verbose: bool = False) -> None:
    """Send the log to standard error, in the journal's form when the journal reads it."""
    to_sink = logging.StreamHandler(sys.stderr)
    to_sink.addFilter(_Bound())
    to_sink.setFormatter(_Journal() if os.environ.get("JOURNAL_STREAM") else _Plain())
    root = logging.getLogger("hubpulse")
    root.handlers[:] = [to_sink]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.propagate = False


def event(name: str, level: int = logging.INFO, **fields: object) -> None:
    """Log that `name` happened; control characters in fields are escaped, None fields left out."""
    logger = logging.getLogger("hubpulse")
    if logger.isEnabledFor(level):
        words = [f"{key}={_safe(value)}" for key, value in fields.items() if value is not None]
        logger.log(level, "%s", " ".join([name, *words]))


def warn(name: str, **fields: object) -> None:
    """Log `name` as a warning: somebody should look, the agent goes on."""
    event(name, logging.WARNING, **fields)


def _safe(value: object) -> str:
    text = str(value)
    if text and all(character.isprintable() and character not in ' "=' for character in text):
        return text
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else character.encode("unicode_escape").decode()


class _Bound(logging.Filter):
    """Lets so many lines of each event pass; the next that passes says how many were kept back. Debugging is free."""

    def __init__(self) -> None:
        super().__init__()
        self._buckets: dict[str, TokenBucket] = {}
        self._kept_back: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno <= logging.DEBUG:
            return True
        text = record.getMessage()
        name = text.partition(" ")[0]
        bucket = self._buckets.setdefault(name, TokenBucket(LINES_A_MINUTE / 60, LINES_AT_ONCE))
        if bucket.ready_in_s(clock.boot_seconds()) > 0:
            self._kept_back[name] = self._kept_back.get(name, 0) + 1
            return False
        bucket.take()
        if kept_back := self._kept_back.pop(name, 0):
            record.msg, record.args = "%s kept_back=%d", (text, kept_back)
        return True


class _Journal(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITY.get(record.levelno, 6)}>{super().format(record)}"


class _Plain(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname).1s %(message)s", "%H:%M:%S")
