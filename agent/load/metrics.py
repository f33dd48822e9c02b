"""What a metric is: one row says its name, unit, window and trust, and makes payload, `meta` and manual."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

Source = Literal["counters", "scans", "settings", "clock", "stock-take", "energy meter", "run input"]
Trust = Literal["always", "all fresh", "estimate", "at least", "settled", "interval", "dated"]
"""When a figure is given.

`always`: as last known, only `q` ages. `all fresh`: only while every counter it needs is. `estimate`: with its error
beside it. `at least`: a lower bound. `settled`: once its window was seen in full, or to its stated least. `interval`:
a forecast, only together with its interval. `dated`: while the wall clock can be trusted.
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

    def said(self, value: object) -> object:
        """The value as payloads hold it; None where it is left out."""
        if isinstance(value, float):
            value = round(value, self.digits or None)
        return None if self.rare and not value else value


class Group(tuple[Metric, ...]):
    """Metrics that are drawn from one load together."""

    def __new__(cls, metrics: Iterable[Metric]) -> Group:
        made = super().__new__(cls, metrics)
        made._drawn = attrgetter(*(one.name for one in made))
        made._named = {}
        return made

    _drawn: Callable[[object], tuple[object, ...]]
    _named: dict[str, tuple[str, ...]]

    def fields(self, load: object, prefix: str = "") -> dict[str, object]:
        """The figures of `load` as payload fields; what is not known is None."""
        named = self._named.get(prefix) or self._named.setdefault(prefix, tuple(prefix + one.field for one in self))
        return {
            field: None if value is None else one.said(value)
            for field, one, value in zip(named, self, self._drawn(load), strict=True)
        }

    def units(self, prefix: str = "") -> dict[str, str]:
        """The unit of each field."""
        return {prefix + one.field: one.unit for one in self}
