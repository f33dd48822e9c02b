"""The form of an order: every field of a known type and range, or a refusal that says which one is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from config.load_settings import MODES, Mode

Fields = Mapping[str, object]
Kind = Literal["mode", "plan", "baseline", "alarm"]
KINDS: Mapping[str, Kind] = {kind: kind for kind in get_args(Kind)}
Reason = Literal["epidemic", "weather", "power"]
REASONS: tuple[Reason, ...] = get_args(Reason)
PlanType = Literal["divert", "transfer", "temporary", "capacity", "end"]
PLAN_TYPES: tuple[PlanType, ...] = get_args(PlanType)

MOST = 2**53
LONGEST_BY, LONGEST_NOTE = 64, 200
LONGEST_MS = 400 * 86_400_000
"""No order stands for longer than 400 days."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")

C = TypeVar("C", bound=str)


class RefusedError(Exception):
    """An order that is not obeyed; `reason` is one of a few stable words, `detail` for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ModeOrder:
    """The site works in `mode` between two moments (Unix ms; None: from now, without end). `reason` is that of a
    suspension; `exercise` marks a drill."""

    by: str
    mode: Mode
    reason: Reason | Literal[""] = ""
    from_ms: int | None = None
    to_ms: int | None = None
    note: str = ""
    exercise: bool = False

    @property
    def is_end(self) -> bool:
        """Whether it ends every mode that was ordered."""
        return self.mode == "normal" and self.to_ms is None

    def form(self) -> dict[str, object]:
        """The order as fields."""
        own = {"mode": self.mode, "reason": self.reason, "note": self.note, "exercise": self.exercise}
        return _form(own, self.by, self.from_ms, self.to_ms)


@dataclass(frozen=True, slots=True)
class PlanOrder:
    """Plan `plan_id` is in force between two moments: parcels go to `to_site`, or `line` (the site: "") can sort
    `capacity_pph` now. A plan of type `end` ends those before it."""

    by: str
    plan_id: str
    type: PlanType
    to_site: str = ""
    line: str = ""
    capacity_pph: int | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    note: str = ""
    exercise: bool = False

    @property
    def is_end(self) -> bool:
        """Whether it ends every plan that was ordered."""
        return self.type == "end"

    def form(self) -> dict[str, object]:
        """The order as fields."""
        own = {
            "plan_id": self.plan_id,
            "type": self.type,
            "to_site": self.to_site,
            "line": self.line,
            "note": self.note,
        }
        more = {"capacity_override": self.capacity_pph, "exercise": self.exercise}
        return _form({**own, **more}, self.by, self.from_ms, self.to_ms)


@dataclass(frozen=True, slots=True)
class BaselineOrder:
    """`parcels` are on the floor, counted by `by`; good until `to_ms`, for parcels move."""

    by: str
    parcels: int
    to_ms: int
    from_ms: int | None = None
    is_end: bool = False

    def form(self) -> dict[str, object]:
        """The order as fields."""
        return _form({"parcels": self.parcels}, self.by, self.from_ms, self.to_ms)


@dataclass(frozen=True, slots=True)
class AlarmOrder:
    """Somebody has seen alarm `alarm`, the one that began at `onset_ms` where that is said: it is acknowledged."""

    by: str
    alarm: str
    onset_ms: int | None = None
    from_ms: None = None
    to_ms: None = None
    is_end: bool = False

    def form(self) -> dict[str, object]:
        """The order as fields."""
        return _form({"alarm": self.alarm, "onset": self.onset_ms}, self.by, None, None)


Deed = BaselineOrder | AlarmOrder
"""Done at once, or not at all."""

Order = ModeOrder | PlanOrder | Deed


def understood(kind: Kind, fields: Fields) -> Order:
    """The order in `fields`; what else they hold is left alone. Raises RefusedError."""
    if kind == "mode":
        return _mode(fields)
    if kind == "alarm":
        return alarm_order(fields)
    return _plan(fields) if kind == "plan" else _baseline(fields)


def number_of(fields: Fields) -> int:
    """The order's place among those of its kind: `seq`. Raises RefusedError."""
    return _whole(fields, "seq", 1, MOST - 1)


