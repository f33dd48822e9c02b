"""Inputs of a panel `plc`, each with a point of its own name."""

from __future__ import annotations

from config.device_settings import CounterRef
from config.input_settings import USUAL, Input, InputKind, Limit

PATIENCE_S = 6.0


def an_input(  # noqa: PLR0917 - an input is all this
    kind: InputKind = "jam",
    name: str = "",
    line: str = "north",
    limit: Limit | None = None,
    on_s: float = 2.0,
    off_s: float = 5.0,
) -> Input:
    name, usual = name or kind.replace("_", "-"), USUAL[kind]
    point = CounterRef("plc", name)
    return Input(
        name, "输入", name, point, kind, line, usual.active, limit, on_s, off_s, usual.severity, usual.alarm_class
    )
