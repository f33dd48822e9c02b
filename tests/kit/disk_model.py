"""A disk that forgets: every write and flush is logged, and any power cut in the log can be replayed.

The model is harsher than a file system: a flush of one file says nothing about another, names are durable only
after the directory was flushed, and of what was not flushed any subset survives, torn at 512 bytes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

SECTOR_BYTES = 512

Fault = Callable[[str, int], int]
"""(operation, its running number) -> errno to raise, or 0."""

Put = Callable[[int, bytes], None]
"""Octets to an offset."""


@dataclass
class Image:
    """What is on the platters: names to file numbers, file numbers to bytes."""

    names: dict[str, int] = field(default_factory=dict)
    files: dict[int, bytearray] = field(default_factory=dict)

    def copy(self) -> Image:
        return Image(dict(self.names), {number: bytearray(octets) for number, octets in self.files.items()})

    def write(self, number: int, offset: int, octets: bytes) -> None:
        content = self.files.setdefault(number, bytearray())
        if len(content) < offset + len(octets):
            content.extend(bytes(offset + len(octets) - len(content)))
        content[offset : offset + len(octets)] = octets

    def change_name(self, entry: tuple) -> None:
        kind, name, rest = entry
        if kind == "create":
            self.names[name] = rest
        elif kind == "rename":
            if name in self.names:
                self.names[rest] = self.names.pop(name)
        else:
            self.names.pop(name, None)


def no_fault(operation: str, number: int) -> int:
    return 0


class ModelDisk:
    """Implements the spool's Disk protocol in memory. `log` is what `power_cut` replays."""

    def __init__(self, image: Image | None = None, *, capacity_bytes: int = 1 << 40) -> None:
        self.base = image or Image()
        self.now = self.base.copy()
        self.log: list[tuple] = []
        self.fault: Fault = no_fault
        self.operations = 0
        self.syncs = 0
        self.written_bytes = 0
        self.capacity_bytes = capacity_bytes
        self.is_attached = False
        self._last_number = max(self.base.files, default=0)

    def _operate(self, operation: str) -> None:
        self.operations += 1
        number = self.fault(operation, self.operations)
        if number:
            raise OSError(number, os.strerror(number))

    def forget(self) -> None:
        """Put what is durable into `base` and forget how it came there; what could still be lost stays in the log."""
        names, pending = list[tuple](), dict[int, list[tuple]]()
        for entry in self.log:
            match entry[0]:
                case "write" | "failed_sync":
                    pending.setdefault(entry[1], []).append(entry)
                case "name":
                    names.append(entry)
                case "sync" if not any(one[0] == "failed_sync" for one in pending.get(entry[1], ())):
                    for _, number, offset, octets in pending.pop(entry[1], ()):
                        self.base.write(number, offset, octets)
                case "sync":
                    pending[entry[1]].append(entry)
                case "sync_names":
                    for _, change in names:
                        self.base.change_name(change)
                    names = []
        self.log = [*names, *(entry for entries in pending.values() for entry in entries)]

    def mark(self, what: object) -> None:
        self.log.append(("mark", what))

    def attach(self) -> None:
        self._operate("attach")
        self.is_attached = True

    def detach(self) -> None:
        self.is_attached = False

    def sizes(self) -> dict[str, int]:
        self._operate("sizes")
        return {name: len(self.now.files[number]) for name, number in self.now.names.items()}

    def free_bytes(self) -> int:
        return max(0, self.capacity_bytes - self.used_bytes())

    def open(self, name: str, *, writable: bool = False) -> ModelFile:
        self._operate("open_writable" if writable else "open")
        if name not in self.now.names:
            raise FileNotFoundError(errno.ENOENT, "No such file", name)
        return ModelFile(self, self.now.names[name])

    def create(self, name: str) -> ModelFile:
        self._operate("create")
        if name in self.now.names:
            raise FileExistsError(errno.EEXIST, "File exists", name)
        self._last_number += 1
        self.now.files[self._last_number] = bytearray()
        self._rename(("create", name, self._last_number))
        return ModelFile(self, self._last_number)

    def rename(self, old: str, new: str) -> None:
        self._operate("rename")
        if old not in self.now.names:
            raise FileNotFoundError(errno.ENOENT, "No such file", old)
        self._rename(("rename", old, new))

    def remove(self, name: str) -> None:
        self._operate("remove")
        if name not in self.now.names:
            raise FileNotFoundError(errno.ENOENT, "No such file", name)
        self._rename(("remove", name, None))

    def _rename(self, entry: tuple) -> None:
        self.now.change_name(entry)
        self.log.append(("name", entry))

    def sync(self) -> None:
        self._operate("sync_names")
        self.syncs += 1
        self.log.append(("sync_names",))

    def used_bytes(self) -> int:
        return sum(len(self.now.files[number]) for number in self.now.names.values())


