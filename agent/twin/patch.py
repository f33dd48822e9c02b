"""A site's files copied with some values changed in place: comments, order and everything else stay as they were."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from config import files
from config.document import Node
from config.faults import Ledger

Keys = tuple[str, ...]
Changes = Mapping[Keys, str | int | bool | None]
Edit = tuple[int, int, str]

MAIN = "hubpulse.toml"


def copy_site(main: Path, folder: Path, changes: Changes) -> Path:
    """Copy `main`, its `conf.d` and its `profiles` into `folder`, changed; the path of the copy, `hubpulse.toml`.

    A change names a key by its tables; None takes it out. A key that stands in none of the files is added to its
    table. The files must be free of faults. Raises FileExistsError rather than change the original itself,
    and ValueError where a key cannot be taken out.
    """
    target = folder / MAIN
    if target.exists() and target.samefile(main):
        raise FileExistsError(f"{folder} holds the original")
    roots = {part: _tree(part) for part in (main, *files.parts(main.parent / "conf.d", Ledger()))}
    for path, root in roots.items():
        here = {keys: value for keys, value in changes.items() if _home(keys, roots, main) == path}
        copy = target if path == main else folder / "conf.d" / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(patched(root, here), encoding="utf-8")
    if (profiles := main.parent / "profiles").is_dir():
        shutil.copytree(profiles, folder / "profiles", dirs_exist_ok=True)
    return target


def patched(root: Node, changes: Changes) -> str:
    """The text of one file with `changes` made."""
    text = root.place.source.text
    edits = [edit for keys, value in changes.items() for edit in _edits(root, keys, value)]
    for start, end, fresh in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        text = text[:start] + fresh + text[end:]
    return text


def _edits(root: Node, keys: Keys, value: str | int | bool | None) -> Iterator[Edit]:
    text = root.place.source.text
    known, table = _find(root, keys), _find(root, keys[:-1])
    if known is not None and value is not None:
        yield known.place.start, known.place.end, _toml(value)
    elif known is not None:
        yield _taken_out(text, known)
    elif value is not None and table is not None:
        yield _added(text, table, f"{keys[-1]} = {_toml(value)}")
    elif value is not None:
        yield len(text), len(text), f"\n[{'.'.join(keys[:-1])}]\n{keys[-1]} = {_toml(value)}\n"


def _taken_out(text: str, node: Node) -> Edit:
    if _inline(text, node):
        raise ValueError(f"{node.key}: {node.key.text} cannot be taken out of an inline table; write a [table]")
    return node.key.start, node.key.start, "# "


def _added(text: str, table: Node, pair: str) -> Edit:
    """Behind a neighbour in the neighbour's manner, or below the header."""
    neighbour = next((node for node in table.value.values() if node.origin == "value"), None)
    if neighbour is None:
        end = text.find("\n", table.place.end)
        end = len(text) if end < 0 else end
        return end, end, f"\n{pair}"
    end = neighbour.place.end
    if _inline(text, neighbour):
        return end, end, f", {pair}"
    path, dot, _ = neighbour.key.text.rpartition(".")
    return neighbour.key.start, neighbour.key.start, f"{path}{dot}{pair}\n"


def _inline(text: str, node: Node) -> bool:
    """Whether something other than its own key stands before the pair on its line."""
    return bool(text[text.rfind("\n", 0, node.key.start) + 1 : node.key.start].strip())


def _tree(path: Path) -> Node:
    root = files.read(path, ledger := Ledger())
    if root is None or ledger.faults:
        raise ValueError(f"{path} has faults")
    return root


def _home(keys: Keys, roots: Mapping[Path, Node], main: Path) -> Path:
    """The file in which the key stands, else its table, else the main one."""
    for wanted in (keys, keys[:-1]):
        for path, root in roots.items():
            if _find(root, wanted) is not None:
                return path
    return main


def _find(root: Node, keys: Keys) -> Node | None:
    node = root
    for key in keys:
        if not isinstance(node.value, dict) or key not in node.value:
            return None
        node = node.value[key]
    return node


def _toml(value: str | int) -> str:
    """JSON's texts, numbers and booleans are TOML's too."""
    return json.dumps(value, ensure_ascii=False)
