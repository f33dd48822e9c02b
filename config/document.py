"""One TOML text as a tree in which every key and value knows its place; what cannot be read is a fault and left out."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any, Literal

from config import spans
from config.faults import Ledger, Place, Source, Word
from config.statements import Key, Keys, Statement, Trouble, Value

MOST_BROKEN = 50
"""Unreadable statements after which the rest of a file is not looked at."""

_BARE_WORD = re.compile(r"[^\W\d][\w./:@-]*")
_BOOLEANS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
_HEADER_IS_CLEAR = ("E2110", "E2111")  # only the bracket is missing, or something follows it
_WHERE = re.compile(r" \(at line (\d+), column (\d+)\)$| \(at end of document\)$")

Origin = Literal["value", "implied", "header", "dotted"]


@dataclass(slots=True)
class Node:
    """A value of any kind: scalar, list of nodes or table of nodes. `key` is where its name stands, `place` the value.

    `damaged` marks a table from which an unreadable statement was left out.
    """

    value: Any
    key: Place
    place: Place
    origin: Origin = "value"
    section: int = 0
    damaged: bool = False

    def plain(self) -> Any:
        """The bare values, as tomllib gives them."""
        if isinstance(self.value, dict):
            return {name: node.plain() for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def read(source: Source, text: str, ledger: Ledger) -> Node:
    """The tree of `text`, which is the text of `source` repaired in place; faults go to `ledger`."""
    return _Reader(source, text, ledger).read()


class _Reader:
    def __init__(self, source: Source, text: str, ledger: Ledger) -> None:
        self.source = source
        self.text = text
        self.ledger = ledger
        top = Place(source, 0, 0)
        self.root = Node({}, top, top, "header")
        self.table = self.root
        self.section = 0
        self.broken = 0

    def read(self) -> Node:
        foreign = False
        for statement in spans.scan(self.text):
            foreign = foreign or any(key.bare and not key.name.isascii() for key in statement.keys)
            self._take(statement)
            if self.broken >= MOST_BROKEN:
                self.ledger.add("E2116", self.table.place)
                break
        if not self.broken and not foreign:
            self._let_tomllib_judge()
        return self.root

    def _take(self, statement: Statement) -> None:
        if statement.kind != "pair":
            self._open(statement)
        if statement.trouble:
            self._refuse(statement.trouble, self.table)
        elif statement.value is not None:
            self._set(statement.keys, statement.value)

    # headers

    def _open(self, statement: Statement) -> None:
        self.section += 1
        readable = statement.trouble is None or statement.trouble.code in _HEADER_IS_CLEAR
        opened = self._descend(statement.keys, statement.kind == "array_header") if readable else None
        if opened is None:
            self.root.damaged = True
        self.table = opened or Node(
            {}, self._place(statement.keys), self._place(statement.keys), "header", damaged=True
        )

    def _descend(self, keys: Keys, array: bool) -> Node | None:
        table: Node | None = self.root
        for key in keys[:-1]:
            table = self._step(table, key, "implied") if table else None
        if table is None:
            return None
        return self._append(table, keys) if array else self._header(table, keys)

    def _header(self, parent: Node, keys: Keys) -> Node | None:
        if keys[-1].name not in parent.value:
            return self._add(parent, keys[-1], "header", self._place(keys))
        known: Node = parent.value[keys[-1].name]
        if known.origin != "implied":
            return self._refuse_twice(keys, known)
        known.origin, known.key, known.place = "header", self._place(keys[-1:]), self._place(keys)
        return known

    def _append(self, parent: Node, keys: Keys) -> Node | None:
        place, key = self._place(keys), self._place(keys[-1:])
        known: Node = parent.value.setdefault(keys[-1].name, Node([], key, place, "header"))
        if not isinstance(known.value, list) or known.origin == "value":
            return self._refuse_twice(keys, known)
        added = Node({}, key, place, "header")
        known.value.append(added)
        return added

    def _step(self, table: Node, key: Key, origin: Origin) -> Node | None:
        """The table under `key`, made when it is not there; None, with a fault, when something else stands there."""
        if key.name not in table.value:
            return self._add(table, key, origin, self._place((key,)))
        known: Node = table.value[key.name]
        if isinstance(known.value, list) and known.origin == "header" and origin == "implied":
            return known.value[-1] if known.value else None
        return known if self._may_enter(known, origin) else self._refuse_twice((key,), known)

    def _may_enter(self, known: Node, origin: Origin) -> bool:
        """TOML lets a header pass through any table, a dotted key only through those of its own section."""
        if not isinstance(known.value, dict) or known.origin == "value":
            return False
        same_section = known.origin == "dotted" and known.section == self.section
        return origin == "implied" or known.origin == "implied" or same_section

    def _add(self, table: Node, key: Key, origin: Origin, place: Place) -> Node:
        node = Node({}, self._place((key,)), place, origin, self.section)
        table.value[key.name] = node
        return node

    # pairs

    def _set(self, keys: Keys, value: Value) -> None:
        node = self._valued(keys, value)
        table: Node | None = self.table
        for key in keys[:-1]:
            table = self._step(table, key, "dotted") if table else None
        if table is None or node is None:
            self.table.damaged = True
        elif known := table.value.get(keys[-1].name):
            self._refuse_twice(keys, known)
        else:
            table.value[keys[-1].name] = node

    def _valued(self, keys: Keys, value: Value) -> Node | None:
        try:
            plain = tomllib.loads("v=" + self.text[value.start : value.end])["v"]
        except ValueError as error:
            self._refuse_value(keys, value, error)
            return None
        return self._placed(plain, value, self._place(keys))

    def _placed(self, plain: Any, value: Value, key: Place) -> Node:
        node = Node(plain, key, Place(self.source, value.start, value.end))
        if value.shape == "array":
            node.value = [
                self._placed(one, inner, Place(self.source, inner.start, inner.end))
                for one, inner in zip(plain, value.items, strict=True)
            ]
        elif value.shape == "table":
            node.value = {}
            for keys, inner in value.pairs:
                self._place_pair(node, keys, plain, inner)
        return node

    def _place_pair(self, table: Node, keys: Keys, plain: Any, value: Value) -> None:
        for key in keys[:-1]:
            place = self._place((key,))
            table = table.value.setdefault(key.name, Node({}, place, place))
            plain = plain[key.name]
        table.value[keys[-1].name] = self._placed(plain[keys[-1].name], value, self._place(keys))

    # faults

    def _refuse(self, trouble: Trouble, table: Node) -> None:
        self.broken += 1
        table.damaged = True
        self.ledger.add(trouble.code, Place(self.source, trouble.start, trouble.end), reason=Word("unreadable"))

    def _refuse_value(self, keys: Keys, value: Value, error: ValueError) -> None:
        """Name the scalar that cannot be read; the whole value where each can be read alone."""
        self.broken += 1
        self.table.damaged = True
        culprit = next((one for one in value.scalars() if not self._readable(one)), value)
        raw = self.text[culprit.start : culprit.end]
        place = Place(self.source, culprit.start, culprit.end)
        if _BARE_WORD.fullmatch(raw) and culprit.shape == "scalar":
            flag = _BOOLEANS.get(raw.lower())
            said = {"word": raw, "key": ".".join(key.name for key in keys), "meant": flag or f'"{raw}"'}
            self.ledger.add("E2120" if flag else "E2109", place, **said)
        else:
            self.ledger.add("E2104", place, reason=_WHERE.sub("", str(error)))

    def _readable(self, scalar: Value) -> bool:
        try:
            tomllib.loads("v=" + self.text[scalar.start : scalar.end])
        except ValueError:
            return False
        return True

    def _refuse_twice(self, keys: Keys, known: Node) -> Node | None:
        name = ".".join(key.name for key in keys)
        self.broken += 1
        self.ledger.add("E2108", self._place(keys), key=name, first=known.key)
        return None

    def _let_tomllib_judge(self) -> None:
        """Refuse what tomllib refuses, also where this reader saw nothing wrong."""
        try:
            tomllib.loads(self.text)
        except ValueError as error:
            where = _WHERE.search(str(error))
            line, column = (int(where[1]), int(where[2])) if where and where[1] else (len(self.source.starts), 1)
            start = self.source.starts[line - 1] + column - 1
            self.ledger.add("E2104", Place(self.source, start, start + 1), reason=_WHERE.sub("", str(error)))

    def _place(self, keys: Keys) -> Place:
        return Place(self.source, keys[0].start, keys[-1].end) if keys else Place(self.source, 0, 0)
