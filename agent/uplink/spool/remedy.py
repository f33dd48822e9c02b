"""What to do about a spool that commits cannot reach, by the number with which the system refused."""

from __future__ import annotations

import errno
import os
import re

from config.messages import Word

_NUMBER = re.compile(r"\[Errno ([0-9]+)\] .*")
_WAYS = {
    errno.EROFS: "sealed",  # so the unit's ProtectSystem=strict says it
    errno.EACCES: "barred",
    errno.EPERM: "barred",
    errno.ENOENT: "nowhere",
    errno.ENOTDIR: "nowhere",
    errno.EEXIST: "nowhere",
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.ENODEV: "away",  # so the spool itself says it, of a disk that was pulled
}


def in_words(reason: str) -> str:
    """A condition's reason as the system says it, without number and path."""
    number = _errno(reason)
    return os.strerror(number) if number else reason


def remedy(reason: str) -> Word:
    """What to do about it: a sentence of the catalogue that needs the spool's `directory`."""
    return Word(f"spool_do_{_WAYS.get(_errno(reason), 'failing')}")


def _errno(reason: str) -> int:
    found = _NUMBER.fullmatch(reason)
    return int(found[1]) if found else 0
