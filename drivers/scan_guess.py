"""How a scanner frames its lines, guessed from what it sent: marks, order of fields, texts that stand for no code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from config.scanner_settings import ScanField

NO_READS = ("NOREAD", "NO READ", "NO_READ", "NO-READ", "NOCODE", "NR", "?", "BADCODE", "ERROR", "ERR", "FAIL", "NG")
HEARTBEATS = ("HEARTBEAT", "HB", "ALIVE", "KEEPALIVE", "KEEP ALIVE", "PING")
MULTIS = ("MULTIPLE", "MULTI", "MULTICODE", "MULTIREAD", "MULTIPLEREAD")
KNOWN = frozenset((*NO_READS, *HEARTBEATS, *MULTIS))
"""Words of scanners, in capitals; only these are ever taken for a text, so that no code can be."""

FIELDS_MOST = 8
"""Lines of more fields cannot be read (fastpath/scan_line.pxd), and a guess may find them."""

_STX, _ETX = b"\x02", b"\x03"
_LEADS = (b"\x03\r", b"\r", b"\x03", b"")
_SEPARATORS = b",;|\t:"
_JOINERS = b",;/|+&"
_MOST = 0.6
_NEARLY_ALL = 0.9
_LONGEST_LINE = 512
_CODE = re.compile(rb"(?:\][A-Za-z][0-9A-Za-z])?[0-9A-Za-z][0-9A-Za-z-]{7,39}")
_AIM = re.compile(rb"\][A-Za-z][0-9A-Za-z].+")
_NUMBER = re.compile(rb"[0-9]{1,4}")
_SURE_FROM = 60


@dataclass(frozen=True, slots=True)
class Guess:
    """What the lines have in common. `lines` is how many were looked at; texts are as the scanner wrote them; `lane`
    and `chute` are the highest that came, 0 where there is no such field."""

    terminator: bytes
    start: bytes
    separator: bytes
    joiner: bytes
    fields: tuple[ScanField, ...]
    aim: bool
    no_read: tuple[str, ...]
    heartbeat: tuple[str, ...]
    multi: tuple[str, ...]
    lane: int
    chute: int
    lines: int


def guess(octets: bytes) -> Guess | None:
    """The framing of `octets`, which may begin and end anywhere; None while there is no whole line with a code."""
    end = _end(octets)
    lines = _lines(octets, end)
    if not lines:
        return None
    lead, start = _lead(lines), _start(lines)
    bodies = [body for line in lines if (body := _body(line, lead, start))]
    said = [body for body in bodies if not _is_known(body) and _is_text(body)]
    separator = _separator(said)
    rows = [body.split(separator) if separator else [body] for body in said]
    columns = _columns(rows)
    code_at = _code_column(columns)
    if code_at is None:
        return None
    # In the place of a code a word often comes without the fields around it.
    words = _words([*bodies, *(row[code_at] for row in rows if len(row) > code_at)])
    fields = _fields(columns, code_at)
    return Guess(
        terminator=lead + end,
        start=start,
        separator=separator,
        joiner=_joiner(columns[code_at], separator),
        fields=fields,
        aim=any(_AIM.fullmatch(code) for code in columns[code_at]),
        no_read=_among(NO_READS, words),
        heartbeat=_among(HEARTBEATS, words),
        multi=_among(MULTIS, words),
        lane=_highest(columns, fields, "lane"),
        chute=_highest(columns, fields, "chute"),
        lines=len(lines),
    )


def _lines(octets: bytes, end: bytes) -> list[bytes]:
    """The whole lines that are no longer than a scanner's; the first may have begun before we listened."""
    whole = octets.split(end)[1:-1] if octets.count(end) > 1 else octets.split(end)[:-1]
    return [line for line in whole if 0 < len(line) <= _LONGEST_LINE]


def _end(octets: bytes) -> bytes:
    """The last byte of a terminator: the last in the usual order ETX, CR, LF that ends about as many lines as any."""
    counts = {end: octets.count(end) for end in (b"\n", b"\r", _ETX)}
    return next(end for end in counts if counts[end] >= _MOST * max(counts.values()))


def _lead(lines: Sequence[bytes]) -> bytes:
    """What most lines have before their last byte."""
    for lead in _LEADS:
        if sum(line.endswith(lead) for line in lines) >= _MOST * len(lines):
            return lead
    return b""


def _start(lines: Sequence[bytes]) -> bytes:
    return _STX if sum(_STX in line for line in lines) >= _MOST * len(lines) else b""


def _body(line: bytes, lead: bytes, start: bytes) -> bytes:
    body = line.removesuffix(lead)
    return body.rpartition(start)[2] if start else body


def _is_known(value: bytes) -> bool:
    return value.decode("latin-1").upper() in KNOWN


def _is_text(value: bytes) -> bool:
    return all(0x20 <= octet <= 0x7E or octet == 0x09 for octet in value)


def _words(values: Sequence[bytes]) -> list[str]:
    """The words of scanners among these, each once in whatever letters: capitals or not is the same to a reader."""
    return sorted({value.upper(): value.decode() for value in values if _is_known(value)}.values())


def _among(known: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word.upper() in known)


def _separator(bodies: Sequence[bytes]) -> bytes:
    for one in (_SEPARATORS[at : at + 1] for at in range(len(_SEPARATORS))):
        counts = Counter(body.count(one) for body in bodies)
        if bodies and counts and (times := counts.most_common(1)[0])[0] and times[1] >= _MOST * len(bodies):
            return one
    return b""


def _columns(rows: Sequence[Sequence[bytes]]) -> list[tuple[bytes, ...]]:
    """The columns of the rows that are as wide as most."""
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    return list(zip(*(row for row in rows if len(row) == width), strict=True))


def _code_column(columns: Sequence[Sequence[bytes]]) -> int | None:
    """The column with the most codes; the more different ones where several have as many."""
    best, found = (0, 0), None
    for at, column in enumerate(columns):
        codes = [value for value in column if _CODE.fullmatch(value)]
        if (len(codes), len(set(codes))) > best:
            best, found = (len(codes), len(set(codes))), at
    return found


def _joiner(codes: Sequence[bytes], separator: bytes) -> bytes:
    for one in (_JOINERS[at : at + 1] for at in range(len(_JOINERS))):
        parts = (code.split(one) for code in codes if one in code)
        if one != separator and any(all(map(_CODE.fullmatch, several)) for several in parts):
            return one
    return b""


def _fields(columns: Sequence[Sequence[bytes]], code_at: int) -> tuple[ScanField, ...]:
    fields: list[ScanField] = []
    for at, column in enumerate(columns):
        field = "code" if at == code_at else _number(column, before=at < code_at)
        fields.append("skip" if field in fields else field)
    return tuple(fields)


def _highest(columns: Sequence[Sequence[bytes]], fields: Sequence[ScanField], name: ScanField) -> int:
    if name not in fields:
        return 0
    return max(int(value) for value in columns[fields.index(name)] if _NUMBER.fullmatch(value))


def _number(column: Sequence[bytes], *, before: bool) -> ScanField:
    """A number before the code is most likely a lane, one behind it a chute, or how sure the scanner is."""
    numbers = sorted(int(value) for value in column if _NUMBER.fullmatch(value))
    if len(numbers) < _NEARLY_ALL * sum(map(bool, column)) or not numbers:
        return "skip"
    if before:
        return "lane"
    sure = numbers[len(numbers) // 2] >= _SURE_FROM and numbers[int(_NEARLY_ALL * (len(numbers) - 1))] <= 100
    return "confidence" if sure else "chute"
