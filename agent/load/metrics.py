"""What a metric is: one row says its name, unit, window and trust, and makes payload, `meta` and manual."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

Source = Literal[
    "counters", "scans", "settings", "clock", "stock-take", "energy meter", "run input", "inputs", "lockers", "devices"
]
Trust = Literal["always", "all fresh", "estimate", "at least", "settled", "interval", "dated", "doubted"]
"""When a figure is given.

`always`: as last known, only `q` ages. `all fresh`: only while every counter it needs is. `estimate`: with its error
beside it. `at least`: a lower bound. `settled`: once its window was seen in full, or to its stated least. `interval`:
a forecast, only together with its interval. `dated`: while the wall clock can be trusted. `doubted`: while the
total beside it is not certain.
"""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure. `name` is its attribute in the pure model, dotted, `field` its name in payloads.

    `digits` are the decimals that are sent (None: as it is), `window_s` what it is drawn over (None: no window). A
    `rare` one is left out where it is 0.
    """

    name: str
    field: str
    unit: str
    digits: int | None
    window_s: int | None
    trust: Trust
    source: Source
    rare: bool = False


class Group(tuple[Metric, ...]):
    """Metrics that are drawn from one load together."""

    def __new__(cls, metrics: Iterable[Metric]) -> Group:
        made = super().__new__(cls, metrics)
        drawn = attrgetter(*(one.name for one in made))
        made._drawn = drawn if len(made) > 1 else lambda load: (drawn(load),)
        made._rows = {}
        return made

    _drawn: Callable[[object], tuple[object, ...]]
    _rows: dict[str, list[tuple[str, int | None, bool]]]

    def fields(self, load: object, prefix: str = "") -> dict[str, object]:
        """The figures of `load` as payload fields; what is not known is left out."""
        rows = self._rows.get(prefix) or self._rows.setdefault(
            prefix, [(prefix + one.field, one.digits or None, one.rare) for one in self]
        )
        said: dict[str, object] = {}
        for (field, digits, rare), value in zip(rows, self._drawn(load), strict=True):
            if value is None:
                continue
            if type(value) is float:
                said[field] = round(value, digits)
            elif value or not rare:
                said[field] = value
        return said

    def units(self, prefix: str = "") -> dict[str, str]:
        """The unit of each field."""
        return {prefix + one.field: one.unit for one in self}
