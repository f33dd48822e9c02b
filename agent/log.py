"""The log: one line an event, fields as key=value, journal priorities under systemd, plain time elsewhere."""

from __future__ import annotations

import logging
import os
import sys

_PRIORITY = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


def start(*, verbose: bool = False) -> None:
    """Send the log to standard error, in the journal's form when the journal reads it."""
    to_sink = logging.StreamHandler(sys.stderr)
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


class _Journal(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{_PRIORITY.get(record.levelno, 6)}>{super().format(record)}"


class _Plain(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname).1s %(message)s", "%H:%M:%S")
