"""Where things stand in a TOML text: its statements with the place of every key and value, also where it is broken."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from config.statements import Key, Keys, Kind, Statement, Trouble, Value

DEEPEST = 16
"""Levels of nesting and parts of a dotted key; a site needs four."""

MOST_VALUES = 50_000
"""Values of one file; a site with two hundred devices and all their points written out has twenty thousand."""

# A possessive repeat of alternatives matches too little before Python 3.11.5, and Debian 12 has 3.11.2.
_SPACE = re.compile(r"[ \t]*")
_GAP = re.compile(r"(?:[ \t\n]++|#[^\x00-\x08\x0a-\x1f\x7f]*+)*")
_COMMENT = re.compile(r"#[^\x00-\x08\x0a-\x1f\x7f]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")
_BARE_KEY = re.compile(r"(?:[A-Za-z0-9_-]|[^\x00-\x7f\s\u3000])+")
_BASIC = re.compile(r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_LONG_BASIC = re.compile(r'"""[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*"""(?:"{0,2})', re.S)
_LONG_LITERAL = re.compile(r"'''[^']*+(?:'(?!'')[^']*+)*'''(?:'{0,2})")
_WORD = re.compile(r"(?:\d{4}-\d\d-\d\d (?=\d\d:))?[^\s\x00-\x1f\x7f,\[\]{}#=\"']+")
# A table's header can never be a value: its words are no values. So an array that meets one was not closed.
_HEADER = re.compile(r"\[{1,2}[ \t]*(?!(?:true|false|inf|nan)[ \t]*\])[A-Za-z_][\w-]*(?:[ \t]*\.[ \t]*[\w-]+)*[ \t]*\]")
_BEGINS_STATEMENT = re.compile(rf"^[ \t]*(?:{_HEADER.pattern}|[^\s=#\[\]{{}},]+[ \t]*=)", re.M)


def scan(text: str) -> Iterator[Statement]:
    """The statements of `text` (line ends are LF), the broken ones too; never raises."""
    scanner = _Scanner(text)
    while scanner.skip_to_statement():
        yield scanner.statement()


class _BrokenError(Exception):
    def __init__(self, code: str, start: int, end: int) -> None:
        super().__init__(code)
        self.trouble = Trouble(code, start, end)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.keys: list[Key] = []
        self.values = 0

    def skip_to_statement(self) -> bool:
        self._skip(_GAP)
        return self.at < len(self.text)

    def statement(self) -> Statement:
        start, self.keys = self.at, []
        kind: Kind = "pair"
        if self._sees("["):
            kind = "array_header" if self._sees("[[") else "header"
        try:
            value = self._pair() if kind == "pair" else None
            if kind != "pair":
                self._header("[" if kind == "header" else "[[")
            self._expect_line_end()
            return Statement(kind, tuple(self.keys), value, None)
        except _BrokenError as broken:
            self._resume_after(start)
            return Statement(kind, tuple(self.keys), None, broken.trouble)

    def _resume_after(self, start: int) -> None:
        """Go on with the next line; after a value over several lines, with the next that looks like a statement."""
        line = self._line_start()
        if line <= start:
            self.at = self._line_end()
        else:
            following = _BEGINS_STATEMENT.search(self.text, line)
            self.at = following.start() if following else len(self.text)

    def _header(self, opening: str) -> None:
        start = self.at
        self.at += len(opening)
        self._dotted_key(self.keys)
        if self.at == self._line_end() or self._sees("#"):
            raise _BrokenError("E2110", start, self.at)
        if not self._sees("]" * len(opening)):
            raise self._unexpected("E2119")
        self.at += len(opening)

    def _pair(self) -> Value:
        self._dotted_key(self.keys)
        self._expect_equals(self.keys[0])
        return self._value(1)

    def _expect_equals(self, first: Key) -> None:
        if not self._sees("="):
            raise _BrokenError("E2106", first.start, self._line_end())
        self.at += 1
        self._skip(_SPACE)

    def _dotted_key(self, parts: list[Key]) -> None:
        while True:
            self._skip(_SPACE)
            parts.append(self._key())
            self._skip(_SPACE)
            if not self._sees("."):
                return
            if len(parts) == DEEPEST:
                raise _BrokenError("E2107", parts[0].start, self.at)
            self.at += 1

    def _key(self) -> Key:
        start = self.at
        for quote, pattern in (('"', _BASIC), ("'", _LITERAL)):
            if self._sees(quote):
                raw = self._match(pattern, "E2105")
                return Key(self._unquoted(raw, start), start, self.at, False)
        raw = self._match(_BARE_KEY, "E2112")
        return Key(raw, start, self.at, True)

    def _unquoted(self, raw: str, start: int) -> str:
        try:
            return next(iter(tomllib.loads(f"{raw} = 0")))
        except ValueError:
            raise _BrokenError("E2104", start, self.at) from None

    def _value(self, depth: int) -> Value:
        if depth > DEEPEST:
            raise _BrokenError("E2107", self.at, self.at + 1)
        self.values += 1
        if self.values > MOST_VALUES:
            start, self.at = self.at, len(self.text)
            raise _BrokenError("E2118", start, start + 1)
        if self._sees("["):
            return self._array(depth)
        if self._sees("{"):
            return self._inline_table(depth)
        start = self.at
        self._scalar()
        return Value("scalar", start, self.at)

    def _scalar(self) -> None:
        for opening, pattern in (('"""', _LONG_BASIC), ("'''", _LONG_LITERAL), ('"', _BASIC), ("'", _LITERAL)):
            if self._sees(opening):
                self._match(pattern, "E2105")
                return
        self._match(_WORD, "E2113")

    def _array(self, depth: int) -> Value:
        start, items = self.at, list[Value]()
        self.at += 1
        while not self._closes("]"):
            if items:
                self._expect_comma(start, _GAP)
                if self._closes("]"):
                    break
            if self.at >= len(self.text) or self._sees_header():
                raise _BrokenError("E2110", start, start + 1)
            items.append(self._value(depth + 1))
        self.at += 1
        return Value("array", start, self.at, items=tuple(items))

    def _inline_table(self, depth: int) -> Value:
        start, pairs = self.at, list[tuple[Keys, Value]]()
        self.at += 1
        self._skip(_SPACE)
        while not self._sees("}"):
            if pairs:
                self._expect_comma(start, _SPACE)
            keys: list[Key] = []
            self._dotted_key(keys)
            self._expect_equals(keys[0])
            pairs.append((tuple(keys), self._value(depth + len(keys))))
            self._skip(_SPACE)
        self.at += 1
        return Value("table", start, self.at, pairs=tuple(pairs))

    def _closes(self, bracket: str) -> bool:
        self._skip(_GAP)
        return self._sees(bracket)

    def _expect_comma(self, opened: int, gap: re.Pattern[str]) -> None:
        if not self._sees(","):
            if self.at >= len(self.text) or self._begins_statement(opened):
                raise _BrokenError("E2110", opened, opened + 1)
            raise _BrokenError("E2115", self.at, self.at + 1)
        self.at += 1
        self._skip(gap)

    def _sees_header(self) -> bool:
        if not _HEADER.match(self.text, self.at):
            return False
        return not self.text[self._line_start() : self.at].strip(" \t")

    def _begins_statement(self, opened: int) -> bool:
        line = self._line_start()
        return line > opened and _BEGINS_STATEMENT.match(self.text, line) is not None

    def _expect_line_end(self) -> None:
        self._skip(_SPACE)
        self._skip(_COMMENT)
        if self.at < len(self.text) and not self._sees("\n"):
            raise self._unexpected("E2111")

    def _match(self, pattern: re.Pattern[str], otherwise: str) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise self._unexpected(otherwise)
        self.at = found.end()
        return found.group()

    def _unexpected(self, code: str) -> _BrokenError:
        control = _CONTROL.match(self.text, self.at)
        return (
            _BrokenError("E2114", self.at, control.end()) if control else _BrokenError(code, self.at, self._line_end())
        )

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _sees(self, word: str) -> bool:
        return self.text.startswith(word, self.at)

    def _line_start(self) -> int:
        return self.text.rfind("\n", 0, self.at) + 1

    def _line_end(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end
