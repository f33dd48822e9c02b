"""What the operator probably meant: the known key behind an unknown one, the right value behind a wrong one."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence

from config import measures, messages, slips
from config.document import Node
from config.faults import Place, Word, is_secret

ANY_KEY = "*"
"""Stands among the keys meant when it could have been any."""

Finding = tuple[str, dict[str, str], set[str]]
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]+)?")


def unknown_key(key: str, node: Node, known: Sequence[str]) -> Finding:
    """The fault of an unknown key: its code, what its text names, and the keys that were probably meant."""
    if is_secret(key):
        return "E2222", {}, set()
    if other := measures.same_quantity(key, known):
        return _wrong_unit(node, *other)
    if not key.isascii():
        return _chinese(key, node, known)
    kind = Word("a_table" if _has_header(node) else "a_key")
    if near := _likely(key, known):
        return "E2201", {"kind": kind, **_instead(near, node)}, {near}
    return "E2202", {"kind": kind, "known": ", ".join(sorted(known))}, set()


def misspelt(tables: Mapping[str, Node], name: str) -> bool:
    """Whether one of `tables` has a name that probably stands for `name`, so that what belongs there may be in it."""
    return any(key != name and _has_header(node) and _likely(key, [name]) for key, node in tables.items())


def _likely(key: str, known: Sequence[str]) -> str | None:
    """The one of `known` that `key` probably stands for."""
    if not key.isascii():
        meant = messages.english_key(key)
        return meant if meant in known else None
    return next(iter(difflib.get_close_matches(key.lower().replace("-", "_"), known, 1, 0.6)), None)


def _wrong_unit(node: Node, known: str, factor: float) -> Finding:
    number = type(node.value) in (int, float) and abs(node.value) < 1e15
    value = measures.plain(node.value * factor) if number else "…"
    return "E2204", {"known": known, "example": f"{known} = {value}"}, {known}


def _chinese(key: str, node: Node, known: Sequence[str]) -> Finding:
    if meant := _likely(key, known):
        return "E2103", _instead(meant, node), {meant}
    return "E2117", {"known": ", ".join(sorted(known))}, {ANY_KEY}


def _instead(near: str, node: Node) -> dict[str, str]:
    """What to write with the key `near`: the pair, or the table's header, and that there are more of them."""
    if not _has_header(node):
        example = near if isinstance(node.value, list | dict) else f"{near} = {node.place.text}"
        return {"near": near, "example": example}
    header = _header(node.key, near)
    several = node.origin == "implied" and len(node.value) > 1
    return {"near": near, "header": header, "example": Word("each_header") if several else header}


def _has_header(node: Node) -> bool:
    return node.origin in ("header", "implied")


def _header(name: Place, near: str) -> str:
    """The header in which a table has that `name`, with `near` in its place."""
    line, column = name.source.position(name.start)
    before = name.source.line(line)[: column - 1].lstrip("[ \t")
    after = name.source.text[name.end :].partition("]")[0].rstrip()
    return f"[{before}{near}{after}]"


def example_value(node: Node, expected: str) -> str:
    """The value as TOML of the type that was expected (a word of the catalogue)."""
    if expected == "type_text":
        return quoted(node)
    if expected == "type_texts":
        return f"[{quoted(node)}]"
    if expected == "type_flag":
        return "true"
    if expected == "type_numbers":
        return "[1.0, 2.0]"
    if isinstance(node.value, float) and math.isfinite(node.value):
        return measures.plain(round(node.value))
    written = node.value.strip().replace(",", "") if isinstance(node.value, str) else ""
    return written if _NUMBER.fullmatch(written) else "…"


def quoted(node: Node) -> str:
    """The value as a text in quotes."""
    if isinstance(node.value, str):
        return node.place.text
    return '"…"' if isinstance(node.value, list | dict) else f'"{node.place.text}"'


def near_id(name: str, of: str) -> str:
    """The id that `name` could become; where it has no letter to keep, that of a thing `of` that kind."""
    kept = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32]
    return kept if re.search("[a-z]", kept) else f"{of}-{kept or 1}"


def wrong_option(value: str | float, options: Sequence[str | int]) -> tuple[str, dict[str, str]]:
    """The fault of a value that is none of `options`: its code and what its text names. Where nobody can say which was
    meant none is proposed: a wrong one would be pasted, and read wrong numbers for good."""
    near = slips.meant(str(value), [str(one) for one in options])
    said = {"value": str(value), "options": ", ".join(map(str, options))}
    if near is None:
        return "E2228", said
    return "E2205", said | {"near": near if isinstance(options[0], int) else f'"{near}"'}
