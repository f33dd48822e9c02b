"""The two ways in: `load` gives the settings of a site or every fault at once, `check` tells all there is to tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from config import assembly, files
from config.document import Node
from config.faults import ConfigError, Fault, Ledger, Place
from config.profiles import PACKAGED, Library
from config.settings import Settings

_FILES = ("ca_file", "cert_file", "key_file", "password_file", "directory")


class NamedFile(NamedTuple):
    """A file or folder that the settings name, by which key, and where that is written."""

    key: str
    path: Path
    place: Place


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known of a site's files: `settings` when there is no fault.

    `buses` is where each bus is written, `boards` each lock board's table by the board's id, `files` what is named of
    this machine beside wires.
    """

    settings: Settings | None
    faults: tuple[Fault, ...]
    notices: tuple[Fault, ...]
    buses: Mapping[str, Place] = field(default_factory=dict)
    boards: Mapping[str, Node] = field(default_factory=dict)
    files: tuple[NamedFile, ...] = ()


def load(main: Path, conf_d: Path | None = None, profile_dirs: Sequence[Path] = ()) -> Settings:
    """The settings in `main` and the `*.toml` of `conf_d` (default: the `conf.d` beside `main`).

    Profiles come from `profile_dirs`, then the `profiles` beside `main`, then the package. Reads files and does
    nothing else. Raises ConfigError with every fault of every file.
    """
    report = check(main, conf_d, profile_dirs)
    if report.settings is None:
        raise ConfigError(report.faults)
    return report.settings


def check(main: Path, conf_d: Path | None = None, profile_dirs: Sequence[Path] = ()) -> Report:
    """Like `load`, but faults and notices are the answer."""
    ledger = Ledger()
    root = files.read(main, ledger)
    if root is None:
        return Report(None, tuple(ledger.faults), ())
    paths = files.parts(main.parent / "conf.d" if conf_d is None else conf_d, ledger)
    roots = [root, *(part for path in paths if (part := files.read(path, ledger)))]
    return _report(roots, len(roots) == 1 + len(paths), [*profile_dirs, main.parent / "profiles"], ledger)


def check_text(name: str, raw: bytes, profile_dirs: Sequence[Path] = ()) -> Report:
    """Check the content of a main file that is not on the disk; `name` stands for it in the faults."""
    ledger = Ledger()
    root = files.parse(name, raw, ledger)
    return _report([root], True, profile_dirs, ledger) if root else Report(None, tuple(ledger.faults), ())


def _report(roots: Sequence[Node], whole: bool, profile_dirs: Sequence[Path], ledger: Ledger) -> Report:
    merged = files.merge(roots, ledger)
    merged.damaged |= not whole
    folders = [folder for folder in profile_dirs if folder.resolve() != PACKAGED]
    settings = assembly.settings(merged, Library(folders, ledger), ledger)
    order = {root.place.source.name: number for number, root in enumerate(roots)}
    faults = sorted(
        ledger.faults, key=lambda fault: (order.get(fault.file, len(order)), fault.file, fault.line, fault.column)
    )
    if faults:
        return Report(None, tuple(faults), tuple(ledger.notices))
    buses = {name: node.key for name, node in _under(merged, "bus")}
    boards = {
        f"{locker}_{name}": board for locker, node in _under(merged, "locker") for name, board in _under(node, "board")
    }
    return Report(settings, (), tuple(ledger.notices), buses, boards, tuple(_named(merged)))


def _named(node: Node) -> Iterator[NamedFile]:
    """The files and folders named anywhere in a tree without faults."""
    for key, inner in node.value.items():
        if isinstance(inner.value, dict):
            yield from _named(inner)
        elif key in _FILES:
            yield NamedFile(key, Path(inner.value), inner.place)


def _under(node: Node, key: str) -> Iterable[tuple[str, Node]]:
    """The named tables under `key`, where there are any."""
    return node.value[key].value.items() if key in node.value else ()
