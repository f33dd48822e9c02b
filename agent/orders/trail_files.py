"""The files of the audit trail: `audit.log` grows to so many bytes, then is kept as `audit-N.log`; the oldest goes.

N is the number of its last entry, so that one rename is all that happens to a file, and the names tell the order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

FILE = "audit.log"
FILE_BYTES = 512 * 1024
KEPT = 7
"""With it the trail has some sixteen thousand orders and starts, in 4 MB."""

LONGEST_LINE = 16_384
_MODE = 0o640


def append(path: Path, line: bytes, last: int, file_bytes: int = FILE_BYTES) -> None:
    """Add a line, durable on return, after entry `last`; a full file is put away before. Raises OSError, and nothing is
    written."""
    size = _size(path)
    if size and size + len(line) > file_bytes:
        _put_away(path, last)
        size = _size(path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)
    try:
        if not size:  # before the line: what fails after it leaves one that is said not to be there
            _sync_folder(path.parent)
        _write(fd, line)
    finally:
        os.close(fd)


def _write(fd: int, line: bytes) -> None:
    size = os.fstat(fd).st_size
    try:
        if os.write(fd, line) != len(line):
            raise OSError("half a line was written")
        os.fdatasync(fd)
    except OSError:
        os.ftruncate(fd, size)
        raise


def _put_away(path: Path, last: int) -> None:
    kept = path.with_name(f"audit-{last:010}.log")
    if kept.exists():
        return
    os.rename(path, kept)  # noqa: PTH104 - all that touches the disk goes through `os`, where a test cuts it
    _sync_folder(path.parent)
    for oldest in older(path)[:-KEPT]:
        os.unlink(oldest)  # noqa: PTH108


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _size(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def older(path: Path) -> Sequence[Path]:
    """The files that were put away before this one, oldest first; a file of another name has none."""
    return sorted(path.parent.glob("audit-??????????.log")) if path.name == FILE else []


def lines(path: Path) -> Iterator[tuple[str, int, bytes]]:
    """All lines of a trail with the file and the number of each, also while it grows. Raises OSError."""
    with ExitStack() as stack:
        newest = _opened(stack, path)
        files = [(old.name, found) for old in older(path) if (found := _opened(stack, old))]
        if newest is None and not files:
            raise FileNotFoundError(2, os.strerror(2), str(path))
        if newest is not None:  # opened first, it may have been put away meanwhile
            files = [(name, file) for name, file in files if not _is_same(file, newest)]
            files.append((path.name, newest))
        for name, file in files:
            for number, line in enumerate(iter(lambda file=file: file.readline(LONGEST_LINE), b""), 1):  # type: ignore[misc]
                yield name, number, line


def _opened(stack: ExitStack, path: Path) -> BinaryIO | None:
    with suppress(FileNotFoundError):
        return stack.enter_context(path.open("rb"))
    return None


def _is_same(one: BinaryIO, other: BinaryIO) -> bool:
    return os.path.sameopenfile(one.fileno(), other.fileno())


def mend(path: Path) -> None:
    """Take away what a power cut left behind, half a line: it was never said to be durable. Raises OSError."""
    if not path.exists():
        return
    with path.open("r+b") as trail:
        size = trail.seek(0, os.SEEK_END)
        trail.seek(max(0, size - LONGEST_LINE))
        tail = trail.read()
        half = len(tail) - tail.rfind(b"\n") - 1
        if half < LONGEST_LINE:
            trail.truncate(size - half)
