"""Where a value lies, as technicians write it: 40101, holding:100, input:0x48, or a PLC's own name."""

from __future__ import annotations

import re
from typing import cast

from config.device_settings import Area
from config.notation import AREAS, Notation, find

_NUMBERED = re.compile(r"([0134])([0-9]{4}|[0-9]{5})")
_PLAIN = re.compile(r"([a-z]+):(0[xX][0-9A-Fa-f]{1,4}|[0-9]{1,5})")
_DIGITS: dict[Area, int] = {"coil": 0, "discrete": 1, "input": 3, "holding": 4}


def place(text: str, notation: Notation = ()) -> tuple[Area, int]:
    """Area and 0-based address of that reference. Raises ValueError for what is none."""
    named = find(notation, text.upper())
    if named is not None and named[0].place(named[1]) % 1 == 0:
        return named[0].area, int(named[0].place(named[1]))
    numbered, plain = _NUMBERED.fullmatch(text), _PLAIN.fullmatch(text)
    if numbered and 1 <= int(numbered[2]) <= 65536:
        return next(area for area, digit in _DIGITS.items() if str(digit) == numbered[1]), int(numbered[2]) - 1
    if plain and plain[1] in AREAS and int(plain[2], 0 if plain[2][:2].lower() == "0x" else 10) <= 65535:
        return cast(Area, plain[1]), int(plain[2], 0 if plain[2][:2].lower() == "0x" else 10)
    raise ValueError(text)


def written(area: Area, address: int) -> str:
    """The reference of that address: 40001 and the like, in five digits as long as they do."""
    return f"{_DIGITS[area]}{address + 1:0{4 if address < 9999 else 5}d}"
