"""Power cuts under a real ext4: a file of ours backs its block device, logs every write and flush, and is replayed.

The kernel is spoken to as fuse(4) and <linux/fuse.h> have it: one regular file is mounted over a file, a loop device
stands on it, ext4 on that. A crash state is all that was written before the last completed flush, and any part of
what came later, a quarter of it torn at 512 bytes. Root is needed, /dev/fuse, loop devices and e2fsprogs.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import struct
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from unittest.mock import patch

from disk_model import write_some
from lives import Tally
from spool_history import Broken, Truth, broken_promises, last_begun, last_promise, live

from agent.uplink.spool.disk import CardDisk, File, _CardFile

IMAGE_BYTES = 8 << 20
MAX_WRITE_BYTES = 128 << 10
COMMITS = 60
CUTS = 100

_IN = struct.Struct("<IIQQIIIHH")  # fuse_in_header
_OUT = struct.Struct("<IiQ")  # fuse_out_header
_READ = struct.Struct("<QQI")  # the beginnings of fuse_read_in and fuse_write_in
_WRITE_IN_BYTES = 40
_SILENT = {2, 36, 42}  # FORGET, INTERRUPT and BATCH_FORGET want no reply
_BIG_WRITES, _MAX_PAGES = 1 << 5, 1 << 22
_INIT_REPLY = struct.pack(  # fuse_init_out of version 7.31
    "<IIIIHHIIHH", 7, 31, 0, _BIG_WRITES | _MAX_PAGES, 8, 8, MAX_WRITE_BYTES, 1, MAX_WRITE_BYTES // 4096, 0
).ljust(64, b"\0")


def why_not() -> str:
    """Why there can be no such campaign here; empty where there can."""
    if os.geteuid() != 0:
        return "it needs root"
    missing = [tool for tool in ("mkfs.ext4", "losetup", "mount") if not _found(tool)]
    if missing or not Path("/dev/fuse").exists() or not Path("/dev/loop-control").exists():
        return f"there is no {', '.join([*missing, '/dev/fuse or /dev/loop-control'][:1])}"
    try:
        with tempfile.TemporaryDirectory(prefix="hubpulse-block-") as folder, logged_ext4(Path(folder)):
            return ""
    except (OSError, subprocess.CalledProcessError) as refusal:
        return f"the kernel refuses: {refusal}"


def life(number: int, cuts: int = CUTS) -> Tally:
    """So many power cuts all over a spool's life on ext4."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="hubpulse-block-", dir="/dev/shm") as folder:
        for cut, faults in states(Path(folder), number, *recorded(Path(folder), number), cuts):
            tally.add(faults, f"life {number}, cut {cut}")
    return tally


def control(seed: int, cuts: int = CUTS) -> Tally:
    """A spool whose flushes are none: it must be found out here too."""
    with patch.object(_CardFile, "sync", lambda _file: None):
        return life(seed * 100_000, cuts)


def recorded(folder: Path, seed: int) -> tuple[bytes, list[tuple], Truth]:
    """A spool's life on ext4: the device before it, what was written to it, and what the spool was given."""
    truth = Truth()
    with logged_ext4(folder) as (device, directory):
        base = bytes(device.octets)
        device.log.clear()
        card = MarkedCard(directory / "spool", device.log)
        live(card, truth, Random(seed), COMMITS)
        card.let_go()
        log = list(device.log)
    return base, log, truth


def states(  # noqa: PLR0917 - a life as it was recorded
    folder: Path, seed: int, base: bytes, log: list[tuple], truth: Truth, cuts: int
) -> Iterator[tuple[int, list[Broken]]]:
    """Cut the power at places all over the log, mount what is left, and judge the spool there."""
    durable, pending, random = bytearray(base), list[tuple[int, bytes]](), Random(seed)
    places = set(random.sample(range(len(log)), min(cuts, len(log))))
    for place, entry in enumerate(log):
        if entry[0] == "write":
            pending.append(entry[1:])
        elif entry[0] == "flush":
            for offset, octets in pending:
                durable[offset : offset + len(octets)] = octets
            pending.clear()
        if place in places:
            image = folder / f"state-{seed}-{place}"
            image.write_bytes(_after_a_power_cut(durable, pending, random))
            yield place, _judged(image, log[: place + 1], truth, random)
            image.unlink()


def _after_a_power_cut(durable: bytearray, pending: list[tuple[int, bytes]], random: Random) -> bytes:
    left = bytearray(durable)

    def put(offset: int, octets: bytes) -> None:
        left[offset : offset + len(octets)] = octets

    write_some(put, pending, random)
    return bytes(left)


def _judged(image: Path, log: list[tuple], truth: Truth, random: Random) -> list[Broken]:
    with _mounted(image) as directory:
        card = MarkedCard(directory / "spool", [])
        try:
            return broken_promises(card, lambda: card, truth, last_promise(log), last_begun(log), random)
        finally:
            card.let_go()


