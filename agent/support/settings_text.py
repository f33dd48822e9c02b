"""The operator's files as they are read, line by line: keys that are settings with their values, and nothing else.

Comments are left out, and so is the value of every key that is no setting: there a secret would stand. A line that
cannot be read is told only where its key is a setting. Works on any text, whatever is wrong with it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import config
from agent.support.gate import NAME, SECRET, Gate, is_person, is_secret
from config import spans
from config.faults import Source
from config.locker_settings import SIZES
from config.reporting_settings import DEADBANDS
from config.statements import Keys, Statement, Value

NO_SETTING = "[no setting]"
UNREADABLE = "[not readable]"
_SHIPPED = ("example.toml", "profile-example.toml")
_KEY = re.compile(r"(?:^[#\s]*|[{,]\s*)((?:[a-z_0-9]+\.)*[a-z_0-9]+)\s*=", re.MULTILINE)
_LONG_NUMBER = re.compile(r"\d{8,10}")
"""A modulus or a limit, which goes through the gate with its thousands apart; no longer number is one."""
_WORD = re.compile(r"[\w.-]+")
_WORDS = re.compile(r"[^\s\"'=#]+")
_NAMES = re.compile(r"(?<![\w.-])([\w.-]+)[\"']?\s*[=:]")
_MOST_BROKEN = 200
"""Lines after which what stands in others is no more remembered as a secret; they are not told all the same."""


@dataclass
class SettingsText:
    """One file. `lines` are what may be told of it, `secrets` what stood where none may, `named` the values of keys
    that name something of this machine (`password_file`, `directory`, …)."""

    source: Source
    lines: dict[int, str] = field(default_factory=lambda: defaultdict(str))
    secrets: set[str] = field(default_factory=set)
    named: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    hidden: bool = False
    """The table that is being read is one of secrets by its name."""

    @classmethod
    def read(cls, text: str) -> SettingsText:
        """Never raises."""
        found = cls(Source.of("", text))
        broken = list[int]()
        for statement in spans.scan(text):
            if statement.trouble:
                broken.append(found._broken(statement))
                continue
            start = statement.keys[0].start
            found._forget(broken, start)
            broken.clear()
            found._tell(start, found._header(statement) if statement.value is None else found._of(statement))
        found._forget(broken, len(text))
        return found

    def told(self, gate: Gate) -> str:
        """What may leave, each statement in its own line as in the file."""
        last = max(self.lines, default=0)
        return "".join(f"{gate.text(self.lines.get(number, ''))}\n" for number in range(1, last + 1))

    def values(self, name: str) -> list[str]:
        """What is written for that key, wherever it stands."""
        return self.named.get(name, [])

    def _tell(self, offset: int, said: str) -> None:
        self.lines[self.source.position(offset)[0]] += said

    def _header(self, statement: Statement) -> str:
        self.hidden = any(is_secret(key.name) for key in statement.keys)
        marks = ("[", "]") if statement.kind == "header" else ("[[", "]]")
        return ".".join(key.name for key in statement.keys).join(marks)

    def _of(self, statement: Statement) -> str:
        assert statement.value is not None
        return self._pair(statement.keys, statement.value, hidden=self.hidden)

    def _pair(self, keys: Keys, value: Value, *, hidden: bool) -> str:
        hidden |= any(is_secret(key.name) for key in keys)
        return f"{'.'.join(key.name for key in keys)} = {self._value(keys[-1].name, value, hidden=hidden)}"

    def _value(self, name: str, value: Value, *, hidden: bool) -> str:
        if value.shape == "array":
            return f"[{', '.join(self._value(name, item, hidden=hidden) for item in value.items)}]"
        if value.shape == "table":
            return f"{{ {', '.join(self._pair(keys, inner, hidden=hidden) for keys, inner in value.pairs)} }}"
        raw = self.source.text[value.start : value.end]
        bare = raw.strip("\"'")
        if hidden:
            self.secrets.add(bare)
        if hidden or is_person(name) or name not in settings_keys():
            return f'"{SECRET if hidden else NAME if is_person(name) else NO_SETTING}"'
        if raw != bare:
            self.named[name].append(bare)
        return f"{int(raw):_}" if _LONG_NUMBER.fullmatch(raw) else raw.replace("\n", "\\n")

    def _broken(self, statement: Statement) -> int:
        """Tell the line as far as it may be; where it begins."""
        assert statement.trouble is not None
        start = statement.keys[0].start if statement.keys else statement.trouble.start
        number, column = self.source.position(start)
        line = self.source.line(number)
        name = line.partition("=")[0].strip()
        hides = self.hidden or any(is_secret(one) or is_person(one) for one in _NAMES.findall(line))
        self._tell(start, UNREADABLE if hides or name not in settings_keys() else line.partition("#")[0].rstrip())
        return start - column + 1

    def _forget(self, broken: Sequence[int], end: int) -> None:
        """Of lines that cannot be read, what may be a secret: from the first that names one to the next good one."""
        for start in broken[:_MOST_BROKEN]:
            line = self.source.line(self.source.position(start)[0])
            if any(map(is_secret, _WORD.findall(line))):
                self.secrets.update(_WORDS.findall(self.source.text[start:end].partition("=")[2]))
                return


@cache
def settings_keys() -> frozenset[str]:
    """Every key that the shipped samples know."""
    shipped = Path(config.__file__).parent
    texts = [(shipped / name).read_text("utf-8") for name in _SHIPPED]
    named = (name for text in texts for found in _KEY.findall(text) for name in found.split("."))
    return frozenset((*named, *SIZES, *DEADBANDS))
