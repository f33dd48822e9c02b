"""Reads the inputs of a site: [input.NAME]; each names a bit or a gauge that is there, and what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.device_settings import CounterRef, Point
from config.input_settings import CLASSES, INPUT_KINDS, SEVERITIES, USUAL, Input, Limit
from config.lines import Counters
from config.table import Table

_NOWHERE = CounterRef("", "")


def read(name: str, table: Table, counters: Counters) -> Input:
    """The input of that table."""
    table.require("point", "as")
    kind = table.choice("as", "other", INPUT_KINDS)
    usual, found = USUAL[kind], _point(table, counters)
    name_zh, name_en = table.text("name_zh", ""), table.text("name_en", "")
    line = table.text("line", "")
    if kind == "run" and not line:
        table.require("line")
    made = Input(
        id=name,
        name_zh=name_zh or name_en or name,
        name_en=name_en or name,
        point=found[0] if found else _NOWHERE,
        kind=kind,
        line=line,
        active=table.flag("active", usual.active),
        limit=_limit(table, found[1] if found else None),
        on_s=table.number("on_s", usual.on_s, 0, 3600),
        off_s=table.number("off_s", usual.off_s, 0, 86_400),
        severity=table.choice("severity", usual.severity, SEVERITIES),
        alarm_class=table.choice("class", usual.alarm_class, CLASSES),
    )
    table.end()
    return made


def _point(table: Table, counters: Counters) -> tuple[CounterRef, Point] | None:
    written = table.written("point")
    return None if written is None else counters.signal(table, "point", written)


def _limit(table: Table, point: Point | None) -> Limit | None:
    """What a gauge is held against; a bit has no limit, a gauge needs one."""
    above, below = table.number("above", None), table.number("below", None)
    clear = table.number("clear", None)
    if "above" in table and "below" in table:
        table.fault("below", "E2215", first="above", second="below")
    limit = above if above is not None else below
    if point is not None and (point.kind == "bit") == (limit is not None) and table.faultless("above", "below"):
        wrong = next((key for key in ("above", "below") if key in table), "point")
        table.fault(wrong, "E2753" if point.kind == "bit" else "E2752", value=f"{table.place('point').text}")
    if limit is None:
        return None
    made = Limit(limit, limit if clear is None else clear, above is not None)
    if (made.off > made.on) if made.above else (made.off < made.on):
        table.fault("clear", "E2754", on=f"{made.on:g}")
    return made


def refuse_unknown_lines(inputs: Sequence[Input], tables: Mapping[str, Table], lines: Sequence[str]) -> None:
    """Note every input of a line that is not there."""
    for one in inputs:
        table = tables[one.id]
        if one.line and one.line not in lines and table.sound("line"):
            table.fault("line", "E2755", name=one.line, known=", ".join(lines) or "–")
