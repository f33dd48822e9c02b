"""What is wrong in the operator's files and where: places, faults, and the error that carries all of them at once."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from config import messages
from config.messages import Language, Text, Word

LIMIT = 200
"""Faults kept of one run; more help nobody."""

_SHOWN_COLUMNS = 120
_SECRET_KEY = r"(?!password_(?:file|credential)\b)[\w-]*(?:passw|passphrase|psk|secret|token|密码|口令)[\w-]*"  # noqa: S105
_SECRET = re.compile(rf"""((?:^|[\s{{,."'“]){_SECRET_KEY}["'”]?\s*[=＝:：]).*""", re.I)
_LOGIN_IN_ADDRESS = re.compile(r"://[^/@\s]*@")
_RED, _CYAN, _PLAIN = "\x1b[1;31m", "\x1b[36m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Source:
    """One file as text with LF line ends. `starts` are the offsets of its lines."""

    name: str
    text: str
    starts: tuple[int, ...] = field(repr=False)

    @classmethod
    def of(cls, name: str, text: str) -> Source:
        """The source `text`, with its lines found."""
        return cls(name, text, (0, *(found.end() for found in re.finditer("\n", text))))

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1; a column is one character."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line."""
        start = self.starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : len(self.text) if end < 0 else end]


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a source, `end` not included."""

    source: Source
    start: int
    end: int

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its code, where it stands (line and columns from 1), the line itself, the values its text names.

    Codes with W are notices: worth knowing, not in the way.
    """

    code: str
    file: str
    line: int
    column: int
    end_column: int
    source: str
    parameters: Mapping[str, object]

    @property
    def place(self) -> str:
        """`file:line:column`, the file alone where it is at fault as a whole."""
        if self.code.startswith("E200"):
            return messages.printable(self.file)
        return f"{messages.printable(self.file)}:{self.line}:{self.column}"

    def text(self, lang: Language) -> Text:
        """What was seen, why it is a fault, and what to do."""
        return messages.text(self.code, lang, **self.parameters)

    def render(self, lang: Language, *, color: bool = False) -> str:
        """The fault as people read it: place and sentence, the line, a caret under the value, reason, fix."""
        said = self.text(lang)
        line, caret = drawing(self.source, self.column, self.end_column)
        number = f"{self.line:>5} | "
        red, cyan, plain = (_RED, _CYAN, _PLAIN) if color else ("", "", "")
        rows = [
            f"{cyan}{self.place}{plain}: {red}{self.code}{plain} {said.seen}",
            f"{number}{line}",
            f"{' ' * len(number)}{red}{caret}{plain}",
            f"        {messages.word('why', lang)}{said.cause}",
            f"        {messages.word('fix', lang)}{said.action}",
        ]
        return "\n".join(rows if line else [rows[0], *rows[3:]])


class ConfigError(Exception):
    """The operator's files are wrong; `faults` holds all of it, in the order of files and lines."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return self.render("en")

    def render(self, lang: Language, *, color: bool = False) -> str:
        """Every fault, one below the other."""
        return "\n\n".join(fault.render(lang, color=color) for fault in self.faults)


class Ledger:
    """Faults and notices as they are found, each only once, at most LIMIT of them."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int, int, str], Fault] = {}
        self._lines: dict[tuple[str, int], tuple[str, str]] = {}

    def add(self, code: str, place: Place, **parameters: object) -> None:
        """Note fault `code` at `place`."""
        if self.full:
            return
        line, column = place.source.position(place.start)
        written, text = self._line(place.source, line)
        width = max(1, min(place.end, place.start + len(text) - column + 1) - place.start)
        told = {name: _without_secret(value, written, text) for name, value in parameters.items()}
        fault = Fault(code, place.source.name, line, column, column + width, text, told)
        key = (code, place.source.name, place.start, place.end, str(told.get("key", "")))
        self._found.setdefault(key, fault)

    def _line(self, source: Source, number: int) -> tuple[str, str]:
        """The line as written, and as it may be shown."""
        key = source.name, number
        if key not in self._lines:
            written = source.line(number)
            self._lines[key] = written, hide_secrets(written)
        return self._lines[key]

    def told(self, code: str, place: Place) -> bool:
        """Whether fault `code` was noted for what ends where `place` ends."""
        source, end = place.source.name, place.end
        return any((code, source, end) == (known, name, last) for known, name, _, last, _ in self._found)

    @property
    def full(self) -> bool:
        return len(self._found) >= LIMIT

    @property
    def faults(self) -> list[Fault]:
        return [fault for fault in self._found.values() if fault.code.startswith("E")]

    @property
    def notices(self) -> list[Fault]:
        return [fault for fault in self._found.values() if fault.code.startswith("W")]


def nowhere(file: str) -> Place:
    """The place of a fault that concerns a file as a whole."""
    return Place(Source.of(file, ""), 0, 0)


def hide_secrets(line: str) -> str:
    """`line` without what follows a password key, and without a login in an address."""
    return _LOGIN_IN_ADDRESS.sub("://***@", _SECRET.sub(r"\1 ***", line))


def is_secret(key: str) -> bool:
    """Whether a key of that name would hold a secret."""
    return re.fullmatch(_SECRET_KEY, key, re.I) is not None


def _without_secret(value: object, written: str, shown: str) -> object:
    if not isinstance(value, str) or isinstance(value, Word):
        return value
    return "***" if written != shown and value not in shown else value


def drawing(line: str, column: int, end_column: int) -> tuple[str, str]:
    """`line` as a terminal can show it, and the row of carets below; full-width characters take two columns.

    Of a long line only what surrounds the carets.
    """
    before, under, after = line[: column - 1], line[column - 1 : end_column - 1], line[end_column - 1 :]
    if len(line) > _SHOWN_COLUMNS:
        before = before if len(before) <= 40 else "…" + before[-39:]
        under = under if len(under) <= 40 else under[:39] + "…"
        after = after if len(after) <= 40 else after[:39] + "…"
    before, under, after = _shown(before), _shown(under), _shown(after)
    pad = "".join("\t" if one == "\t" else " " * columns(one) for one in before)
    return before + under + after, pad + "^" * max(1, columns(under))


def _shown(text: str) -> str:
    return "".join(one if one.isprintable() or one == "\t" else "·" for one in text)


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    return sum(_columns(one) for one in text)


def _columns(one: str) -> int:
    if unicodedata.combining(one):
        return 0
    return 2 if unicodedata.east_asian_width(one) in "WF" else 1


__all__ = ["LIMIT", "ConfigError", "Fault", "Ledger", "Place", "Source", "Word", "columns", "drawing", "nowhere"]
