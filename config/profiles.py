"""Device profiles: what is known of a device model, as data in the package or in the site's own folder."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from config import files, slips
from config.bus_settings import Parity
from config.device_settings import Fingerprint, Point, Stretch, Trust
from config.document import Node
from config.faults import ConfigError, Ledger, Place, nowhere
from config.fingerprint import fingerprint
from config.meant import wrong_option
from config.messages import Word
from config.notation import Notation, notation
from config.points import overlapping, point
from config.reading import stretches
from config.table import Table

Transport = Literal["tcp", "rtu"]
DeviceKind = Literal["counter-module", "panel-counter", "plc", "drive", "meter", "sensor", "other"]

PACKAGED = Path(__file__).parent / "profiles"
BAUDS = (1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 76800, 115200, 230400, 460800, 921600)
PARITIES: tuple[Parity, ...] = get_args(Parity)
_NAME = re.compile("[a-z0-9][a-z0-9-]{0,63}")  # so it cannot lead out of its folder
KINDS: tuple[DeviceKind, ...] = get_args(DeviceKind)
_TRUSTS: tuple[Trust, ...] = get_args(Trust)
_TRANSPORTS: tuple[Transport, ...] = get_args(Transport)


@dataclass(frozen=True, slots=True)
class Profile:
    """A device model. Serial settings are the maker's factory defaults, hints are for people who wire it.

    `nodes` are the points as written, for a site that overrides one of their keys. `notation` is how a PLC's
    programmer names what he counts, for points that a site declares itself.
    """

    name: str
    maker: str
    model: str
    kind: DeviceKind
    trust: Trust
    source: str
    max_read_registers: int
    default_unit: int
    transports: tuple[Transport, ...]
    baud: int
    parity: Parity
    stop_bits: int
    hints_en: tuple[str, ...]
    hints_zh: tuple[str, ...]
    points: Mapping[str, Point]
    nodes: Mapping[str, Node]
    notation: Notation
    readable: tuple[Stretch, ...]
    fingerprint: Fingerprint | None = None


def load(name: str, folders: Sequence[Path] = ()) -> Profile:
    """The profile `name`, from the first of `folders` that has it, else from the package.

    Raises ConfigError with every fault of the file, or when there is none of that name.
    """
    ledger = Ledger()
    profile = Library(folders, ledger).find(name, nowhere(name))
    if ledger.faults or profile is None:
        raise ConfigError(ledger.faults)
    return profile


def names(folders: Sequence[Path] = ()) -> list[str]:
    """The names of all profiles there are, those of `folders` and the packaged ones."""
    return sorted({path.stem for folder in (*folders, PACKAGED) for path in folder.glob("*.toml")})


def is_name(name: str) -> bool:
    """Whether a profile may be called `name`."""
    return _NAME.fullmatch(name) is not None


class Library:
    """Profiles by name, each read and checked once, when first asked for."""

    def __init__(self, folders: Sequence[Path], ledger: Ledger) -> None:
        self._folders = folders
        self._ledger = ledger
        self._known: dict[str, Profile | None] = {}

    def find(self, name: str, place: Place) -> Profile | None:
        """The profile `name`; None, with a fault, when it is not there or cannot be used. `place` is who asks."""
        if name not in self._known:
            self._known[name] = self._read(name, place)
        elif self._known[name] is None and name not in names(self._folders):
            self._missing(name, place)
        return self._known[name]

    def _read(self, name: str, place: Place) -> Profile | None:
        folders = (*self._folders, PACKAGED) if is_name(name) else ()
        found = [path for folder in folders if (path := folder / f"{name}.toml").is_file()]
        if not found:
            self._missing(name, place)
            return None
        if len(found) > 1:
            self._ledger.add("W2401", place, name=name, file=found[0])
        before = len(self._ledger.faults)
        node = files.read(found[0], self._ledger)
        profile = _profile(name, Table(node, "", self._ledger)) if node else None
        return profile if len(self._ledger.faults) == before else None

    def _missing(self, name: str, place: Place) -> None:
        there = names(self._folders)
        part = [one for one in there if name and name.lower() in one]
        meant = slips.meant(name, there) or (part[0] if len(part) == 1 else Word("one_of_them"))
        alike = part or difflib.get_close_matches(name.lower(), there, 5, 0.4)
        self._ledger.add("E2305", place, name=name, near=meant, known=", ".join(dict.fromkeys([*alike, *there])))


def _profile(name: str, file: Table) -> Profile:
    file.require("profile")
    file.require_one("point", "notation")
    head, written, names = file.table("profile"), file.tables("point"), notation(file.tables("notation"))
    points = {point_name: point(point_name, table, names) for point_name, table in written.items()}
    refuse_overlaps(points, written)
    nodes = {point_name: table.node for point_name, table in written.items()}
    made = replace(_described(name, head, points, nodes, names), fingerprint=fingerprint(file, names))
    head.end()
    file.end()
    return made


def _described(name: str, head: Table, points: dict[str, Point], nodes: dict[str, Node], names: Notation) -> Profile:
    head.require("maker", "model", "trust", "source", "transports", "hints_en", "hints_zh")
    return Profile(
        name=name,
        maker=head.text("maker", ""),
        model=head.text("model", ""),
        kind=head.choice("kind", "other", KINDS),
        trust=head.choice("trust", "experimental", _TRUSTS),
        source=head.text("source", ""),
        max_read_registers=head.whole("max_read_registers", 125, 1, 125),
        default_unit=head.whole("default_unit", 1, 0, 255),
        transports=_transports(head),
        baud=head.choice("baud", 9600, BAUDS),
        parity=head.choice("parity", "none", PARITIES),
        stop_bits=head.choice("stop_bits", 1, (1, 2)),
        hints_en=tuple(hint.text for hint in head.texts("hints_en")),
        hints_zh=tuple(hint.text for hint in head.texts("hints_zh")),
        points=points,
        nodes=nodes,
        notation=names,
        readable=stretches(head),
    )


def _transports(head: Table) -> tuple[Transport, ...]:
    written = head.texts("transports")
    for one in written:
        if one.text not in _TRANSPORTS:
            code, parameters = wrong_option(one.text, _TRANSPORTS)
            head.fault_at(one.place, "transports", code, **parameters)
    return tuple(transport for transport in _TRANSPORTS if any(one.text == transport for one in written))


def refuse_overlaps(points: Mapping[str, Point], written: Mapping[str, Table]) -> None:
    """Note every two points that share registers and are not the same number, with both places."""
    for first, second in overlapping(points):
        table = written[second]
        key = "ref" if "ref" in table else "address"
        table.fault(key, "E2309", point=second, other=first, first=written[first].place("address"))