class ModelFile:
    def __init__(self, disk: ModelDisk, number: int) -> None:
        self._disk = disk
        self._number = number

    def read(self, size_bytes: int, offset: int) -> bytes:
        self._disk._operate("read")
        return bytes(self._disk.now.files[self._number][offset : offset + size_bytes])

    salvage = read

    def write(self, octets: bytes, offset: int) -> None:
        disk = self._disk
        grown = max(0, offset + len(octets) - len(disk.now.files[self._number]))
        if grown and disk.used_bytes() + grown > disk.capacity_bytes:
            raise OSError(errno.ENOSPC, "No space left on device")
        disk._operate("write")
        disk.written_bytes += len(octets)
        disk.now.write(self._number, offset, octets)
        disk.log.append(("write", self._number, offset, bytes(octets)))

    def sync(self) -> None:
        disk = self._disk
        try:
            disk._operate("sync")
        except OSError:
            # As Linux has it: the pages are clean now and the next fsync succeeds, whether they arrived or not.
            disk.log.append(("failed_sync", self._number))
            raise
        disk.syncs += 1
        disk.log.append(("sync", self._number))

    def close(self) -> None:
        pass


def power_cut(base: Image, log: list[tuple], random: Random, undone_flushes: int = 0) -> Image:
    """A state the platters may be in when power goes after the log's last entry.

    `undone_flushes`: a lying card, for which the last so many flushes were nothing.
    """
    flushes = [place for place, entry in enumerate(log) if entry[0] in ("sync", "sync_names")]
    undone = set(flushes[len(flushes) - undone_flushes :]) if undone_flushes else set()
    image, names, writes = base.copy(), [], {}
    for place, entry in enumerate(log):
        match entry[0]:
            case "write":
                writes.setdefault(entry[1], []).append(entry[2:])
            case "name":
                names.append(entry[1])
            case "sync" if place not in undone:
                for offset, octets in writes.pop(entry[1], ()):
                    image.write(entry[1], offset, octets)
            case "sync_names" if place not in undone:
                for change in names:
                    image.change_name(change)
                names = []
            case "failed_sync":
                write_some(partial(image.write, entry[1]), writes.pop(entry[1], ()), random)
    for change in names[: random.randint(0, len(names))]:
        image.change_name(change)
    for number, pending in writes.items():
        write_some(partial(image.write, number), pending, random)
    for number in image.names.values():
        image.files.setdefault(number, bytearray())
    return image


def write_some(put: Put, writes: Sequence[tuple[int, bytes]], random: Random) -> None:
    """Any part of the writes, a quarter of them torn at 512 bytes."""
    for offset, octets in writes:
        if random.random() < 0.5:
            continue
        is_torn = random.random() < 0.25
        for start, sector in _sectors(offset, octets):
            if not is_torn or random.random() < 0.5:
                put(start, sector)


def _sectors(offset: int, octets: bytes) -> Iterator[tuple[int, bytes]]:
    at = offset
    while at < offset + len(octets):
        end = min((at // SECTOR_BYTES + 1) * SECTOR_BYTES, offset + len(octets))
        yield at, octets[at - offset : end - offset]
        at = end
