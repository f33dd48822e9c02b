"""Units of measure in the names of keys and after numbers: which quantity is meant, and what it is in our unit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

_TIME = {
    **dict.fromkeys(("us", "microseconds"), 1e-6),
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds", "毫秒"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds", "秒"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes", "分钟"), 60.0),
    **dict.fromkeys(("h", "hour", "hours", "小时"), 3600.0),
}
_SIZE = {
    **dict.fromkeys(("b", "bytes", "byte"), 1.0),
    **dict.fromkeys(("kb", "kib", "k"), 2.0**10),
    **dict.fromkeys(("mb", "mib", "m", "megabytes"), 2.0**20),
    **dict.fromkeys(("gb", "gib", "g"), 2.0**30),
}
_FLOW = {
    **dict.fromkeys(("pph", "per_h", "per_hour", "件/时"), 1.0),
    **dict.fromkeys(("ppm", "per_min", "per_minute"), 60.0),
    **dict.fromkeys(("pps", "per_s", "per_second", "hz"), 3600.0),
}
_QUANTITIES = (_FLOW, _TIME, _SIZE)
_NUMBER_AND_UNIT = re.compile(r"\s*([+-]?[0-9]+(?:\.[0-9]+)?)\s*([^\W\d][\w/]*)\s*")


def same_quantity(key: str, known: Iterable[str]) -> tuple[str, float] | None:
    """The key of `known` that is `key` in another unit, and the factor from that unit to ours."""
    for candidate in known:
        for quantity in _QUANTITIES:
            here, there = _split(key, quantity), _split(candidate, quantity)
            if here and there and here[0] == there[0] and here[1] != there[1]:
                return candidate, quantity[here[1]] / quantity[there[1]]
    return None


def converted(text: str, key: str) -> float | None:
    """The number in `text` ("500ms") in the unit that ends `key` ("period_s"); None where it is no such quantity."""
    found = _NUMBER_AND_UNIT.fullmatch(text)
    for quantity in _QUANTITIES if found else ():
        ours = _split(key, quantity)
        if found and ours and found[2].lower() in quantity:
            return float(found[1]) * quantity[found[2].lower()] / quantity[ours[1]]
    return None


def plain(number: float) -> str:
    """A number as one writes it in TOML: 1, 0.5."""
    return str(int(number)) if math.isfinite(number) and number == int(number) else f"{number:.9g}"


def _split(key: str, quantity: dict[str, float]) -> tuple[str, str] | None:
    """The stem and the unit of a key, by the longest unit that ends it."""
    ends = (unit for unit in sorted(quantity, key=len, reverse=True) if key.lower().endswith(f"_{unit}"))
    unit = next(ends, None)
    return (key[: -len(unit) - 1], unit) if unit else None
