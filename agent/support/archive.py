"""The bundle as a file: a .tar.gz that is the same for the same parts, bounded, 0600, there whole or not at all."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from agent.support.gate import Gate

MOST_BYTES = 1 << 20
"""Of one part; of a log the newest are kept."""
ALL_BYTES = 6 << 20
_MODE = 0o600


class Part(NamedTuple):
    """A file of the bundle, or why it is left out; with a reason and octets it is not all that it should be."""

    name: str
    octets: bytes | None
    reason: str = ""


def bounded(text: str, most: int = MOST_BYTES) -> bytes:
    """The end of a text of lines, no longer than that; a first line tells of what is cut away."""
    octets = text.encode("utf-8", "replace")
    if len(octets) <= most:
        return octets
    kept = octets[-most:].partition(b"\n")[2]
    return f"[{len(octets) - len(kept)} bytes before this are left out]\n".encode() + kept


def admitted(parts: Iterable[Part], gate: Gate) -> list[Part]:
    """The parts that may leave and for which there is room; the others without what is in them, and why."""
    left, chosen = ALL_BYTES, list[Part]()
    for part in parts:
        octets, reason = part.octets, part.reason
        if octets is not None and gate.holds_back(octets):
            octets, reason = None, "held back: it may hold a waybill number or a secret"
        elif octets is not None and len(octets) > left:
            octets, reason = None, "no room for it"
        left -= len(octets or b"")
        chosen.append(Part(gate.text(part.name), octets, gate.text(reason)))
    return chosen


def packed(parts: Sequence[Part], folder: str, at_s: float) -> bytes:
    """The archive with all of them in one folder, each of the time `at_s` (Unix) and nobody's."""
    tape = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=tape, mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for part in parts:
            if part.octets is not None:
                entry = tarfile.TarInfo(f"{folder}/{part.name}")
                entry.size, entry.mode, entry.mtime = len(part.octets), _MODE, int(at_s)
                archive.addfile(entry, io.BytesIO(part.octets))
    return tape.getvalue()


def put(target: Path, octets: bytes, *, force: bool) -> None:
    """The whole file is at `target` and durable, or nothing is. Raises OSError, FileExistsError where it is there
    already and may not be replaced."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as opened:  # noqa: PTH123
            opened.write(octets)
            opened.flush()
            os.fsync(opened.fileno())
            _give_back(opened.fileno())
        _in_place(beside, target, force=force)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _in_place(beside: Path, target: Path, *, force: bool) -> None:
    if not force:
        try:
            os.link(beside, target)
        except FileExistsError:
            raise
        except OSError as error:  # a memory stick with FAT knows no links
            if os.path.lexists(target):
                raise FileExistsError(17, os.strerror(17), str(target)) from error
        else:
            return
    beside.replace(target)


def _give_back(descriptor: int) -> None:
    """Who called it through sudo can send it, too."""
    with suppress(KeyError, ValueError, OSError):
        if os.geteuid() == 0:
            os.fchown(descriptor, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))
