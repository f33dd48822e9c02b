"""Which known name was meant by a mistyped one, where that is beyond doubt; else none, for a guess would be pasted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import takewhile

from config.messages import Word

_OTHER_NAMES = {
    **{"n": "none", "8n1": "none", "8n2": "none", "7n2": "none", "no": "none"},
    **{"e": "even", "8e1": "even", "7e1": "even"},
    **{"o": "odd", "8o1": "odd", "7o1": "odd"},
    **{"word": "u16", "uint16": "u16", "int16": "i16", "short": "i16"},
    **{"dword": "u32", "uint32": "u32", "int32": "i32", "dint": "i32", "udint": "u32"},
    **{"uint64": "u64", "int64": "i64", "lint": "i64", "ulint": "u64"},
    **{"float": "f32", "float32": "f32", "real": "f32", "double": "f64", "float64": "f64", "lreal": "f64"},
    **{"bool": "bit", "boolean": "bit"},
    **{"hikvision": "hikrobot", "provincialhub": "province_hub"},
}
"""What settings, manuals and IEC 61131-3 call the same thing."""

# Digits and letters that stand alone tell things of one kind apart (eye-1, plc-b): a slip does not change them.
_MARK = re.compile(r"[0-9]+|(?<![a-z])[a-z](?![a-z])")


def meant(written: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `written` stands for: in other letters, by another name or with one slip."""
    plain = {_plain(one): one for one in known}
    word = _plain(written)
    if found := plain.get(word) or plain.get(_plain(_OTHER_NAMES.get(word, ""))):
        return found
    if len(set(map(_letters, plain))) == 1:  # ABCD, CDAB: one slip makes one of the other
        return None
    near = [one for one in plain.values() if _is_slip(written.lower(), one.lower())]
    return near[0] if len(near) == 1 else None


def near(name: str, known: Collection[str]) -> dict[str, str]:
    """What a message about an unknown name tells of the known ones."""
    shown = ", ".join(list(known)[:12]) or "–"
    instead = Word("write_near") if known else ""
    return {"name": name, "near": meant(name, known) or shown, "known": shown, "instead": instead}


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def _letters(name: str) -> str:
    return "".join(sorted(name))


def _is_slip(written: str, name: str) -> bool:
    """Whether one letter was left out, added, mistaken, or two changed places."""
    if _MARK.findall(written) != _MARK.findall(name):
        return False
    one, other = _without_head(written, name)
    one, other = _without_head(one[::-1], other[::-1])
    return max(len(one), len(other)) <= 1 or (len(one) == 2 and one == other[::-1])


def _without_head(one: str, other: str) -> tuple[str, str]:
    head = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    return one[head:], other[head:]
