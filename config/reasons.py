"""Why something was not done: the rooms of the agent and the system say it in English; here it is put into Chinese."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

_PAGE = Path(__file__).parent / "texts" / "reasons.toml"
_PLACE = "{}"
_LONGEST = 500
"""What is longer is no reason that a room gave, but what somebody sent: it stays as it is."""


def in_chinese(reason: str) -> str:
    """The reason in Chinese, and likewise what stands in its places; what is not known stays as it is."""
    if len(reason) > _LONGEST:
        return reason
    for form, chinese in _forms():
        if found := form.fullmatch(reason):
            return chinese.format(*map(in_chinese, found.groups()))
    place, _, rest = reason.partition(": ")  # a file, or whatever it happened to
    return f"{place}：{known}" if rest and (known := in_chinese(rest)) != rest else reason


def templates() -> tuple[str, ...]:
    """Every reason that is known, in English with its places open."""
    return tuple(_page())


@cache
def _page() -> dict[str, str]:
    page: dict[str, str] = tomllib.loads(_PAGE.read_text("utf-8"))["reasons"]
    return page


@cache
def _forms() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((_form(english), chinese) for english, chinese in _page().items())


def _form(english: str) -> re.Pattern[str]:
    """Capitals differ: some rooms say what the system says in small letters."""
    return re.compile("(.+?)".join(map(re.escape, english.split(_PLACE))), re.IGNORECASE | re.DOTALL)
