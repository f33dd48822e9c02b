"""What goes into a support bundle: each part asked where it is known, or the reason why it could not be had."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from agent.cli.check import as_json, found
from agent.control import ControlError
from agent.support import programs
from agent.support.archive import Part, bounded
from agent.support.gate import Gate
from agent.support.machine import in_fours, machine, serial_ports
from agent.support.site_files import SiteFiles
from agent.support.state import named_file, spool, trail

_ASKED = ("status", "survey", "alarms")
_HIDDEN_IN_FAULTS = ("source", "cause", "action")
"""A line of the file as it is, and texts that any supporter can look up by the code."""


def parts(args: argparse.Namespace, site: SiteFiles, gate: Gate) -> Iterator[Part]:
    """All parts, the most telling first, none with anything in it that the gate knows."""
    yield _json("machine.json", lambda: machine([site.spool, Path("/"), Path("/run")]), gate)
    yield _json("check.json", lambda: _check(args), gate)
    yield from site.parts(gate)
    yield _json("files.json", lambda: [named_file(path) for path in site.named()], gate)
    yield from _agent(args.control, gate)
    yield _json("unit.json", programs.unit, gate)
    yield _part("journal.txt", lambda: gate.text(bounded(programs.journal(args.lines)).decode()))
    yield _part("audit.jsonl", lambda: _lines(site.spool, gate))
    yield _json("spool.json", lambda: spool(site.spool), gate)
    yield _json("ports.json", serial_ports, gate)


def _agent(control: Path, gate: Gate) -> Iterator[Part]:
    """What the running agent answers; a clear line for each thing where none does."""
    from agent.control.remote import Remote

    try:
        with Remote(control) as agent:
            for do in _ASKED:
                yield _json(f"agent/{do}.json", lambda do=do: agent.ask(do), gate)  # type: ignore[misc]
    except OSError as error:
        yield Part("agent/", None, f"no agent answers at {control}: {error.strerror or error}")


def _check(args: argparse.Namespace) -> dict[str, object]:
    report, wires = found(args.file, args.conf_d, args.profiles)
    said = as_json(args.file, report, wires, "en")
    for kind in ("faults", "notices"):
        told: list[Mapping[str, object]] = said[kind]  # type: ignore[assignment]
        said[kind] = [{name: fault[name] for name in fault if name not in _HIDDEN_IN_FAULTS} for fault in told]
    digest = report.settings.digest if report.settings else ""
    return {**said, "digest": in_fours(digest)}


def _lines(folder: Path, gate: Gate) -> str:
    return "".join(json.dumps(gate.tree(entry), ensure_ascii=False) + "\n" for entry in trail(folder))


def _json(name: str, ask: Callable[[], object], gate: Gate) -> Part:
    """A part as one JSON text."""
    return _part(name, lambda: json.dumps(gate.tree(ask()), ensure_ascii=False, indent=1) + "\n")


def _part(name: str, ask: Callable[[], str]) -> Part:
    try:
        return Part(name, bounded(ask()))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return Part(name, None, f"{place}{error.strerror or error}")
    except RecursionError:
        return Part(name, None, "nested too deeply")
    except (ControlError, programs.NotToldError, ValueError) as error:
        return Part(name, None, str(error))
