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
from config.locker_settings import SIZES
from config.reporting_settings import DEADBANDS
from config.statements import Keys, Statement, Value

NO_SETTING = "[no setting]"
UNREADABLE = "[not readable]"
_SHIPPED = ("example.toml", "profile-example.toml")
_KEY = re.compile(r"(?:^[#\s]*|[{,]\s*)((?:[a-z_0-9]+\.)*[a-z_0-9]+)\s*=", re.MULTILINE)
_LONG_NUMBER = re.compile(r"\d{8,10}")
"""A modulus or a limit, which goes through the gate with its thousands apart; no longer number is one."""
_WORDS = re.compile(r"[^\s\"'=#]+")
_NAMES = re.compile(r"([\w.-]+)[\"']?\s*[=:]")


@dataclass
class SettingsText:
    """One file. `lines` are what may be told of it, `secrets` what stood where none may, `named` the values of keys
    that name something of this machine (`password_file`, `directory`, …)."""

    text: str
    lines: dict[int, str] = field(default_factory=lambda: defaultdict(str))
    secrets: set[str] = field(default_factory=set)
    named: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, text: str) -> SettingsText:
        """Never raises."""
        found = cls(text)
        statements = list(spans.scan(text))
        for at, statement in enumerate(statements):
            if statement.trouble:
                found._broken(statement, _until(statements[at + 1 :], len(text)))
            elif statement.value is None:
                marks = ("[", "]") if statement.kind == "header" else ("[[", "]]")
                found._tell(statement.keys[0].start, ".".join(key.name for key in statement.keys).join(marks))
            else:
                found._tell(statement.keys[0].start, found._pair(statement.keys, statement.value))
        return found

    def told(self, gate: Gate) -> str:
        """What may leave, each statement in its own line as in the file."""
        last = max(self.lines, default=0)
        return "".join(f"{gate.text(self.lines.get(number, ''))}\n" for number in range(1, last + 1))

    def values(self, name: str) -> list[str]:
        """What is written for that key, wherever it stands."""
        return self.named.get(name, [])

    def _tell(self, offset: int, said: str) -> None:
        number = self.text.count("\n", 0, offset) + 1
        self.lines[number] += said

    def _pair(self, keys: Keys, value: Value) -> str:
        name = keys[-1].name
        return f"{'.'.join(key.name for key in keys)} = {self._value(name, value)}"

    def _value(self, name: str, value: Value) -> str:
        if value.shape == "array":
            return f"[{', '.join(self._value(name, item) for item in value.items)}]"
        if value.shape == "table":
            return f"{{ {', '.join(self._pair(keys, inner) for keys, inner in value.pairs)} }}"
        raw = self.text[value.start : value.end]
        if is_person(name):
            return f'"{NAME}"'
        if is_secret(name) or name not in settings_keys():
            self.secrets.add(raw.strip("\"'"))
            return f'"{SECRET if is_secret(name) else NO_SETTING}"'
        if raw[:1] in "\"'":
            self.named[name].append(raw.strip("\"'"))
        return f"{int(raw):_}" if _LONG_NUMBER.fullmatch(raw) else raw.replace("\n", "\\n")

    def _broken(self, statement: Statement, end: int) -> None:
        assert statement.trouble is not None
        start = statement.keys[0].start if statement.keys else statement.trouble.start
        start = self.text.rfind("\n", 0, start) + 1
        line = self.text[start:].partition("\n")[0]
        name = line.partition("=")[0].strip()
        if name in settings_keys() and not any(is_secret(one) or is_person(one) for one in _NAMES.findall(line)):
            self._tell(start, line.partition("#")[0].rstrip())
            return
        self._tell(start, UNREADABLE)
        if any(map(is_secret, re.findall(r"[\w.-]+", line))):
            self.secrets.update(_WORDS.findall(self.text[start + len(name) : end]))


@cache
def settings_keys() -> frozenset[str]:
    """Every key that the shipped samples know."""
    shipped = Path(config.__file__).parent
    texts = [(shipped / name).read_text("utf-8") for name in _SHIPPED]
    named = (name for text in texts for found in _KEY.findall(text) for name in found.split("."))
    return frozenset((*named, *SIZES, *DEADBANDS))


def _until(following: Sequence[Statement], end: int) -> int:
    """Where the next statement that can be read begins."""
    return next((one.keys[0].start for one in following if one.trouble is None and one.keys), end)
