"""Documents of any kind for the JSON writer, for properties and for the fuzzer, and what they are in JSON."""

from __future__ import annotations

import json
import random

from hypothesis import strategies as st

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda part: st.lists(part, max_size=4) | st.tuples(part, part) | st.dictionaries(_TEXTS, part, max_size=4),
)

_STRANGE = '\x00\x1f\x7f"\\/\n\r\t\f\b é中😀\u2028'


def obvious(document: object) -> bytes:
    """By the standard library."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def document(dice: random.Random, depth: int = 0) -> object:
    """One of any kind and size."""
    kind = dice.randrange(8 if depth < 3 else 6)
    many = range(dice.choice((0, 1, 3, 9)))
    match kind:
        case 0:
            return dice.choice((None, True, False))
        case 1:
            return dice.randrange(-(10 ** dice.randrange(25)), 10 ** dice.randrange(25) + 1)
        case 2 | 3:
            return round(dice.uniform(-1e6, 1e6), dice.randrange(6)) * 10.0 ** dice.choice((0, 0, 0, -300, 300))
        case 4 | 5:
            return _text(dice)
        case 6:
            return [document(dice, depth + 1) for _ in many]
        case _:
            return {_text(dice): document(dice, depth + 1) for _ in many}


def _text(dice: random.Random) -> str:
    return "".join(dice.choices(_STRANGE if dice.random() < 0.3 else "abc_0", k=dice.choice((0, 1, 7, 300))))
