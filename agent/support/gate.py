"""The last gate: what could be a waybill number, a secret or a person is blanked before anything leaves the machine.

It knows shapes, not meanings, and would rather blank too much. The shapes are those of DOMAIN.md 4.1 and more: eight
digits in a row, a longer mixture of letters and digits, digits in groups, bytes written as hex.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

CODE, SECRET, NAME = "[number]", "[secret]", "[name]"
"""What stands in the place of what was blanked."""
_MARKS = re.compile("|".join(map(re.escape, (CODE, SECRET, NAME))))

_LONGEST_MEASURE = 10**10
"""What the agent counts is less; a waybill of digits alone that carriers still print has twelve or more."""
_TIMES_MS = range(1_700_000_000_000, 2_200_000_000_000)
_SHORTEST_SECRET = 4
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}

_TOKEN = re.compile(r"[A-Za-z\d]{8,}")
_EIGHT = re.compile(r"\d{8}")
_GROUPS = re.compile(r"(?<!\d)\d{3,}(?:[ -]\d{3,}){2,}")
_BYTES = re.compile(
    r"(?:[0-9A-Fa-f]{2} ){5,}[0-9A-Fa-f]{2}|(?:(?:\\x|%|0x)[0-9A-Fa-f]{2}[, ]{0,2}){4,}|(?:\\u[0-9A-Fa-f]{4}){4,}"
)
_BASE64 = re.compile(r"[A-Za-z\d+/]{32,}={0,2}")
_PEM = re.compile(r"-----BEGIN .*?(?:-----END[^-\n]*-----|\Z)", re.DOTALL)
_WORD = re.compile(r"[^\s\"']+")
_SUSPECT = (
    r"passw(?:or)?d|passphrase|passwd|pwd|secret|token|psk|hmac|credential|authori[sz]ation"
    r"|(?:api|private|shared|access|signing)[_-]?key|口令|密码|密碼|密钥|密鑰|令牌|私钥|私鑰"
)
_SECRET = re.compile(rf"{_SUSPECT}|\bkey\b|^pass|^pw|^pin$", re.IGNORECASE)
_TOLD = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]++)[\"'\\]*+\s*+(?:[=:]|is\b)\s*+(?=\S)|(?:口令|密码|密碼|密钥|密鑰|令牌|私钥|私鑰)\s*+[是为為]"
)
_BEARER = re.compile(r"\b(bearer|basic)\s+\S+", re.IGNORECASE)
_BY = re.compile(r"\b((?:\w*_)?(?:by|user|username|login))=(?:\"(?:[^\"\\]|\\.)*\"|\S+)")

_PERSON = re.compile(r"(?:\w*_)?(?:by|user|username|login)")
_PLACES = ("_file", "_credential")
"""What a key with such an end names is where a secret lies, not the secret."""

_SURE = re.compile(r"\d{11}|(?<![A-Za-z\d])(?:[A-Z]{2,4}\d{8}|[A-Z]{2}\d{9}[A-Z]{2})")


def is_secret(name: str) -> bool:
    """Whether what stands under that name would be a secret."""
    return not name.endswith(_PLACES) and _SECRET.search(name) is not None


def is_person(name: str) -> bool:
    """Whether what stands under that name says who somebody is."""
    return _PERSON.fullmatch(name) is not None


@dataclass(frozen=True)
class Gate:
    """`secrets` are those of this machine: what lies in the files of keys and passwords, as far as it could be read."""

    secrets: frozenset[str] = frozenset()

    def text(self, said: str) -> str:
        """`said` with everything blanked that may not leave."""
        if self._known is not None:
            said = self._known.sub(SECRET, said)
        said = _PEM.sub(SECRET, said.translate(_FULL_WIDTH))
        said = "".join(map(_untold, _WORD.sub(_without_login, said).splitlines(keepends=True)))
        said = _BY.sub(rf"\1={NAME}", _BEARER.sub(rf"\1 {SECRET}", said))
        for shape in (_BYTES, _GROUPS):
            said = shape.sub(CODE, said)
        return _TOKEN.sub(_judged, _BASE64.sub(_mixed, said))

    def tree(self, value: object) -> object:
        """The same of JSON. A long whole number is blanked; one that is a moment (Unix ms) is told to the second."""
        match value:
            case Mapping():
                return {self.text(str(name)): self._field(str(name), inner) for name, inner in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.tree(inner) for inner in value]
            case bool() | None:
                return value
            case int() | float():
                return self._number(value)
            case _:
                return self.text(str(value))

    def holds_back(self, octets: bytes) -> bool:
        """Whether a secret of this machine, or what is surely a code, is in them all the same."""
        said = _MARKS.sub("\0", octets.decode("utf-8", "replace"))
        return _SURE.search(said) is not None or (self._known is not None and self._known.search(said) is not None)

    def _field(self, name: str, value: object) -> object:
        if is_person(name) and value:
            return NAME
        return SECRET if isinstance(value, str) and value and is_secret(name) else self.tree(value)

    def _number(self, value: float) -> object:
        if isinstance(value, int) and value in _TIMES_MS:
            return self.text(datetime.fromtimestamp(value // 1000, UTC).isoformat())
        if not abs(value) < _LONGEST_MEASURE:
            return CODE
        shown = round(value, 6)
        return SECRET if self._known is not None and self._known.search(str(shown)) else shown

    @cached_property
    def _known(self) -> re.Pattern[str] | None:
        known = sorted(worth_hiding(self.secrets), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, known))) if known else None


def worth_hiding(secrets: Iterable[str]) -> set[str]:
    """Those that are long enough to be told from chance; of several lines each, too."""
    parts = {part for one in secrets for part in (one, one.strip(), *map(str.strip, one.splitlines()))}
    return {part for part in parts if len(part) >= _SHORTEST_SECRET}


def _judged(found: re.Match[str]) -> str:
    token = found.group()
    digits = sum(map(str.isdecimal, token))
    mixed = len(token) >= 10 and digits >= 4
    return CODE if mixed or len(token) >= 24 or _EIGHT.search(token) else token


def _mixed(found: re.Match[str]) -> str:
    run = found.group()
    return CODE if re.search("[A-Z]", run) and re.search("[a-z]", run) and re.search(r"\d", run) else run


def _untold(line: str) -> str:
    """What is said up to a secret; a line that names one and its value ends there."""
    for found in _TOLD.finditer(line):
        name = found["name"]
        in_path = line[: found.start()].endswith("/") and ":" in found.group()  # a file, and what is wrong with it
        if name is None or (not in_path and not name.endswith(_PLACES) and re.search(_SUSPECT, name, re.IGNORECASE)):
            return f"{line[: found.end()]}{SECRET}{line[len(line.rstrip()) :]}"
    return line


def _without_login(found: re.Match[str]) -> str:
    """An address without who logs in there: agent:secret@host, also within a URL."""
    word = found.group()
    head, _, host = word.rpartition("@")
    if not host or ":" not in head:
        return word
    place = head.index(":")
    scheme = head.startswith("://", place)
    start = place + 3 if scheme else max(head.rfind(sign, 0, place) for sign in "=,;([/") + 1
    return f"{head[:start]}{SECRET}@{host}"
