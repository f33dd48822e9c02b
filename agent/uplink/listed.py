"""The elements of a list in a JSON object, each read when it is asked for: never are all in memory as objects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def listed(text: str, name: str, judge: Callable[[object, object], None]) -> Iterator[object]:
    """What the list `name` of the object `text` holds, in its order; `judge` is told each other field's name and value,
    and may raise ValueError.

    ValueError at the first character that is no JSON, once all that stands before was given, and where there is no such
    list.
    """
    walk, found = _Walk(text), False
    walk.past("{")
    while True:
        key = walk.key()
        if key == name and walk.sees("["):
            found = True
            yield from _elements(walk)
        else:
            judge(key, walk.value())
        if not walk.sees(","):
            break
        walk.past(",")
    walk.past("}")
    walk.end()
    if not found:
        raise ValueError(f"no list of {name} where one should be")


def _elements(walk: _Walk) -> Iterator[object]:
    walk.past("[")
    if not walk.sees("]"):
        yield walk.value()
        while walk.sees(","):
            walk.past(",")
            yield walk.value()
    walk.past("]")


class _Walk:
    """Goes along a JSON text; space is passed over."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip()

    def sees(self, mark: str) -> bool:
        """Whether that character is next."""
        return self._text.startswith(mark, self._at)

    def past(self, mark: str) -> None:
        """Pass over that character; ValueError where another one is next."""
        if not self.sees(mark):
            raise ValueError(f"no {mark} at character {self._at}")
        self._at += 1
        self._skip()

    def key(self) -> object:
        """The name of the next field."""
        if not self.sees('"'):
            raise ValueError(f"no name at character {self._at}")
        found = self.value()
        self.past(":")
        return found

    def value(self) -> object:
        """Whatever is next; ValueError where it is none, RecursionError where it is nested without end."""
        found, self._at = _DECODER.raw_decode(self._text, self._at)
        self._skip()
        return found

    def end(self) -> None:
        """ValueError where more is to come."""
        if self._at != len(self._text):
            raise ValueError(f"more than one object, at character {self._at}")

    def _skip(self) -> None:
        if space := _SPACE.match(self._text, self._at):
            self._at = space.end()