def _mode(fields: Fields) -> ModeOrder:
    mode = _choice(fields, "mode", MODES)
    from_ms, to_ms = _window(fields, endless=mode == "normal")
    suspended = mode == "suspended"
    made = ModeOrder(
        by=_text(fields, "by", LONGEST_BY),
        mode=mode,
        reason=_choice(fields, "reason", REASONS) if suspended else "",
        from_ms=from_ms,
        to_ms=to_ms,
        note=_text(fields, "note", LONGEST_NOTE, ""),
        exercise=_flag(fields, "exercise"),
    )
    if made.is_end and from_ms is not None:
        raise RefusedError("value", "`from` without `to`: an end of all modes is at once")
    return made


def _plan(fields: Fields) -> PlanOrder:
    of_type = _choice(fields, "type", PLAN_TYPES)
    from_ms, to_ms = _window(fields, endless=of_type == "end")
    made = PlanOrder(
        by=_text(fields, "by", LONGEST_BY),
        plan_id=_id(fields, "plan_id"),
        type=of_type,
        to_site=_id(fields, "to_site", required=of_type in {"divert", "transfer"}),
        line=_id(fields, "line", required=False),
        capacity_pph=_capacity(fields, required=of_type == "capacity"),
        from_ms=from_ms,
        to_ms=to_ms,
        note=_text(fields, "note", LONGEST_NOTE, ""),
        exercise=_flag(fields, "exercise"),
    )
    if made.is_end and (from_ms, to_ms) != (None, None):
        raise RefusedError("value", "an end of all plans is at once: without `from` and `to`")
    return made


def _baseline(fields: Fields) -> BaselineOrder:
    from_ms, to_ms = _window(fields, endless=False)
    assert to_ms is not None
    return BaselineOrder(_text(fields, "by", LONGEST_BY), _whole(fields, "parcels", 0, 100_000_000), to_ms, from_ms)


def alarm_order(fields: Fields) -> AlarmOrder:
    """That an alarm was seen. Raises RefusedError."""
    onset_ms = None if fields.get("onset") is None else _whole(fields, "onset", 1, MOST - 1)
    return AlarmOrder(_text(fields, "by", LONGEST_BY), _id(fields, "alarm"), onset_ms)


def _capacity(fields: Fields, *, required: bool) -> int | None:
    if fields.get("capacity_override") is None and not required:
        return None
    return _whole(fields, "capacity_override", 1, 10_000_000)


def _window(fields: Fields, *, endless: bool) -> tuple[int | None, int | None]:
    begin = None if fields.get("from") is None else _whole(fields, "from", 1, MOST - 1)
    if fields.get("to") is None and endless:
        return begin, None
    end = _whole(fields, "to", 1, MOST - 1)
    if begin is not None and not 0 < end - begin <= LONGEST_MS:
        raise RefusedError("value", "`to` lies after `from`, by 400 days at most")
    return begin, end


def _given(fields: Fields, name: str) -> object:
    value = fields.get(name)
    if value is None:
        raise RefusedError("missing", f"`{name}`")
    return value


def _text(fields: Fields, name: str, longest: int, default: str | None = None) -> str:
    if fields.get(name) is None and default is not None:
        return default
    value = _given(fields, name)
    if not isinstance(value, str):
        raise RefusedError("type", f"`{name}` is no text")
    if not value.strip() or not value.isprintable() or len(value) > longest:
        raise RefusedError("value", f"`{name}` is not one line of at most {longest} characters")
    return value


def _id(fields: Fields, name: str, *, required: bool = True) -> str:
    value = _text(fields, name, 32, None if required else "")
    if value and not _ID.fullmatch(value):
        raise RefusedError("value", f"`{name}` is no id of a-z, 0-9 and -")
    return value


def _choice(fields: Fields, name: str, options: Sequence[C]) -> C:
    value = _given(fields, name)
    for option in options:
        if option == value:
            return option
    raise RefusedError("value" if isinstance(value, str) else "type", f"`{name}` is one of {', '.join(options)}")


def _whole(fields: Fields, name: str, low: int, high: int) -> int:
    value = _given(fields, name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise RefusedError("type", f"`{name}` is no whole number")
    if not low <= value <= high:
        raise RefusedError("value", f"`{name}` is not within {low} and {high}")
    return value


def _flag(fields: Fields, name: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise RefusedError("type", f"`{name}` is neither true nor false")
    return bool(value)


def _form(own: Mapping[str, object], by: str, from_ms: int | None, to_ms: int | None) -> dict[str, object]:
    """What says something, with the names that the wire has for it."""
    fields = {**own, "by": by, "from": from_ms, "to": to_ms}
    return {name: value for name, value in fields.items() if value is not None and value not in ("", False)}
