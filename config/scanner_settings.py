"""Scanners of the site: how they are reached, and how they write what they read, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from config.bus_settings import Parity
from config.device_settings import CounterRef

ScanPreset = Literal["plain", "sick", "hikrobot", "keyence", "cognex", "datalogic", "microscan", "honeywell"]
ScanField = Literal["lane", "code", "chute", "confidence", "skip"]
Carrier = Literal["sf", "yto", "zto", "sto", "yunda", "jt", "jd", "ems", "deppon", "cainiao"]


@dataclass(frozen=True, slots=True)
class ScannerDial:
    """A scanner that listens: we connect to it."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ScannerListen:
    """A scanner that connects to us: where we listen for it."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ScannerSerial:
    """A scanner on a serial line, `port` as the operator wrote it (by-path or by-id)."""

    port: str
    baud: int
    parity: Parity
    stop_bits: Literal[1, 2]


ScannerWire = ScannerDial | ScannerListen | ScannerSerial


@dataclass(frozen=True, slots=True)
class ScanMarks:
    """What the site says of a scanner's lines in place of its preset; None is the preset's own.

    `terminator` is one to eight bytes, the other marks one or none. Texts are whole answers of the scanner.
    """

    terminator: bytes | None = None
    start: bytes | None = None
    separator: bytes | None = None
    joiner: bytes | None = None
    fields: tuple[ScanField, ...] | None = None
    no_read: tuple[str, ...] | None = None
    heartbeat: tuple[str, ...] | None = None
    multi: tuple[str, ...] | None = None
    aim: bool | None = None


@dataclass(frozen=True, slots=True)
class Scanner:
    """One connection that delivers scans of a line's parcels.

    `lane` is the connection's where no field tells it; where one does, `lanes` says how many there are, as `chutes`
    does for a chute field (None: as many as is usual). `carrier`, `duplicate_s` and `loop_s` (least and most seconds
    of a round trip) are the same for all scanners of a line. `silent_no_read` is the photo-eye before a scanner
    that says nothing where it reads nothing.
    """

    id: str
    line: str
    wire: ScannerWire
    preset: ScanPreset
    marks: ScanMarks
    lane: int
    lanes: int | None
    chutes: int | None
    carrier: Carrier | None
    duplicate_s: float
    loop_s: tuple[float, float] | None
    silent_no_read: CounterRef | None
    max_bytes_per_s: int
