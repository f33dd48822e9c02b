"""The few operations the spool asks of a disk, and the real one: a directory that one process may hold."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import Protocol

OF_THE_MEDIUM = frozenset((errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.ENODATA))
"""A bad block, or a file system that finds its own bytes damaged. Anything else, as a want of descriptors, passes."""
_PAGE_BYTES = 4096
_WRITE_BYTES = 256 << 10
_MODE = 0o640


class SpoolLockedError(Exception):
    """Another process holds the spool directory."""


class File(Protocol):
    """An open file. Every operation raises OSError."""

    def read(self, size_bytes: int, offset: int) -> bytes:
        """`size_bytes`, fewer only where the file ends."""
        ...

    def salvage(self, size_bytes: int, offset: int) -> bytes:
        """As `read`, but pages that the medium cannot read come back as zeros: the checksums judge them. Nothing comes
        where it cannot read one."""
        ...

    def write(self, octets: bytes, offset: int) -> None: ...

    def sync(self) -> None:
        """Durable on return: the data, and the size where it changed (fdatasync)."""
        ...

    def close(self) -> None: ...


class Disk(Protocol):
    """The spool's directory. Every operation raises OSError; `attach` also SpoolLockedError."""

    def attach(self) -> None:
        """Make the directory where it is missing, and lock it. ENODEV where its disk is not there any more."""
        ...

    def detach(self) -> None: ...

    def sizes(self) -> dict[str, int]:
        """Names and sizes in bytes of the plain files; links and other kinds are never seen, so never followed."""
        ...

    def free_bytes(self) -> int:
        """What the file system has left for us; of a quota it may know nothing."""
        ...

    def open(self, name: str, *, writable: bool = False) -> File: ...

    def create(self, name: str) -> File: ...

    def rename(self, old: str, new: str) -> None: ...

    def remove(self, name: str) -> None: ...

    def sync(self) -> None:
        """Names made, changed or removed are durable on return."""
        ...


class _CardFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, size_bytes: int, offset: int) -> bytes:
        octets = b""
        while left := size_bytes - len(octets):  # before a page that cannot be read it ends early, and says nothing
            if not (more := os.pread(self._descriptor, left, offset + len(octets))):
                break
            octets = octets + more if octets else more
        return octets

    def salvage(self, size_bytes: int, offset: int) -> bytes:
        try:
            return self.read(size_bytes, offset)
        except OSError as error:
            if error.errno not in OF_THE_MEDIUM:
                raise
            pages = [self._read_page(start) for start in range(offset, offset + size_bytes, _PAGE_BYTES)]
            filled = b"".join(bytes(_PAGE_BYTES) if page is None else page for page in pages)
            return filled[:size_bytes] if any(pages) else b""

    def _read_page(self, start: int) -> bytes | None:
        try:
            return self.read(_PAGE_BYTES, start)
        except OSError:
            return None

    def write(self, octets: bytes, offset: int) -> None:
        view = memoryview(octets)
        while view:
            done = os.pwrite(self._descriptor, view[:_WRITE_BYTES], offset)
            view, offset = view[done:], offset + done

    def sync(self) -> None:
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        # Forgotten before it is closed: a close that fails must not be repeated on a number that is someone else's now.
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)


class CardDisk:
    """A directory of the file system; files are 0640 and reached only through the directory's own descriptor."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor = -1
        self._device: int | None = None

    def attach(self) -> None:
        self.detach()
        with contextlib.suppress(FileExistsError):
            self._directory.mkdir(mode=0o750, parents=True)
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._recognise(descriptor)
        except BlockingIOError as error:
            os.close(descriptor)
            raise SpoolLockedError(f"{self._directory} is in use by another process") from error
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def _recognise(self, descriptor: int) -> None:
        """Where a disk was pulled, the folder under its mount point is none of ours: the disk would hide what is in it.
        One that comes back has another number perhaps, but it is not empty."""
        device = os.fstat(descriptor).st_dev
        if self._device not in {None, device} and not os.listdir(descriptor):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), str(self._directory))
        self._device = device

    def detach(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def sizes(self) -> dict[str, int]:
        with os.scandir(self._descriptor) as entries:
            plain = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
            return {entry.name: entry.stat(follow_symlinks=False).st_size for entry in plain}

    def free_bytes(self) -> int:
        left = os.fstatvfs(self._descriptor)
        return (left.f_bavail if os.geteuid() else left.f_bfree) * left.f_frsize  # root may take what is reserved

    def open(self, name: str, *, writable: bool = False) -> File:
        return self._open(name, os.O_RDWR if writable else os.O_RDONLY)

    def create(self, name: str) -> File:
        return self._open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)

    def _open(self, name: str, flags: int) -> File:
        return _CardFile(os.open(name, flags | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE, dir_fd=self._descriptor))

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def remove(self, name: str) -> None:
        os.unlink(name, dir_fd=self._descriptor)

    def sync(self) -> None:
        os.fsync(self._descriptor)
