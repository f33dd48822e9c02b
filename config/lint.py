"""What Chinese editors and keyboards do to a TOML file: recognised before parsing, explained, and read around.

Every repair keeps each character where it stands, so that the faults found after it point at the operator's own text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from config import spans
from config.faults import Ledger, Place, Source, hide_secrets

_DOUBLE = "“”„‟＂「」『』"
_SINGLE = "‘’‚‛＇"
_QUOTES = str.maketrans(dict.fromkeys(_DOUBLE, '"') | dict.fromkeys(_SINGLE, "'"))
_FULL_WIDTH = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_LOOK_ALIKE = dict(zip("。、【】〔〕：；−–—", ".,[][]= ---", strict=True))
_BLANK = dict.fromkeys(
    "\u3000\u00a0\u1680\u202f\u205f\u200b\u200c\u200d\u2060\ufeff" + "".join(map(chr, range(0x2000, 0x200B))), " "
)
_REPAIR = str.maketrans(_FULL_WIDTH | _LOOK_ALIKE | _BLANK) | _QUOTES

_ANY_DOUBLE, _ANY_SINGLE = f'["{_DOUBLE}]', f"['{_SINGLE}]"
_WRONG = "[" + re.escape("".join(map(chr, _REPAIR))) + "]"
_WHOLE = (
    r'#[^\n]*|"""[^"\\]*+(?:(?:\\[\s\S]|"(?!""))[^"\\]*+)*"""(?:"{0,2})|'
    r"'''[^']*+(?:'(?!'')[^']*+)*'''(?:'{0,2})|" + r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*"|' + r"'[^'\n]*'"
)
_PLAIN = re.compile(rf"(?P<whole>{_WHOLE})|(?P<open>[\"'][^\n]*)|(?P<wrong>{_WRONG})")
# On a line whose quotes do not match up, any double quote opens a string and any other one closes it.
_MIXED = re.compile(
    rf"(?P<whole>#[^\n]*)|(?P<mixed>{_ANY_DOUBLE}[^\n\"{_DOUBLE}]*{_ANY_DOUBLE}|{_ANY_SINGLE}[^\n'{_SINGLE}]*{_ANY_SINGLE})"
    rf"|(?P<wrong>{_WRONG})"
)
_WRONG_QUOTE = re.compile(f"[{_DOUBLE}{_SINGLE}]")
_MAYBE_ZEROS = re.compile(r"[=,\[\s][+-]?0[0-9_]")
_LEADING_ZEROS = re.compile(r"([+-]?)(0[0_]*)(?=[0-9])[0-9_]*(?:\.[0-9_]+)?(?:[eE][+-]?[0-9_]+)?")

Span = tuple[int, int]


def decode(name: str, raw: bytes, ledger: Ledger) -> Source:
    """The text of a file, whatever encoding it was saved in; all but plain UTF-8 is a fault, noted and read around."""
    code, text = _sniff(raw)
    source = Source.of(name, text.replace("\r\n", "\n"))
    if code:
        at = 0 if code == "E2011" else next((offset for offset, one in enumerate(source.text) if not one.isascii()), 0)
        ledger.add(code, Place(source, at, at + 1), file=name)
    return source


def _sniff(raw: bytes) -> tuple[str | None, str]:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "E2013", raw.decode("utf-16", "replace")
    first = raw[:64]
    if 3 * first.count(0) > len(first):  # every other byte of Latin text
        high_byte_first = first[0::2].count(0) > first[1::2].count(0)
        return "E2013", raw.decode("utf-16-be" if high_byte_first else "utf-16-le", "replace")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return _not_utf8(raw)
    return ("E2011", text[1:]) if text.startswith("\ufeff") else (None, text)


def _not_utf8(raw: bytes) -> tuple[str, str]:
    try:
        return "E2012", raw.decode("gb18030")
    except UnicodeDecodeError:
        return "E2014", raw.decode("utf-8", "replace")


