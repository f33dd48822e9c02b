"""What can be asked through the control socket: a line of JSON, understood or refused, whatever it holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast, get_args

from agent.control import ControlError
from agent.load.backlog import MOST_PARCELS
from config.device_settings import Area
from drivers.modbus_frames import Read

LONGEST_NAME = 64
_AREAS: tuple[Area, ...] = get_args(Area)


@dataclass(frozen=True, slots=True)
class Status:
    """How the agent and its buses are."""


@dataclass(frozen=True, slots=True)
class ReadOnce:
    """One read on a bus, between its polls."""

    bus: str
    read: Read


@dataclass(frozen=True, slots=True)
class ProbeUnit:
    """Whether a unit is there."""

    bus: str
    unit: int


@dataclass(frozen=True, slots=True)
class Listen:
    """Every byte that goes over a bus, from now on, until the asker hangs up."""

    bus: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """So many parcels are on the floor, counted by somebody: the backlog begins anew from there."""

    parcels: int
    by: str


@dataclass(frozen=True, slots=True)
class Lockers:
    """Every compartment, and what each lock board says."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """Something for the beat: a mode or a plan, an alarm that was seen, what there is of alarms, or how all stands."""

    kind: str
    fields: dict[str, object]


Request = Status | ReadOnce | ProbeUnit | Listen | Baseline | Lockers | Ordered


def understood(line: bytes) -> Request:
    """The request of that line. Raises ControlError, whatever the bytes: no write has a form in which to be asked."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise ControlError("bad_request", "a request is one JSON object on one line") from fault
    if not isinstance(said, dict):
        raise ControlError("bad_request", "a request is one JSON object on one line")
    words = cast(dict[str, object], said)
    form = _FORMS.get(str(words.get("do")))
    if form is None:
        raise ControlError("unknown_request", f"do is one of: {', '.join(_FORMS)}")
    return form(words)


def _ordered(words: dict[str, object]) -> Ordered:
    return Ordered(str(words["do"]), {name: value for name, value in words.items() if name != "do"})


def _read(words: dict[str, object]) -> Read:
    area = cast(Area, words.get("area"))
    if area not in _AREAS:
        raise ControlError("bad_request", f"area is one of: {', '.join(_AREAS)}")
    unit, address = _whole(words, "unit", 0, 255), _whole(words, "address", 0, 65535)
    try:
        return Read(unit, area, address, _whole(words, "quantity", 1, 2000))
    except ValueError as fault:
        raise ControlError("bad_request", "no read is so long, or goes on behind address 65535") from fault


def _text(words: dict[str, object], name: str) -> str:
    value = words.get(name)
    if not (isinstance(value, str) and value.isprintable()):
        raise ControlError("bad_request", f"{name} is a text")
    return value


def _whole(words: dict[str, object], name: str, low: int, high: int) -> int:
    value = words.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ControlError("bad_request", f"{name} is a whole number from {low} to {high}")
    return value


_FORMS: Mapping[str, Callable[[dict[str, object]], Request]] = {
    "status": lambda _: Status(),
    "read": lambda words: ReadOnce(_text(words, "bus"), _read(words)),
    "probe-unit": lambda words: ProbeUnit(_text(words, "bus"), _whole(words, "unit", 0, 255)),
    "lockers": lambda _: Lockers(),
    "ear": lambda words: Listen(_text(words, "bus")),
    "baseline": lambda words: Baseline(_whole(words, "parcels", 0, MOST_PARCELS), _text(words, "by")[:LONGEST_NAME]),
    **dict.fromkeys(("mode", "plan", "acknowledge", "alarms", "survey"), _ordered),
}
"""What can be asked, and how it is read."""
