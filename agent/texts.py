"""JSON of documents that are written again and again: a part that is as it was the last time is not encoded again."""

from __future__ import annotations

import json
from functools import cache

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Texts:
    """Remembers a document and its text, and so each of its parts. A part must not be changed after it was given."""

    __slots__ = ("_document", "_parts", "_text")

    def __init__(self) -> None:
        self._document: object = self
        self._text = ""
        self._parts: dict[str, Texts] = {}

    def of(self, document: object, depth: int | None) -> str:
        """The document without spaces. Its tables are looked into `depth` deep for what changed; None: all does."""
        if depth is None:
            return _encode(document)
        if depth and isinstance(document, dict):
            parts = [f"{_name(name)}:{self.part(name).of(part, depth - 1)}" for name, part in document.items()]
            return "{" + ",".join(parts) + "}"
        if document != self._document:
            self._document, self._text = document, _encode(document)
        return self._text

    def part(self, name: str) -> Texts:
        """The texts of that part of the document."""
        found = self._parts.get(name)
        if found is None:
            found = self._parts[name] = Texts()
        return found


@cache
def _name(name: str) -> str:
    return _encode(name)
