"""One table of the operator's files, read key by key; whatever is wrong goes to the ledger and the reading goes on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from config import measures, slips
from config.document import Node
from config.faults import Ledger, Place, Word
from config.meant import ANY_KEY, example_value, misspelt, near_id, quoted, unknown_key, wrong_option

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_LONGEST_TEXT = 200

W = TypeVar("W", int, None)
N = TypeVar("N", float, None)
T = TypeVar("T", str, None)
F = TypeVar("F", Path, None)
C = TypeVar("C", bound=str | int)


class Written(NamedTuple):
    """A text of a list and where it stands."""

    text: str
    place: Place


class Table:
    """Reads a table. A reading with a fault gives the default, so that one run finds everything.

    Keys that nobody asked for are unknown: call `end()` when all is read.
    """

    def __init__(self, node: Node, name: str, ledger: Ledger) -> None:
        self.node = node
        self.name = name
        self.title: str = f"[{name}]" if name else Word("top_level")
        self.ledger = ledger
        self._entries: Mapping[str, Node] = node.value
        self._asked: dict[str, None] = {}
        self._required: list[tuple[str, ...]] = []
        self._unsound: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def place(self, key: str) -> Place:
        """Where the value of `key` stands; the table itself where it has none."""
        return self._entries[key].place if key in self._entries else self.node.place

    def key_place(self, key: str) -> Place:
        """Where `key` itself stands."""
        return self._entries[key].key if key in self._entries else self.node.place

    def sound(self, key: str) -> bool:
        """Whether `key` is there and its value has no fault so far."""
        return key in self._entries and key not in self._unsound

    def whole_under(self, key: str) -> bool:
        """Whether all that was written under the table `key` could be read, down to its tables, and under its name."""
        node = self._entries.get(key)
        inner = node.value.values() if node and isinstance(node.value, dict) else ()
        read = (self.node, *([node] if node else ()), *inner)
        return not any(one.damaged for one in read) and not misspelt(self._entries, key) and self.faultless(key)

    def faultless(self, *keys: str) -> bool:
        """Whether none of `keys` has a fault so far, there or not."""
        return self._unsound.isdisjoint(keys)

    def fault(self, key: str, code: str, **parameters: object) -> None:
        """Note a fault of the value of `key`."""
        self.fault_at(self.place(key), key, code, **parameters)

    def fault_at(self, place: Place, key: str, code: str, **parameters: object) -> None:
        """Note a fault at `place`, a part of the value of `key`."""
        self._unsound.add(key)
        self.ledger.add(code, place, key=key, table=self.title, **parameters)

    def require(self, *keys: str) -> None:
        """These keys may not be left out."""
        self._required += [(key,) for key in keys]

    def require_one(self, *keys: str) -> None:
        """One of these keys must be there."""
        self._required.append(keys)

    def refuse(self, key: str, code: str) -> None:
        """This key, which is there, may not be."""
        self._asked[key] = None
        self.ledger.add(code, self.key_place(key), key=key, table=self.title)

    # values

    def text(self, key: str, default: T, pattern: re.Pattern[str] | None = None, code: str = "E2209") -> str | T:
        """A text of one line; `code` is the fault of one that does not match `pattern`."""
        value: str | None = self._typed(key, str, "type_text")
        if value is None:
            return default
        if not value.isprintable() or len(value) > _LONGEST_TEXT or not value.strip():
            self.fault(key, "E2209", value=value)
            return default
        if pattern and not pattern.fullmatch(value):
            self.fault(key, code, value=value)
            return default
        return value

    def choice(self, key: str, default: C, options: Sequence[C]) -> C:
        """One of `options`; a mistyped one is a fault, and stands for what is meant: no other fault follows from it."""
        value = self._typed(key, type(options[0]), "type_text" if isinstance(options[0], str) else "type_whole")
        if value is None:
            return default
        for option in options:
            if option == value:
                return option
        code, parameters = wrong_option(value, options)
        self.fault(key, code, **parameters)
        meant = slips.meant(str(value), [str(one) for one in options])
        return next((one for one in options if str(one) == meant), default)

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._typed(key, bool, "type_flag")
        return default if value is None else value

    def whole(self, key: str, default: W, low: int, high: int) -> int | W:
        """A whole number from `low` to `high`."""
        value = self._typed(key, int, "type_whole")
        return default if value is None or not self._within(key, value, low, high) else value

    def number(self, key: str, default: N, low: float = -1e12, high: float = 1e12) -> float | N:
        """A finite number from `low` to `high`."""
        value = self._typed(key, (int, float), "type_number")
        if value is None or not self._within(key, value, low, high):
            return default
        return float(value)

    def path(self, key: str, default: F) -> Path | F:
        """An absolute path. Nobody looks whether it exists."""
        value = self._typed(key, str, "type_text")
        if value is None:
            return default
        if not value.startswith("/") or not value.isprintable() or len(value) > 4096:
            self.fault(key, "E2212", value=value)
            return default
        return Path(value)

    def texts(self, key: str) -> list[Written]:
        """A list of texts, empty where there is none."""
        self._asked[key] = None
        node = self._entries.get(key)
        if node is None:
            return []
        if not isinstance(node.value, list):
            self._wrong_type(key, node, "type_texts")
            return []
        for one in node.value:
            if not isinstance(one.value, str):
                self.fault_at(one.place, key, "E2203", expected=Word("type_text"), example=quoted(one))
        return [Written(one.value, one.place) for one in node.value if isinstance(one.value, str)]

    def written(self, key: str) -> Written | None:
        """A text and where it stands."""
        text = self.text(key, None)
        return None if text is None else Written(text, self.place(key))

    def octets(self, key: str, least: int, most: int) -> bytes | None:
        """A text of ASCII characters, control characters too; None where there is none."""
        value: str | None = self._typed(key, str, "type_text")
        if value is None:
            return None
        if not value.isascii() or not least <= len(value) <= most:
            self.fault(key, "E2223", least=least, most=most)
            return None
        return value.encode()

    def numbers(self, key: str) -> list[float]:
        """A list of finite numbers, empty where there is none."""
        self._asked[key] = None
        node = self._entries.get(key)
        if node is None:
            return []
        values = [one.value for one in node.value] if isinstance(node.value, list) else [None]
        numbers = [float(one) for one in values if type(one) is int or (type(one) is float and math.isfinite(one))]
        if len(numbers) != len(values):
            self._wrong_type(key, node, "type_numbers")
        return numbers

    def table(self, key: str) -> Table:
        """The table under `key`, an empty one where there is none."""
        self._asked[key] = None
        node = self._entries.get(key)
        if node is not None and isinstance(node.value, dict):
            return Table(node, self._inner(key), self.ledger)
        if node is not None:
            self._wrong_type(key, node, "type_table")
        return Table(Node({}, self.node.key, self.node.place, damaged=True), self._inner(key), self.ledger)

    def tables(self, key: str) -> dict[str, Table]:
        """The named tables under `key`; a name that is no id is a fault."""
        group = self.table(key)
        for name, node in group._entries.items():
            if not ID.fullmatch(name):
                self.ledger.add("E2207", node.key, name=name, near=near_id(name, key))
            group._asked[name] = None
        return {name: group.table(name) for name in group._entries}

    # the end

    def end(self) -> None:
        """Note every key that nobody asked for and every required one that is missing."""
        forgiven: set[str] = set()
        for key, node in self._entries.items():
            if key not in self._asked and not self.ledger.full:
                code, parameters, meant = unknown_key(key, node, list(self._asked))
                self.ledger.add(code, node.key, key=key, table=self.title, **parameters)
                forgiven |= meant
        if self.node.damaged or ANY_KEY in forgiven:
            return
        for keys in self._required:
            if not (set(keys) & (self._entries.keys() | forgiven)):
                code = "E2221" if len(keys) > 1 else "E2206" if self.name else "E2213"
                self.ledger.add(code, self.node.place, key=" / ".join(keys), table=self.title)

    # helpers of the values

    def _typed(self, key: str, kind: type | tuple[type, ...], expected: str) -> Any:
        """The value of `key` when it is of `kind` (a bool is no number), else None and a fault."""
        self._asked[key] = None
        node = self._entries.get(key)
        if node is None:
            return None
        if isinstance(node.value, kind) and (kind is bool or not isinstance(node.value, bool)):
            return node.value
        self._wrong_type(key, node, expected)
        return None

    def _wrong_type(self, key: str, node: Node, expected: str) -> None:
        number = measures.converted(node.value, key) if isinstance(node.value, str) else None
        if number is not None and expected in ("type_whole", "type_number"):
            self.fault(key, "E2208", value=node.value, example=f"{key} = {measures.plain(number)}")
        elif not self.ledger.told("E2102", node.place):
            self.fault(key, "E2203", expected=Word(expected), example=f"{key} = {example_value(node, expected)}")

    def _within(self, key: str, value: float, low: float, high: float) -> bool:
        if low <= value <= high:
            return True
        self.fault(key, "E2210", value=self.place(key).text, low=measures.plain(low), high=measures.plain(high))
        return False

    def _inner(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key
