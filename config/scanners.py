"""Scanners: how each is reached, what its lines look like, and which line's parcels it reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import get_args

from config import slips
from config.device_settings import CounterRef
from config.hosts import is_address
from config.lines import Counters
from config.meant import wrong_option
from config.profiles import BAUDS, PARITIES
from config.scanner_settings import (
    Carrier,
    ScanField,
    ScanMarks,
    Scanner,
    ScannerDial,
    ScannerListen,
    ScannerSerial,
    ScannerWire,
    ScanPreset,
)
from config.table import Table
from config.wiring import address, refuse_serial_keys, serial_port

DAY_S = 86_400
_PRESETS: tuple[ScanPreset, ...] = get_args(ScanPreset)
_FIELDS: tuple[ScanField, ...] = get_args(ScanField)
_CARRIERS: tuple[Carrier, ...] = get_args(Carrier)
_WIRES = ("tcp", "listen", "serial")
_LINE_KEYS = ("carrier", "duplicate_s", "loop_s")
_MARKS = {"terminator": (1, 8), "start": (0, 1), "separator": (0, 1), "joiner": (0, 1)}
_TEXTS_MOST, _TEXT_MOST = 8, 32
_CELLS_MOST = 200_000  # lanes times chutes, each counted by carrier in three banks: some 20 MB


def scanner(name: str, table: Table, counters: Counters) -> Scanner:
    """The scanner of that table."""
    table.require("line")
    lane = table.whole("lane", 0, 0, 99)
    lanes = table.whole("lanes", None, 1, 99)
    made = Scanner(
        id=name,
        line=table.text("line", ""),
        wire=_wire(table),
        preset=table.choice("preset", "plain", _PRESETS),
        marks=_marks(table),
        lane=lane,
        lanes=lanes,
        chutes=table.whole("chutes", None, 0, chutes_most(max(lane, lanes or 0))),
        carrier=table.choice("carrier", _CARRIERS[0], _CARRIERS) if "carrier" in table else None,
        duplicate_s=table.number("duplicate_s", 3.0, 0.1, DAY_S),
        loop_s=_loop_s(table),
        silent_no_read=_eye(table, counters),
        max_bytes_per_s=table.whole("max_bytes_per_s", 262_144, 1024, 100_000_000),
    )
    if made.loop_s and made.loop_s[0] < made.duplicate_s and table.faultless("duplicate_s"):
        table.fault("loop_s", "E2333", duplicate=f"{made.duplicate_s:g}")
    if made.silent_no_read and "lane" in (made.marks.fields or ()):
        table.fault("silent_no_read", "E2340")
    table.end()
    return made


def chutes_most(lane: int) -> int:
    """The highest chute that can be counted where `lane` is the highest lane."""
    return min(9999, _CELLS_MOST // (1 + lane))


def refuse_contradictions(scanners: Sequence[Scanner], tables: Mapping[str, Table]) -> None:
    """What is true of a whole line, its scanners may not say in two ways."""
    for key in _LINE_KEYS:
        first = dict[str, Scanner]()
        for one in scanners:
            other = first.setdefault(one.line, one)
            if getattr(one, key) != getattr(other, key):
                at = one.id if tables[one.id].sound(key) else other.id
                than = other.id if at == one.id else one.id
                tables[at].fault(key, "E2334", line=one.line, scanner=than, first=tables[than].place(key))


def refuse_unknown_lines(scanners: Sequence[Scanner], tables: Mapping[str, Table], lines: Collection[str]) -> None:
    """A scanner counts the parcels of a line of this site."""
    for one in scanners:
        if tables[one.id].sound("line") and one.line not in lines:
            tables[one.id].fault("line", "E2330", **slips.near(one.line, lines))


def _wire(table: Table) -> ScannerWire:
    table.require_one(*_WIRES)
    written = [key for key in _WIRES if key in table]
    for other in written[1:]:
        table.fault(other, "E2215", first=written[0], second=other)
    ways = {"tcp": _dial, "listen": _listen, "serial": _serial}
    made = [ways[key](table) for key in written]
    if "serial" not in table:
        refuse_serial_keys(table)
    return made[0] if made else ScannerDial("", 0)


def _dial(table: Table) -> ScannerWire:
    return ScannerDial(*address(table, "tcp", 0))


def _listen(table: Table) -> ScannerWire:
    host, port = address(table, "listen", 0)
    if table.sound("listen") and not is_address(host):
        table.fault("listen", "E2339", value=host)
    return ScannerListen(host, port)


def _serial(table: Table) -> ScannerWire:
    return ScannerSerial(
        port=serial_port(table),
        baud=table.choice("baud", 9600, BAUDS),
        parity=table.choice("parity", "none", PARITIES),
        stop_bits=2 if table.choice("stop_bits", 1, (1, 2)) == 2 else 1,
    )


def _marks(table: Table) -> ScanMarks:
    marks = {key: _mark(table, key, *within) for key, within in _MARKS.items()}
    return ScanMarks(
        terminator=marks["terminator"],
        start=marks["start"],
        separator=marks["separator"],
        joiner=marks["joiner"],
        fields=_fields(table),
        no_read=_texts(table, "no_read"),
        heartbeat=_texts(table, "heartbeat"),
        multi=_texts(table, "multi"),
        aim=table.flag("aim", False) if "aim" in table else None,
    )


def _mark(table: Table, key: str, least: int, most: int) -> bytes | None:
    mark = table.octets(key, least, most)
    if mark and any(chr(one).isalnum() or one == ord("-") for one in mark):
        table.fault(key, "E2331")
    return mark


def _fields(table: Table) -> tuple[ScanField, ...] | None:
    written = table.texts("fields")
    for one in written:
        if one.text not in _FIELDS:
            code, parameters = wrong_option(one.text, _FIELDS)
            table.fault_at(one.place, "fields", code, **parameters)
    fields: tuple[ScanField, ...] = tuple(known for one in written for known in _FIELDS if known == one.text)
    if "fields" in table and table.faultless("fields"):
        once = all(fields.count(name) <= 1 for name in _FIELDS if name != "skip")
        if "code" not in fields or len(fields) > 8 or not once:
            table.fault("fields", "E2332")
    if "fields" not in table:
        return None
    return fields


def _texts(table: Table, key: str) -> tuple[str, ...] | None:
    written = table.texts(key)
    for one in written:
        if len(one.text) > _TEXT_MOST or not one.text.isascii() or (one.text and not one.text.isprintable()):
            table.fault_at(one.place, key, "E2335", most=_TEXT_MOST)
    if len(written) > _TEXTS_MOST:
        table.fault(key, "E2336", most=_TEXTS_MOST)
    return tuple(one.text for one in written) if key in table else None


def _loop_s(table: Table) -> tuple[float, float] | None:
    loop_s = table.numbers("loop_s")
    if not table.sound("loop_s"):
        return None
    if len(loop_s) != 2 or not 0 < loop_s[0] <= loop_s[1] <= DAY_S:
        table.fault("loop_s", "E2337")
        return None
    return loop_s[0], loop_s[1]


def _eye(table: Table, counters: Counters) -> CounterRef | None:
    written = table.written("silent_no_read")
    return counters.check(table, "silent_no_read", written) if written else None
