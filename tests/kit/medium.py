"""A card's medium that fails under the files of a folder, as Linux shows it to who reads and flushes them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

PAGE_BYTES = 4096
_OPEN, _READ, _FLUSH = os.open, os.pread, os.fdatasync


class Medium:
    """What lies under the card's files, as Linux shows it: a read ends before the page that cannot be read, and the
    next says EIO, or what else the file system has for it."""

    def __init__(self) -> None:
        self.refusal = errno.EIO
        self.is_away = False
        self.flushes = True
        self.pages: set[tuple[str, int]] = set()
        self.closed: dict[str | Path, int] = {}

    def open(self, path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if number := self.closed.get(path):
            raise OSError(number, os.strerror(number))
        return _OPEN(path, flags, mode, dir_fd=dir_fd)

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        pages = range(offset // PAGE_BYTES, (offset + size + PAGE_BYTES - 1) // PAGE_BYTES)
        bad = next((page for page in pages if self.is_away or (name, page) in self.pages), None)
        if bad is None:
            return _READ(descriptor, size, offset)
        if bad * PAGE_BYTES <= offset:
            raise OSError(self.refusal, os.strerror(self.refusal))
        return _READ(descriptor, bad * PAGE_BYTES - offset, offset)

    def flush(self, descriptor: int) -> None:
        if self.is_away or not self.flushes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        _FLUSH(descriptor)

    def put_under(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on every file lies on it."""
        for name, as_linux in (("open", self.open), ("pread", self.read), ("fdatasync", self.flush)):
            monkeypatch.setattr(os, name, as_linux)
