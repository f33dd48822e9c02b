"""What a TOML text is made of: headers and pairs, their keys and values, each with its place as offsets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Shape = Literal["scalar", "array", "table"]
Kind = Literal["header", "array_header", "pair"]


@dataclass(frozen=True, slots=True)
class Key:
    """One part of a key, without its quotes; `bare` when it has none."""

    name: str
    start: int
    end: int
    bare: bool


Keys = tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A value: `items` of an array, `pairs` of an inline table, neither for a scalar."""

    shape: Shape
    start: int
    end: int
    items: tuple[Value, ...] = ()
    pairs: tuple[tuple[Keys, Value], ...] = ()

    def scalars(self) -> Iterator[Value]:
        """The scalars in it, in the order of the text."""
        if self.shape == "scalar":
            yield self
        for inner in (*self.items, *(value for _, value in self.pairs)):
            yield from inner.scalars()


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a statement cannot be read: the code of the message, and where."""

    code: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Statement:
    """A header or a key with its value. With `trouble`, `keys` is what could be read of it and `value` None."""

    kind: Kind
    keys: Keys
    value: Value | None
    trouble: Trouble | None
