"""What a site is: the operator's files as frozen values, already checked; this room knows no file and no TOML."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from config.load_settings import LoadSettings
from config.locker_settings import Board, Locker
from config.order_settings import Commands
from config.reporting_settings import Reporting

if TYPE_CHECKING:
    from config.input_settings import Input
    from config.site_settings import Site

Parity = Literal["none", "even", "odd"]
Framing = Literal["tcp", "rtu", "ascii"]
LineFraming = Literal["rtu", "ascii"]
BusRole = Literal["master", "listen"]
Area = Literal["coil", "discrete", "holding", "input"]
WordOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]
Kind = Literal["counter", "gauge", "bit"]
ValueType = Literal[
    "bit",
    "u16",
    "i16",
    "u32",
    "i32",
    "u64",
    "i64",
    "f32",
    "f64",
    "bcd16",
    "bcd32",
]
REGISTERS: dict[ValueType, int] = {
    **dict.fromkeys(("bit", "u16", "i16", "bcd16"), 1),
    **dict.fromkeys(("u32", "i32", "f32", "bcd32"), 2),
    **dict.fromkeys(("u64", "i64", "f64"), 4),
}
"""How many registers (bits of a bit area) a value takes."""

Trust = Literal["verified", "experimental"]
Role = Literal["induct", "discharge", "recirculation", "reject", "manual", "energy"]
ScanPreset = Literal["plain", "sick", "hikrobot", "keyence", "cognex", "datalogic", "microscan", "honeywell"]
ScanField = Literal["lane", "code", "chute", "confidence", "skip"]
Carrier = Literal["sf", "yto", "zto", "sto", "yunda", "jt", "jd", "ems", "deppon", "cainiao"]


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate files of a connection. `ca_file` is the other side's own CA; a client pair makes it mutual."""

    ca_file: Path
    cert_file: Path | None
    key_file: Path | None


@dataclass(frozen=True, slots=True)
class Bureau:
    """The broker and how we are known there. The password itself is never in here, only where it lies."""

    host: str
    port: int
    tls: Tls | None
    username: str | None
    password_file: Path | None
    password_credential: str | None
    report_s: float
    receipts: bool = False
    """The bureau gives receipts: the spool frees only what they name."""


@dataclass(frozen=True, slots=True)
class Spool:
    """Where messages wait for the bureau, and how much of the disk they may take."""

    directory: Path
    max_bytes: int
    card_bytes_a_day: int = 1024 * 2**20
    """What the card may be made to write; beyond it commits wait for each other."""


@dataclass(frozen=True, slots=True)
class Rs485:
    """The kernel turns the transceiver of a two-wire line with RTS, so many milliseconds before and after sending."""

    before_ms: int = 0
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class SerialBus:
    """An RS-485 or RS-232 line spoken in Modbus RTU or ASCII, `port` as the operator wrote it (by-path or by-id).

    `turnaround_s` is what its devices take to begin an answer, `adapter_latency_s` how long the adapter holds back
    what it received: both are for the budget of the line and change nothing on it. Without `rs485` nothing turns the
    transceiver, or the adapter does it by itself. In the role `listen` another master asks, and nothing is ever sent.
    """

    id: str
    port: str
    baud: int
    parity: Parity
    stop_bits: Literal[1, 2]
    timeout_s: float
    turnaround_s: float = 0.02
    adapter_latency_s: float = 0.001
    data_bits: Literal[7, 8] = 8
    framing: LineFraming = "rtu"
    rs485: Rs485 | None = None
    role: BusRole = "master"


@dataclass(frozen=True, slots=True)
class BusTls:
    """Modbus/TCP Security: `files` verify the device and prove us to it; its certificate is for `server_name`."""

    files: Tls
    server_name: str


@dataclass(frozen=True, slots=True)
class TcpBus:
    """One TCP connection: a device of its own, or a gateway with several units behind it.

    With the framing rtu or ascii it leads to a serial line: a converter passes its bytes on as they are.
    """

    id: str
    host: str
    port: int
    timeout_s: float
    framing: Framing = "tcp"
    tls: BusTls | None = None


