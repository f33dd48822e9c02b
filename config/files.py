"""Reads the operator's files into trees, within limits: a site may have several, each thing is said in one of them."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

from config import document, lint
from config.document import Node
from config.faults import Ledger, nowhere

MOST_BYTES = 1_000_000
"""The largest file that is read; a site with a thousand devices needs a tenth."""

MOST_FILES = 100


def read(path: Path, ledger: Ledger) -> Node | None:
    """The tree of one file, None when it cannot be read at all; every fault goes to `ledger`."""
    raw = _bytes(path, ledger)
    return None if raw is None else parse(str(path), raw, ledger)


def parse(name: str, raw: bytes, ledger: Ledger) -> Node | None:
    """The tree of a file's content."""
    if len(raw) > MOST_BYTES:
        ledger.add("E2003", nowhere(name), file=name, most=MOST_BYTES)
        return None
    source = lint.decode(name, raw, ledger)
    return document.read(source, lint.lint(source, ledger), ledger)


def parts(folder: Path, ledger: Ledger) -> list[Path]:
    """The TOML files of a `conf.d`, by name; none where there is no such folder."""
    try:
        found = sorted(path for path in folder.glob("*.toml") if not path.name.startswith("."))
    except OSError as error:
        ledger.add("E2002", nowhere(str(folder)), file=str(folder), reason=error.strerror or "")
        return []
    if len(found) > MOST_FILES:
        ledger.add("E2005", nowhere(str(folder)), file=str(folder), most=MOST_FILES)
    return found[:MOST_FILES]


def merge(roots: Sequence[Node], ledger: Ledger) -> Node:
    """One tree of several files. What two of them say is a fault, told with both places."""
    merged = Node({}, roots[0].key, roots[0].place, damaged=any(root.damaged for root in roots))
    for root in roots:
        for name, node in root.value.items():
            if name in merged.value:
                _merge_table(name, merged.value[name], node, ledger)
            else:
                merged.value[name] = node
    return merged


def _merge_table(name: str, known: Node, node: Node, ledger: Ledger) -> None:
    if not isinstance(known.value, dict) or not isinstance(node.value, dict):
        ledger.add("E2310", node.key, key=name, first=known.key)
        return
    known.damaged |= node.damaged
    for key, inner in node.value.items():
        if key in known.value:
            ledger.add("E2310", inner.key, key=f"{name}.{key}", first=known.value[key].key)
        else:
            known.value[key] = inner


def _bytes(path: Path, ledger: Ledger) -> bytes | None:
    file = str(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            ledger.add("E2004", nowhere(file), file=file)
            return None
        with path.open("rb") as opened:
            return opened.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        ledger.add("E2001", nowhere(file), file=file)
    except OSError as error:
        ledger.add("E2002", nowhere(file), file=file, reason=error.strerror or "")
    return None
