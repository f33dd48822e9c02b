"""What people are told: every message has a stable code and a text in English and Simplified Chinese, kept as data."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from config import reasons

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

_COUNTRIES = {"cn": "zh"}
"""What is taken for a language, and is the name of a country."""

_TEXTS = Path(__file__).parent / "texts"
_LONGEST_VALUE = 160
_TABLES = frozenset(("words", "chinese_keys", "typed", "verbs", "reasons"))


class Text(NamedTuple):
    """One message: what was seen, the most likely cause, one next action."""

    seen: str
    cause: str
    action: str


class Word(str):
    """The name of a word of the catalogue; as a value of a message it is said in the reader's language, with the other
    values in its places."""

    __slots__ = ()


class Refusal(NamedTuple):
    """Why something asked for was refused: the stable word, and what people are told beside it."""

    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


def text(code: str, lang: Language, **values: object) -> Text:
    """The message `code` in `lang` with `values` in its places; KeyError where the code or a value is missing.

    Values may come from anywhere: what is not printable in them is escaped, what is too long is cut.
    """
    said = _filled(values, lang)
    return Text(*(part.format_map(said) for part in _catalogue()[code][lang]))


def word(name: str, lang: Language, **values: object) -> str:
    """A word or phrase of the catalogue, with `values` in its places."""
    return _words()[name][lang].format_map(_filled(values, lang))


def quality(name: str, lang: Language) -> str:
    """The word for a quality; one that is not known, as an agent of tomorrow may send, stays as it is."""
    return named("quality", name, lang)


def state(name: str, lang: Language) -> str:
    """The word for a state; one that is not known, as an agent of tomorrow may send, stays as it is."""
    return named("state", name, lang)


def kind(name: str, lang: Language) -> str:
    """The word for what an input is; one that is not known stays as it is."""
    return named("kind", name, lang)


def severity(name: str, lang: Language) -> str:
    """The word for how bad an alarm is; one that is not known stays as it is."""
    return named("severity", name, lang)


def named(what: str, name: str, lang: Language) -> str:
    """The word for the `what` of that name, as a level or a contact; one that is not known stays as it is."""
    return _words().get(f"{what}_{name}", {}).get(lang, name)


def typed(english: str, lang: Language) -> str:
    """What the command line says in English of its own options, in `lang`; as it is where there is no Chinese of it."""
    return _typed()["typed"].get(english, english) if lang == "zh" else english


def typed_texts() -> tuple[str, ...]:
    """What `typed` has the Chinese of."""
    return tuple(_typed()["typed"])


def description(verb: str, lang: Language) -> str | None:
    """What a verb is for, in Chinese; its English stands at the head of its room."""
    return _typed()["verbs"].get(verb) if lang == "zh" else None


def reason(said: object, lang: Language) -> str:
    """What a room or the system gives as the reason, in `lang`; anything else stays as it is."""
    return reasons.in_chinese(str(said)) if lang == "zh" else str(said)


def codes() -> tuple[str, ...]:
    """Every code there is, in order."""
    return tuple(sorted(_catalogue()))


def template(code: str, lang: Language) -> Text:
    """The message `code` with its places still open."""
    return Text(*_catalogue()[code][lang])


def english_key(chinese: str) -> str | None:
    """The key an operator means who writes it in Chinese, None where the catalogue does not know."""
    return _chinese_keys().get(chinese)


def language(environ: Mapping[str, str], encoding: str | None) -> Language:
    """The reader's language: what the locale asks for, but English where Chinese cannot be shown.

    That is the bare Linux console (it has no Chinese font) and every stream that is not UTF-8.
    """
    if environ.get("TERM") == "linux" or (encoding or "").lower().replace("-", "") != "utf8":
        return "en"
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return asked_language(locale) or "en"


def asked_language(tag: str) -> Language | None:
    """The language of that name, or of a locale's: zh, zh_CN, zh-Hans, cn, en_US.UTF-8; None for any other."""
    first = re.split(r"[-_.]", tag.lower())[0]
    return next((lang for lang in LANGUAGES if lang == _COUNTRIES.get(first, first)), None)


def printable(value: str) -> str:
    """`value` with everything escaped that a terminal would obey instead of show."""
    if value.isprintable():
        return value
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in value)


def _filled(values: Mapping[str, object], lang: Language) -> dict[str, str]:
    plain = {name: _said(value, lang) for name, value in values.items() if not isinstance(value, Word)}
    words = {name: _words()[value][lang] for name, value in values.items() if isinstance(value, Word)}
    return plain | {name: form.format_map(plain) for name, form in words.items()}


def _said(value: object, lang: Language) -> str:
    if isinstance(value, Refusal):
        form = "refusal" if value.detail else "refusal_alone"
        return word(form, lang, said=named("refusal", value.reason, lang), detail=value.detail, reason=value.reason)
    shown = printable(reason(value, lang))
    return shown if len(shown) <= _LONGEST_VALUE else shown[:_LONGEST_VALUE] + "…"


@cache
def _catalogue() -> dict[str, dict[Language, list[str]]]:
    return {code: said for page in _pages() for code, said in page.items() if code not in _TABLES}


@cache
def _words() -> dict[str, dict[Language, str]]:
    return {name: said for page in _pages() for name, said in page.get("words", {}).items()}


@cache
def _chinese_keys() -> dict[str, str]:
    return {chinese: key for page in _pages() for chinese, key in page.get("chinese_keys", {}).items()}


@cache
def _typed() -> dict[str, dict[str, str]]:
    return {table: _merged(table) for table in ("typed", "verbs")}


def _merged(table: str) -> dict[str, str]:
    return {english: chinese for page in _pages() for english, chinese in page.get(table, {}).items()}


@cache
def _pages() -> tuple[dict[str, Any], ...]:
    return tuple(tomllib.loads(path.read_text("utf-8")) for path in sorted(_TEXTS.glob("*.toml")))
