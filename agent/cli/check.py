"""Check the configuration of a site without touching a wire: every fault at once, with its place, reason and fix."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import config
from agent.capacity import OVERFULL, judged
from agent.cli.check_files import Service, noticed
from agent.cli.check_wires import Wires
from agent.cli.speech import add_language, chosen_language, say, spoken
from agent.lockers import languages
from agent.stable_names import with_stable_names
from agent.traffic import expected
from config import messages
from config.faults import Fault, columns
from config.load_settings import MODES
from config.messages import Language
from config.regions import PROVINCES
from config.settings import Settings
from config.site_settings import Site
from config.uplink_settings import Bureau

DEFAULT_FILE = Path("/etc/hubpulse/hubpulse.toml")
EXIT_NO_FILE, EXIT_FAULTS = 66, 78

SAMPLE_SITE, SAMPLE_HOST = "gz-baiyun", "mqtt.example.org"
"""What `hubpulse install` puts in place; who leaves the id as it is reports as another hub."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", default=DEFAULT_FILE, help="default: %(default)s")
    parser.add_argument("--conf-d", type=_folder, metavar="DIR", help="further files; default: conf.d beside FILE")
    parser.add_argument(
        "--profiles",
        type=_folder,
        metavar="DIR",
        action="append",
        default=[],
        help="the site's own device profiles; `profiles` beside FILE and the packaged ones come after",
    )
    parser.add_argument("--plan", action="store_true", help="every read of every bus, and what silent devices cost")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="with colours: on a terminal, or always or never",
    )
    add_language(parser)


def _folder(written: str) -> Path:
    if not Path(written).is_dir():
        raise argparse.ArgumentTypeError(messages.word("typed_no_folder", spoken(), text=written))
    return Path(written)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    report, wires = found(args.file, args.conf_d, args.profiles)
    if args.json:
        said = as_json(args.file, report, wires, lang)
        say(json.dumps(said, ensure_ascii=False, indent=2))
    else:
        blocks = _blocks(args.file, report, wires, lang, color=_colored(args.color, sys.stdout, os.environ))
        say("\n\n".join([*blocks, *(wires.plans(lang) if args.plan else ())]))
    if report.settings is not None:
        return 0
    return exit_status(report)


def found(file: Path, conf_d: Path | None, profiles: Sequence[Path]) -> tuple[config.Report, Wires]:
    """All that there is to say of a site's files, and what its wires have to carry."""
    report = checked(file, conf_d, profiles)
    wires = Wires.of(report.settings, [*profiles, file.parent / "profiles"])
    report = judged(report, wires.budgets, wires.longest)
    seen = noticed(report.files, Service.here())
    return dataclasses.replace(report, notices=(*with_stable_names(report.notices), *seen)), wires


def exit_status(report: config.Report) -> int:
    """With what a verb ends whose settings have these faults."""
    if [fault.code for fault in report.faults] == ["E2001"]:
        return EXIT_NO_FILE
    barred = [fault.parameters.get("reason") == os.strerror(errno.EACCES) for fault in report.faults]
    return os.EX_NOPERM if all(barred) else EXIT_FAULTS


def checked(file: Path, conf_d: Path | None = None, profiles: Sequence[Path] = ()) -> config.Report:
    """What `config.check` finds, and whether each scanner's preset goes with what is written over it, and each lock
    board with its language.
    """
    report = languages.judged(config.check(file, conf_d, profiles))
    if report.settings is None or not report.settings.scanners:
        return report
    from agent.scans import UnsoundScannerError
    from agent.scans.counting import source

    try:
        for scanner in report.settings.scanners:
            source(scanner)
    except UnsoundScannerError as error:
        fault = Fault("E2006", str(file), 1, 1, 1, "", {"file": file, "scanner": error.scanner, "reason": error})
        return dataclasses.replace(report, settings=None, faults=(fault,))
    return report


def _blocks(file: Path, report: config.Report, wires: Wires, lang: Language, *, color: bool) -> Iterator[str]:
    yield from (one.render(lang, color=color) for one in (*report.notices, *report.faults))
    yield from wires.help(lang)
    if report.settings is None:
        end = "only_overfull" if {fault.code for fault in report.faults} == {OVERFULL} else "faults_found"
        yield messages.word(end, lang, count=len(report.faults), file=file)
    else:
        yield "\n".join([messages.word("in_order", lang, file=file), *_summary(report.settings, wires, lang)])


