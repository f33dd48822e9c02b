"""Inputs of a site: what a bit or a gauge says of belts, people and weather, and when that is an alarm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from config.device_settings import CounterRef

InputKind = Literal[
    "run",
    "jam",
    "estop",
    "chute_full",
    "motor_fault",
    "door",
    "smoke",
    "mains",
    "ups",
    "water",
    "rain",
    "wind",
    "temperature",
    "humidity",
    "other",
]
INPUT_KINDS: tuple[InputKind, ...] = get_args(InputKind)
Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
AlarmClass = Literal["flow", "safety", "weather", "power"]
CLASSES: tuple[AlarmClass, ...] = get_args(AlarmClass)


@dataclass(frozen=True, slots=True)
class Usual:
    """What an input of a kind is where the site says nothing else: `active` is the bit that means it, `on_s` and
    `off_s` for how long it must be seen to begin and to end."""

    severity: Severity
    alarm_class: AlarmClass
    on_s: float
    off_s: float
    active: bool = True


USUAL: Mapping[InputKind, Usual] = {
    "run": Usual("info", "flow", 1.0, 1.0),
    "jam": Usual("warning", "flow", 2.0, 5.0),
    "estop": Usual("critical", "safety", 0.0, 2.0),
    "chute_full": Usual("warning", "flow", 5.0, 5.0),
    "motor_fault": Usual("warning", "flow", 1.0, 5.0),
    "door": Usual("warning", "safety", 1.0, 2.0),
    "smoke": Usual("critical", "safety", 1.0, 30.0),
    "mains": Usual("critical", "power", 0.0, 10.0, active=False),
    "ups": Usual("warning", "power", 1.0, 10.0),
    "water": Usual("critical", "weather", 2.0, 60.0),
    "rain": Usual("warning", "weather", 60.0, 600.0),
    "wind": Usual("warning", "weather", 10.0, 600.0),
    "temperature": Usual("warning", "safety", 60.0, 60.0),
    "humidity": Usual("warning", "weather", 60.0, 60.0),
    "other": Usual("info", "flow", 1.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """A gauge is beyond it from `on`, and no more from `off`; `above` tells on which side."""

    on: float
    off: float
    above: bool


@dataclass(frozen=True, slots=True)
class Input:
    """One input. A bit means `kind` when it is `active`, a gauge when it is beyond its `limit`.

    `line` is whose it is, "" the site's. A `run` input is no alarm: it tells whether its line runs.
    """

    id: str
    name_zh: str
    name_en: str
    point: CounterRef
    kind: InputKind
    line: str
    active: bool
    limit: Limit | None
    on_s: float
    off_s: float
    severity: Severity
    alarm_class: AlarmClass

    @property
    def is_alarm(self) -> bool:
        """Whether somebody is to be told."""
        return self.kind != "run"
