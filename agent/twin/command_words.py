"""The words that a command to the twin takes, and the check of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

Reply = dict[str, Any]
Check = Callable[[str, object], Any]


class CommandError(Exception):
    """What was asked cannot be done; the text says why."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command: its check, and what it is when not said; without `default` it must be said."""

    check: Check
    default: object = ...


@dataclass(frozen=True, slots=True)
class Command:
    """What `run` does to the twin, with these words."""

    words: Mapping[str, Word]
    run: Callable[..., Awaitable[Reply]]


def text(word: str, value: object) -> str:
    """A text. Raises CommandError."""
    if not isinstance(value, str):
        raise CommandError(f"{word} is a text")
    return value


def flag(word: str, value: object) -> bool:
    """True or false. Raises CommandError."""
    if not isinstance(value, bool):
        raise CommandError(f"{word} is true or false")
    return value


def number(low: float, high: float) -> Check:
    """The check of a number between these, inclusive."""

    def check(word: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise CommandError(f"{word} is a number from {low:g} to {high:g}")
        return float(value)

    return check


def whole(low: int, high: int) -> Check:
    """The check of a whole number between these, inclusive."""

    def check(word: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise CommandError(f"{word} is a whole number from {low} to {high}")
        return value

    return check
