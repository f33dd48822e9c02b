"""What the agent has on the disk, told without what is in it: the spool's segments and books, the audit trail."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from agent.orders.audit import entries, verify
from agent.orders.trail_files import FILE
from agent.support.machine import in_fours
from agent.uplink.spool.frame import scan
from agent.uplink.spool.segment import MAX_SEGMENT_BYTES, SegmentName

_MOST_OTHERS = 100
_LINKS = ("prev", "hash")


def spool(directory: Path) -> dict[str, object]:
    """Segments with sizes, what else lies there, and what the newest frame says of the books; no message is read.

    The lock is not taken: an agent that runs or starts meanwhile is not disturbed. Raises OSError.
    """
    found = {entry.name: entry.stat(follow_symlinks=False) for entry in os.scandir(directory)}
    named = {name: segment for name in found if (segment := SegmentName.parse(name))}
    newest = max(named, key=lambda name: named[name].number, default=None)
    others = sorted(set(found) - set(named))[:_MOST_OTHERS]
    return {
        "directory": directory,
        "segments": [
            {"number": one.number, "first": one.first, **_size(found[name])}
            for name, one in sorted(named.items(), key=lambda item: item[1].number)
        ],
        "others": [{"name": name, **_size(found[name])} for name in others],
        "books": None if newest is None else _books(directory / newest, named[newest]),
    }


def trail(folder: Path) -> Iterator[Mapping[str, object]]:
    """First whether the trail is whole and its newest entry, then the entries without their hashes. Raises OSError."""
    mark, faults = verify(folder / FILE)
    newest = {"n": mark.n, "hash": in_fours(mark.told)} if not faults else {"n": mark.n}
    wrong = [{"file": one.file, "line": one.line, "n": one.n, "reason": one.reason} for one in faults]
    yield {"newest": newest, "faults": wrong[:_MOST_OTHERS]}
    for file, line, entry in entries(folder / FILE):
        if entry is None:
            yield {"file": file, "line": line, "no_entry": True}
        else:
            yield {name: value for name, value in entry.items() if name not in _LINKS}


def named_file(path: Path) -> dict[str, object]:
    """How a file or folder that settings name stands; nothing of what is in it."""
    try:
        found = path.stat()
    except OSError as error:
        return {"path": path, "error": error.strerror}
    mode = stat.S_IMODE(found.st_mode)
    return {"path": path, "mode": f"{mode:04o}", "uid": found.st_uid, "gid": found.st_gid, **_size(found)}


def _size(found: os.stat_result) -> dict[str, object]:
    changed = datetime.fromtimestamp(int(found.st_mtime), UTC).isoformat()
    return {"kind": stat.filemode(found.st_mode)[0], "bytes": found.st_size, "changed": changed}


def _books(path: Path, name: SegmentName) -> dict[str, object] | None:
    with path.open("rb") as opened:
        seen = scan(opened.read(MAX_SEGMENT_BYTES), name.stamp, name.first)
    if seen.last is None:
        return None
    return {"frames": len(seen.frames), "damaged": len(seen.damaged), "end": seen.end, **seen.last.marks._asdict()}
