"""Reads how the load of a site is judged: [floor], [thresholds.…], [shift.…], [wave.…] and [season]."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import date

from config.lines import Counters, refs_of
from config.load_settings import DAY_MIN, DEFAULTS, MODES, SHIFTS, Floor, LoadSettings, Mode, Season, Span, Thresholds
from config.table import Table

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_DATE = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")
SEASON_MODES: tuple[Mode, ...] = ("normal", "peak")
_EPOCH_DAY = date(1970, 1, 1).toordinal()

_ASCENDING = (
    ("busy_leave", "busy"),
    ("saturated_leave", "saturated"),
    ("overflow_leave", "overflow"),
    ("overflow_fill_leave", "overflow_fill"),
    ("busy", "saturated"),
    ("saturated", "overflow"),
    ("saturated_tts_min", "saturated_tts_leave_min"),
)
_RANGES = {"": (1.0, 200.0), "_fill": (0.05, 2.0), "_min": (1.0, 1440.0), "_s": (0.0, 86_400.0)}


def load(top: Table, counters: Counters) -> LoadSettings:
    """What the tables of the file's first level say about load."""
    return LoadSettings(
        floor=_floor(top.table("floor"), counters),
        thresholds=_all_thresholds(top.table("thresholds")),
        shifts=tuple(_span(name, table) for name, table in top.tables("shift").items()) or SHIFTS,
        waves=tuple(_span(name, table, wave=True) for name, table in top.tables("wave").items()),
        season=_season(top.table("season")) if "season" in top else None,
    )


def _floor(table: Table, counters: Counters) -> Floor:
    refs = refs_of(table, counters, ("unload", "load"))
    made = Floor(
        unload=refs["unload"],
        load=refs["load"],
        buffer_parcels=table.whole("buffer_parcels", None, 1, 100_000_000),
        capacity_pph=table.number("capacity_pph", None, 1, 10_000_000),
        miscount=table.number("miscount", 0.002, 0, 0.2),
    )
    table.end()
    return made


def _all_thresholds(table: Table) -> dict[Mode, Thresholds]:
    read: dict[Mode, Thresholds] = {mode: _thresholds(table.table(mode), DEFAULTS[mode]) for mode in MODES}
    table.end()
    return read


def _thresholds(table: Table, default: Thresholds) -> Thresholds:
    values = {key: table.number(key, was, *_range(key)) for key, was in asdict(default).items()}
    for low, high in _ASCENDING:
        written = low if low in table else high
        if values[low] >= values[high] and table.faultless(low, high) and written in table:
            said = {"low": low, "low_value": f"{values[low]:g}", "high": high, "high_value": f"{values[high]:g}"}
            table.fault(written, "E2701", **said)
    table.end()
    return Thresholds(**values)


def _range(key: str) -> tuple[float, float]:
    end = next(end for end in ("_s", "_min", "_fill", "") if key.removesuffix("_leave").endswith(end))
    return _RANGES[end]


def _span(name: str, table: Table, *, wave: bool = False) -> Span:
    table.require("from", "to", *(("clear_by",) if wave else ()))
    name_zh, name_en = table.text("name_zh", ""), table.text("name_en", "")
    begin, end = _clock(table, "from"), _clock(table, "to")
    clear_by = _clock(table, "clear_by") if wave else None
    if clear_by is not None and table.faultless("from", "to", "clear_by"):
        lasts = (end - begin) % DAY_MIN or DAY_MIN
        if (clear_by - begin) % DAY_MIN < lasts and clear_by % DAY_MIN != begin % DAY_MIN and "clear_by" in table:
            table.fault("clear_by", "E2704")
    table.end()
    return Span(name, name_zh or name_en or name, name_en or name, begin, end, clear_by)


def _clock(table: Table, key: str) -> int:
    """Minutes after midnight."""
    text = table.text(key, "00:00", _CLOCK, "E2702")
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _season(table: Table) -> Season | None:
    table.require("from", "to")
    first, last = _day(table, "from"), _day(table, "to")
    if first is not None and last is not None and last < first:
        table.fault("to", "E2705")
    mode = table.choice("mode", "normal", SEASON_MODES)
    table.end()
    return None if first is None or last is None else Season(first, last, mode)


def _day(table: Table, key: str) -> int | None:
    """Days since 1970-01-01."""
    text = table.text(key, "", _DATE, "E2703")
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH_DAY if text else None
    except ValueError:
        table.fault(key, "E2703", value=text)
        return None