Bus = SerialBus | TcpBus


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a device. `address` is the 0-based protocol address in its area.

    `modulus` is where a counter wraps to zero (2**16, 10**6, ...), None for what is no counter.
    `max_rate_per_s` is the fastest the counter can truly run. `low` and `high` are inclusive limits of
    the scaled value; what lies outside is rejected, never clamped. Points of one `snapshot` name come from one
    read, so that they belong to the same moment; "" is none.
    """

    name: str
    kind: Kind
    area: Area
    address: int
    type: ValueType
    word_order: WordOrder
    modulus: int | None
    max_rate_per_s: float
    scale: float
    unit: str
    low: float | None
    high: float | None
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Registers (bits of a bit area) of one area that may be read in one go, from `first` to `last` inclusive."""

    area: Area
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A whole number that tells a device from others of its kind: a serial number, a site's own mark.

    `expect` is what stands there; None: what is read first is remembered.
    """

    point: Point
    expect: int | None


@dataclass(frozen=True, slots=True)
class Device:
    """One Modbus unit on a bus: what is read from it, how often, and in reads of at most how many registers.

    No read leaves the `readable` stretches of an area; an area without any may be read everywhere. With a
    `fingerprint` nothing of it is believed that did not prove to be it since its wire was opened.
    """

    id: str
    bus: str
    unit: int
    period_s: float
    profile: str | None
    max_read_registers: int
    points: tuple[Point, ...]
    readable: tuple[Stretch, ...] = ()
    fingerprint: Fingerprint | None = None


@dataclass(frozen=True, slots=True)
class CounterRef:
    """A counter by name: `device.point` in the operator's files."""

    device: str
    point: str

    def __str__(self) -> str:
        return f"{self.device}.{self.point}"


@dataclass(frozen=True, slots=True)
class Line:
    """A sorting line: which counters see its parcels, what it was built for and what its floor can hold.

    `manual` counts parcels keyed by hand, `energy` is a meter's counter of which one step is `kwh_per_count`. Where
    `induct_counts_passes`, a parcel that comes round again passes the induct counters again. `capacity_observed`
    lets what the line was seen to do stand for its capacity where that is less.
    """

    id: str
    name_zh: str
    name_en: str
    induct: tuple[CounterRef, ...]
    discharge: tuple[CounterRef, ...]
    recirculation: tuple[CounterRef, ...]
    reject: tuple[CounterRef, ...]
    capacity_pph: float
    buffer_parcels: int
    manual: tuple[CounterRef, ...] = ()
    energy: tuple[CounterRef, ...] = ()
    kwh_per_count: float = 1.0
    induct_counts_passes: bool = False
    capacity_observed: bool = False

    def counters(self) -> tuple[tuple[Role, CounterRef], ...]:
        """Every counter of the line with its role, parcels first, in the order of the roles."""
        return (
            *(("induct", ref) for ref in self.induct),
            *(("discharge", ref) for ref in self.discharge),
            *(("recirculation", ref) for ref in self.recirculation),
            *(("reject", ref) for ref in self.reject),
            *(("manual", ref) for ref in self.manual),
            *(("energy", ref) for ref in self.energy),
        )


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


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole site. Every reference between its parts is known to resolve."""

    site: Site
    bureau: Bureau
    spool: Spool
    buses: tuple[Bus, ...]
    devices: tuple[Device, ...]
    lines: tuple[Line, ...]
    digest: str
    scanners: tuple[Scanner, ...] = ()
    load: LoadSettings = field(default_factory=LoadSettings)
    lockers: tuple[Locker, ...] = ()
    reporting: Reporting = field(default_factory=Reporting)
    commands: Commands = field(default_factory=Commands)
    inputs: tuple[Input, ...] = ()

    @property
    def boards(self) -> tuple[Board, ...]:
        """The boards of all lockers."""
        return tuple(board for locker in self.lockers for board in locker.boards)

    def eyes(self, line_id: str) -> tuple[CounterRef, ...]:
        """The photo-eyes before silent scanners of that line."""
        return tuple(one.silent_no_read for one in self.scanners if one.line == line_id and one.silent_no_read)

    def bus(self, bus_id: str) -> Bus:
        """The bus of that id; KeyError where there is none."""
        for bus in self.buses:
            if bus.id == bus_id:
                return bus
        raise KeyError(bus_id)