def _summary(settings: Settings, wires: Wires, lang: Language) -> Iterator[str]:
    points = [point for device in settings.devices for point in device.points]
    counters = sum(point.kind == "counter" for point in points)
    rows = {
        "site": _site(settings.site, lang),
        "bureau": _bureau(settings.bureau, lang),
        "buses": _named([bus.id for bus in settings.buses], lang),
        "devices": _named([device.id for device in settings.devices], lang),
        "points": messages.word("of_these_counters", lang, points=len(points), counters=counters),
        "lines": _named([line.id for line in settings.lines], lang),
        "inputs": _named([one.id for one in settings.inputs], lang),
        "scanners": _named([scanner.id for scanner in settings.scanners], lang),
        "lockers": _named([locker.id for locker in settings.lockers], lang),
        "reads": f"\n{' ' * 11}".join(wires.summary(lang)) or "0",
        **_traffic(settings, lang),
        "digest": settings.digest,
    }
    for name, said in rows.items():
        title = messages.word(name, lang)
        yield f"  {title}{' ' * (9 - columns(title))}{said}"


def _traffic(settings: Settings, lang: Language) -> dict[str, str]:
    """What goes over the network and onto the card, where anything is counted."""
    if not (settings.lines or settings.lockers):
        return {}
    normal, peak = expected(settings), expected(settings, "peak")
    each = {"each": f"{normal.report_s:g}", "peak_each": f"{peak.report_s:g}"}
    network = messages.word(
        "traffic_a_day", lang, normal=_mb(normal.network_bytes), peak=_mb(peak.network_bytes), **each
    )
    card = messages.word("card_a_day", lang, card=_mb(normal.card_bytes), hours=_hours(normal.spool_hours))
    return {"traffic": network, "card": card}


def _hours(hours: float) -> str:
    return f"{hours:.0f}" if hours >= 10 else f"{hours:.1f}"


def _mb(bytes_: int) -> str:
    return f"{bytes_ / 1e6:.1f} MB" if bytes_ < 1e7 else f"{bytes_ / 1e6:.0f} MB"


def _site(site: Site, lang: Language) -> str:
    name, province = (site.name_zh, 0) if lang == "zh" else (site.name_en, 1)
    level, where = messages.word(f"level_{site.level}", lang), f"{PROVINCES[site.province][province]} {site.province}"
    said = messages.word("comma", lang).join(dict.fromkeys((site.id, name)))
    said += messages.word("site_is", lang, level=level, province=where, city=site.city)
    return said + (messages.word("of_sample", lang) if site.id == SAMPLE_SITE else "")


def _bureau(bureau: Bureau, lang: Language) -> str:
    secured = messages.word("with_tls" if bureau.tls else "without_tls", lang)
    each = messages.word("each", lang, seconds=f"{bureau.report_s:g}")
    said = messages.word("comma", lang).join((f"{bureau.host}:{bureau.port}", secured, each))
    return said + (messages.word("of_sample", lang) if bureau.host == SAMPLE_HOST else "")


def _named(names: list[str], lang: Language) -> str:
    shown = messages.word("and", lang).join(names[:6]) + (" …" if len(names) > 6 else "")
    return f"{len(names)}{messages.word('named', lang)}{shown}" if names else "0"


def as_json(file: Path, report: config.Report, wires: Wires, lang: Language) -> dict[str, object]:
    """The same for machines."""
    settings = report.settings
    return {
        "ok": settings is not None,
        "file": str(file),
        "digest": settings.digest if settings else None,
        "faults": [_fault_as_json(fault, lang) for fault in report.faults],
        "notices": [_fault_as_json(fault, lang) for fault in report.notices],
        "counts": {
            "buses": len(settings.buses),
            "devices": len(settings.devices),
            "points": sum(len(device.points) for device in settings.devices),
            "lines": len(settings.lines),
            "scanners": len(settings.scanners),
            "lockers": len(settings.lockers),
        }
        if settings
        else None,
        "traffic": [dataclasses.asdict(expected(settings, mode)) for mode in MODES] if settings else None,
        "wires": wires.as_json(),
    }


def _fault_as_json(fault: Fault, lang: Language) -> dict[str, object]:
    said = fault.text(lang)
    return {
        "code": fault.code,
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "end_column": fault.end_column,
        "source": fault.source,
        "seen": said.seen,
        "cause": said.cause,
        "action": said.action,
    }


def _colored(wish: str, stream: TextIO, environ: Mapping[str, str]) -> bool:
    if wish != "auto":
        return wish == "always"
    return stream.isatty() and "NO_COLOR" not in environ and environ.get("TERM") != "dumb"
