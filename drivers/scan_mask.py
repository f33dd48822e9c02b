"""A scanner's bytes for human eyes: control characters by name, codes with all but their ends hidden."""

from __future__ import annotations

import re
from collections.abc import Collection

LONGEST = 120
"""Characters of a line that are shown; the middle of a longer one is left out."""

HIDDEN = "•"
_ENDS = 2
_CLEAR = 4
_NAMES = {0x00: "<NUL>", 0x02: "<STX>", 0x03: "<ETX>", 0x09: "<TAB>", 0x0A: "<LF>", 0x0D: "<CR>", 0x7F: "<DEL>"}
_TOKEN = re.compile(rb"[^\x02\x03\t\r\n,;|]+")


def masked(octets: bytes, known: Collection[str] = ()) -> str:
    """`octets` as text in which no code can be read.

    Of everything between two marks only the first two and the last two characters are shown, and whole what has at
    most four, or is one of the `known` texts (of no-reads and heartbeats), in any case.
    """
    texts = {text.upper().encode() for text in known}
    shown, end = [], 0
    for token in _TOKEN.finditer(octets):
        shown += [_named(octets[end : token.start()]), _token(token[0], texts)]
        end = token.end()
    return _short("".join([*shown, _named(octets[end:])]))


def _token(token: bytes, texts: Collection[bytes]) -> str:
    if len(token) <= _CLEAR or token.upper() in texts:
        return _named(token)
    inner = "".join(HIDDEN if 0x20 <= one <= 0x7E else _name(one) for one in token[_ENDS:-_ENDS])
    return _named(token[:_ENDS]) + inner + _named(token[-_ENDS:])


def _named(octets: bytes) -> str:
    return "".join(map(_name, octets))


def _name(octet: int) -> str:
    return _NAMES.get(octet) or (chr(octet) if 0x20 <= octet <= 0x7E else f"\\x{octet:02x}")


def _short(text: str) -> str:
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]}…{text[-half:]}"
