"""In which language the command line speaks: the one that --lang asks for, wherever it stands, else the locale's."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import TextIO

from config import messages
from config.messages import Language

_OPTION = "--lang"
_ASKED: ContextVar[Language | None] = ContextVar("asked", default=None)


def add_language(parser: argparse.ArgumentParser) -> None:
    """The option --lang, the same for every verb that speaks with people."""
    parser.add_argument(_OPTION, type=_language, choices=messages.LANGUAGES, help="default: the language of the locale")


@contextmanager
def heard(words: Sequence[str]) -> Iterator[None]:
    """What is said meanwhile is said as these words of a command line ask for; they need not be understood yet."""
    asked = [after for one, after in pairwise(words) if one == _OPTION]
    asked += [one.removeprefix(f"{_OPTION}=") for one in words if one.startswith(f"{_OPTION}=")]
    known: list[Language] = [lang for one in asked if (lang := messages.asked_language(one))]
    token = _ASKED.set(known[-1] if known else None)
    try:
        yield
    finally:
        _ASKED.reset(token)


def chosen_language(asked: Language | None, stream: TextIO) -> Language:
    """The language asked for, else the one that the locale wants and `stream` can show."""
    return asked or _ASKED.get() or messages.language(os.environ, stream.encoding)


def again(lang: Language, stream: TextIO) -> str:
    """What must follow a verb that is named as the next, for it to speak `lang`, too: nothing where the locale does."""
    return "" if lang == messages.language(os.environ, stream.encoding) else f" {_OPTION} {lang}"


def spoken() -> Language:
    """The language for whoever types a command, where what was typed is not understood yet."""
    return chosen_language(None, sys.stderr)


def say(text: str) -> None:
    """Print `text`. A pipe whose reader has gone, as in `hubpulse check | head`, is nobody's fault."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say_wrong(verb: str, what: str) -> None:
    """Say on standard error, under the verb's name, what it cannot do."""
    print(f"hubpulse {verb}{messages.word('colon', spoken())}{what}", file=sys.stderr)


def _language(tag: str) -> str:
    return messages.asked_language(tag) or tag