class MarkedCard(CardDisk):
    """A directory on a mounted device; promises are marked in `log`. A killed process's descriptors close with it."""

    def __init__(self, directory: Path, log: list[tuple]) -> None:
        super().__init__(directory)
        self._log = log
        self._files: list[File] = []

    def mark(self, what: object) -> None:
        self._log.append(("mark", what))

    def attach(self) -> None:
        self.let_go()
        super().attach()

    def let_go(self) -> None:
        """As the kernel does when a process has died."""
        while self._files:
            self._files.pop().close()
        self.detach()

    def open(self, name: str, *, writable: bool = False) -> File:
        self._files.append(super().open(name, writable=writable))
        return self._files[-1]

    def create(self, name: str) -> File:
        self._files.append(super().create(name))
        return self._files[-1]


# --- the device ---


@contextmanager
def logged_ext4(folder: Path) -> Iterator[tuple[LoggedFile, Path]]:
    """A fresh ext4 on a device whose writes and flushes are logged, and where it is mounted."""
    image = folder / "fresh"
    image.write_bytes(bytes(IMAGE_BYTES))
    _run("mkfs.ext4", "-q", "-F", "-b", "1024", "-J", "size=1", "-E", "nodiscard,lazy_itable_init=0", image)
    device = LoggedFile(image.read_bytes())
    image.unlink()
    with device.at(folder / "device"), _mounted(folder / "device") as directory:
        yield device, directory


@contextmanager
def _mounted(image: Path) -> Iterator[Path]:
    """The ext4 in `image`, through a loop device. A path is used once: a loop device's cache knows files by number."""
    directory = image.with_name(f"{image.name}.mounted")
    directory.mkdir()
    _run("mount", "-o", "loop", image, directory)
    try:
        yield directory
    finally:
        _run("umount", directory)
        directory.rmdir()


class LoggedFile:
    """One regular file that a thread of ours serves to the kernel; its writes and flushes are in `log`."""

    def __init__(self, octets: bytes) -> None:
        self.octets = bytearray(octets)
        self.log: list[tuple] = []

    @contextmanager
    def at(self, path: Path) -> Iterator[None]:
        """Let the file be at `path` for a while. Raises OSError where the kernel does not want it."""
        path.touch()
        with ExitStack() as stack:
            channel = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
            stack.callback(os.close, channel)
            _mount(path, f"fd={channel},rootmode=100600,user_id=0,group_id=0")
            serving = threading.Thread(target=self._serve, args=(channel,), name="fuse", daemon=True)
            serving.start()
            stack.callback(serving.join, 10)
            stack.callback(_run, "umount", path)
            yield

    def _serve(self, channel: int) -> None:
        while True:
            try:
                request = os.read(channel, MAX_WRITE_BYTES + 4096)
            except OSError as error:
                if error.errno in {errno.EINTR, errno.EAGAIN, errno.ENOENT}:
                    continue
                return  # ENODEV: unmounted
            _, operation, number, *_ = _IN.unpack_from(request)
            if operation in _SILENT:
                continue
            fault, reply = self._answer(operation, request[_IN.size :])
            os.write(channel, _OUT.pack(_OUT.size + len(reply), -fault, number) + reply)

    def _answer(self, operation: int, body: bytes) -> tuple[int, bytes]:
        """An errno, or 0 and the reply's body."""
        reply = b""
        match operation:
            case 3 | 4:  # GETATTR, SETATTR
                reply = self._attributes()
            case 14:  # OPEN
                reply = struct.pack("<QII", 1, 0, 0)
            case 15:  # READ
                _, offset, size = _READ.unpack_from(body)
                reply = bytes(self.octets[offset : offset + size])
            case 16:  # WRITE
                _, offset, size = _READ.unpack_from(body)
                self._write(offset, body[_WRITE_IN_BYTES : _WRITE_IN_BYTES + size])
                reply = struct.pack("<II", size, 0)
            case 20:  # FSYNC
                self.log.append(("flush",))
            case 26:  # INIT
                reply = _INIT_REPLY
            case 18 | 25:  # RELEASE, FLUSH (of a descriptor that is closed: no promise)
                pass
            case _:
                return errno.ENOSYS, b""
        return 0, reply

    def _write(self, offset: int, octets: bytes) -> None:
        self.octets[offset : offset + len(octets)] = octets
        self.log.append(("write", offset, octets))

    def _attributes(self) -> bytes:
        size = len(self.octets)
        attributes = (1, size, size // 512, 0, 0, 0, 0, 0, 0, 0o100600, 1, 0, 0, 0, 4096, 0)
        return struct.pack("<QII", 3600, 0, 0) + struct.pack("<6Q10I", *attributes)


def _mount(path: Path, options: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"hubpulse", os.fsencode(path), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))


def _found(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _run(tool: str, *words: object) -> None:
    subprocess.run([_found(tool) or tool, *map(str, words)], check=True, capture_output=True)
