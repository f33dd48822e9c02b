"""The audit trail: it only grows, each entry holding the hash of the one before, so that none can be changed.

An entry is a line of JSON: `n` from 1 on, `prev` the hash before it, the moment, `what`, its fields, and `hash`, the
SHA-256 of the line without it. Who can write the file can write all of it anew; so `cmd/ack` and `health` tell the
bureau the newest `n` and `hash`, against which `verify` holds the file. The chain goes on from file to file
(`agent.orders.trail_files`); where the oldest is gone it begins with the first entry that is left.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agent.load.instant import Instant
from agent.orders.trail_files import FILE, FILE_BYTES, KEPT, append, lines, mend, older


class Mark(NamedTuple):
    """The newest entry of a trail: its number and hash; 0 and "" before the first."""

    n: int
    hash: str

    @property
    def told(self) -> str:
        """As much of the hash as is told to the bureau and to people."""
        return self.hash[:TOLD_DIGITS]


TOLD_DIGITS = 16

BEGIN = Mark(0, "")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a line of a file of the trail; `n` is the entry that should stand there.

    `line` is None where no line is wrong, but the trail ends too early.
    """

    line: int | None
    n: int
    reason: str
    file: str


class Trail:
    """The trail in `folder`, for one writer. Raises OSError where it cannot be read."""

    def __init__(self, folder: Path, file_bytes: int = FILE_BYTES) -> None:
        self._path = folder / FILE
        self._file_bytes = file_bytes
        self.mark = _last(self._path)

    def write(self, what: str, at: Instant, **fields: object) -> Mark:
        """Append an entry, durable on return. Raises OSError, and nothing is written."""
        n = self.mark.n + 1
        said = {name: value for name, value in fields.items() if value is not None}
        entry = {"n": n, "prev": self.mark.hash, "at": int(1000 * at.wall_s), "tsq": at.quality, "what": what, **said}
        mark = Mark(n, _hash(entry))
        append(self._path, _line({**entry, "hash": mark.hash}), self.mark.n, self._file_bytes)
        self.mark = mark
        return mark


def entries(path: Path) -> Iterator[tuple[str, int, Mapping[str, object] | None]]:
    """The trail line by line, with its file and number; None for what is no entry. Raises OSError."""
    for file, number, line in lines(path):
        yield file, number, _entry(line)


def verify(path: Path, known: Mark = BEGIN) -> tuple[Mark, list[Fault]]:
    """The newest entry and every place where the trail was changed; it must hold the entry that is `known`, unless that
    went with the oldest file.

    Raises OSError.
    """
    mark, faults = BEGIN, list[Fault]()
    unread, file = False, path.name
    cut = len(older(path)) >= KEPT
    for file, number, entry in entries(path):
        due = mark.n + 1
        if entry is None:
            faults.append(Fault(number, due, "no entry", file))
            unread = True
            continue
        found = Mark(_number(entry), str(entry.get("hash")))
        if (cut and mark == BEGIN) or (unread and found.n == due + 1):  # what is gone, or could not be read, was before
            mark = Mark(found.n - 1, str(entry.get("prev")))
        faults += [Fault(number, mark.n + 1, reason, file) for reason in _wrong(entry, mark, found, known)]
        mark, unread = found, False
    if known.n > mark.n:
        faults.append(Fault(None, mark.n + 1, _missing(mark.n + 1, known.n), file))
    return mark, faults


def _wrong(entry: Mapping[str, object], before: Mark, found: Mark, known: Mark) -> Iterator[str]:
    due = before.n + 1
    if found.n != due:
        yield _missing(due, found.n - 1) if found.n > due else f"number {found.n} comes again"
    elif entry.get("prev") != before.hash:
        yield f"does not follow entry {before.n}"
    if found.hash != _hash({name: value for name, value in entry.items() if name != "hash"}):
        yield f"entry {found.n} was altered"
    elif found.n == known.n and not found.hash.startswith(known.hash):
        yield f"entry {found.n} is not the one that the bureau was told of"


def _missing(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"


def _number(entry: Mapping[str, object]) -> int:
    n = entry.get("n")
    return n if isinstance(n, int) else 0


def _hash(entry: Mapping[str, object]) -> str:
    return hashlib.sha256(_line(entry)).hexdigest()


def _line(entry: Mapping[str, object]) -> bytes:
    return json.dumps(entry, separators=(",", ":"), ensure_ascii=True, default=str).encode() + b"\n"


def _entry(line: bytes) -> Mapping[str, object] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if line.endswith(b"\n") and isinstance(entry, dict) else None


def _last(path: Path) -> Mark:
    """The newest entry that can be read; what a power cut left behind goes."""
    mend(path)
    if not path.exists() and not older(path):
        return BEGIN
    newest = [Mark(_number(entry), str(entry.get("hash"))) for _, _, entry in entries(path) if entry is not None]
    return newest[-1] if newest else BEGIN