def lint(source: Source, ledger: Ledger) -> str:
    """The text of `source` with full-width punctuation and leading zeros repaired in place, each line's fault noted."""
    text = _without_full_width(source, ledger)
    return _without_leading_zeros(source, text, ledger)


def _without_full_width(source: Source, ledger: Ledger) -> str:
    lines: dict[int, list[Span]] = {}
    for start, end in _wrong_spans(source.text):
        line, _ = source.position(start)
        lines.setdefault(line, []).append((start, end))
    pieces, done = list[str](), 0
    for line, wrong in lines.items():
        start = source.starts[line - 1]
        end = source.starts[line] if line < len(source.starts) else len(source.text)
        repaired = _repaired(source.text, start, end, wrong)
        _note_full_width(source, wrong, repaired, ledger)
        pieces += [source.text[done:start], repaired]
        done = end
    return "".join([*pieces, source.text[done:]])


def _note_full_width(source: Source, wrong: list[Span], repaired: str, ledger: Ledger) -> None:
    if ledger.full:
        return
    found = dict.fromkeys(one for start, end in wrong for one in source.text[start:end] if ord(one) in _REPAIR)
    ledger.add(
        "E2101",
        Place(source, wrong[0][0], wrong[-1][1]),
        found=" ".join(f"{one if one.strip() else f'U+{ord(one):04X}'}" for one in list(found)[:8]),
        corrected=hide_secrets(repaired.strip()),
    )


def _repaired(text: str, start: int, end: int, wrong: list[Span]) -> str:
    pieces, done = list[str](), start
    for first, last in wrong:
        word = text[first:last]
        inside = word[1:-1]
        pieces += [text[done:first], word[0].translate(_REPAIR), inside, word[1 + len(inside) :].translate(_REPAIR)]
        done = last
    return "".join([*pieces, text[done:end]])


def _wrong_spans(text: str) -> list[Span]:
    """Where characters stand outside strings and comments that TOML does not know; a wrongly quoted string is one."""
    wrong, at = list[Span](), 0
    while found := _PLAIN.search(text, at):
        at = found.end()
        if found.lastgroup == "whole":
            continue
        if found.lastgroup == "wrong" and not _WRONG_QUOTE.match(found.group()):
            wrong.append(found.span())
            continue
        start, end = _line_around(text, found.start())
        if _WRONG_QUOTE.search(text, start, at):
            while wrong and wrong[-1][0] >= start:
                wrong.pop()
            wrong += _mixed_spans(text, start, end)
            at = end
    return wrong


def _mixed_spans(text: str, start: int, end: int) -> Iterator[Span]:
    for found in _MIXED.finditer(text, start, end):
        if found.lastgroup == "wrong" or (found.lastgroup == "mixed" and _wrongly_quoted(found.group())):
            yield found.span()


def _wrongly_quoted(word: str) -> bool:
    return word[0] not in "\"'" or word[-1] not in "\"'"


def _line_around(text: str, offset: int) -> Span:
    end = text.find("\n", offset)
    return text.rfind("\n", 0, offset) + 1, len(text) if end < 0 else end


def _without_leading_zeros(source: Source, text: str, ledger: Ledger) -> str:
    pieces, done = list[str](), 0
    for statement in spans.scan(text) if _MAYBE_ZEROS.search(text) else ():
        for scalar in statement.value.scalars() if statement.value else ():
            found = _LEADING_ZEROS.fullmatch(text, scalar.start, scalar.end)
            if found is None or ledger.full:
                continue
            sign, end = found.group(1), found.end(2)
            ledger.add(
                "E2102",
                Place(source, scalar.start, scalar.end),
                written=found.group(),
                plain=sign + text[end : scalar.end],
            )
            pieces += [text[done : scalar.start], " " * len(found.group(2)), sign]
            done = end
    return "".join([*pieces, text[done:]])
