"""What the operator probably meant: the known key behind an unknown one, the right value behind a wrong one."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence

from config import measures, messages, slips
from config.document import Node
from config.faults import is_secret

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
    near = difflib.get_close_matches(key.lower().replace("-", "_"), known, 1, 0.6)
    if near:
        return "E2201", {"near": near[0], "example": _pair(near[0], node)}, set(near)
    return "E2202", {"known": ", ".join(sorted(known))}, set()


def _wrong_unit(node: Node, known: str, factor: float) -> Finding:
    number = type(node.value) in (int, float) and abs(node.value) < 1e15
    value = measures.plain(node.value * factor) if number else "…"
    return "E2204", {"known": known, "example": f"{known} = {value}"}, {known}


def _chinese(key: str, node: Node, known: Sequence[str]) -> Finding:
    meant = messages.english_key(key)
    if meant is not None and meant in known:
        return "E2103", {"example": _pair(meant, node)}, {meant}
    return "E2117", {"known": ", ".join(sorted(known))}, {ANY_KEY}


def _pair(key: str, node: Node) -> str:
    return key if isinstance(node.value, list | dict) else f"{key} = {node.place.text}"


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
