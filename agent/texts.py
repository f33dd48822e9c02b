"""JSON of documents that are written again and again: a part that is as it was the last time is not encoded again."""

from __future__ import annotations

import json

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Texts:
    """Remembers parts of documents and their texts. A part must not be changed after it was given."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, str]] = {}

    def of(self, document: object, depth: int | None, place: str) -> str:
        """The document without spaces. Its tables are looked into `depth` deep for what changed; None: all of it does.
        `place` tells it from others."""
        if depth is None:
            return _encode(document)
        if depth == 0 or not isinstance(document, dict):
            return self._text(document, place)
        parts = [f"{_encode(name)}:{self.of(part, depth - 1, f'{place}/{name}')}" for name, part in document.items()]
        return "{" + ",".join(parts) + "}"

    def _text(self, part: object, place: str) -> str:
        known = self._known.get(place)
        if known is None or known[0] != part:
            self._known[place] = known = part, _encode(part)
        return known[1]
