"""Gather what a supporter needs into one file: no waybill number and no secret is in it.

  sudo hubpulse bundle                 hubpulse-support-….tar.gz in this folder
  hubpulse bundle -o /media/stick      into that folder
  hubpulse bundle --dry-run            only list what would go in

Release, machine, clock, disks, serial ports; the settings without comments, secrets and user names, and what `check`
finds in them; what the running agent says of itself; unit, journal, audit trail; the spool's segments, none of its
messages. It works with broken settings, without an agent and without sudo, and says what it could not have. It only
reads, and sends nothing anywhere.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from agent.cli import exits, local_order
from agent.cli.bundle_parts import parts
from agent.cli.check import DEFAULT_FILE
from agent.cli.local_time import to_the_second
from agent.cli.quantities import whole
from agent.cli.speech import add_language, chosen_language, say
from agent.clock import now
from agent.control import default_socket
from agent.support.archive import Part, admitted, packed, put
from agent.support.site_files import SETTINGS, SiteFiles
from config.messages import Language, printable, word

_LINES = 5000
_MOST_LINES = 50_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", default=DEFAULT_FILE, help="default: %(default)s")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the bundle, or the folder that it is put in")
    parser.add_argument("--force", action="store_true", help="replace a file that is already there")
    parser.add_argument("--dry-run", action="store_true", help="only list what would go in")
    parser.add_argument("--conf-d", type=Path, metavar="DIR", help="further files; default: conf.d beside FILE")
    parser.add_argument(
        "--profiles",
        type=Path,
        metavar="DIR",
        action="append",
        default=[],
        help="the site's own device profiles; `profiles` beside FILE and the packaged ones come after",
    )
    parser.add_argument(
        "--lines", type=whole(1, _MOST_LINES), default=_LINES, metavar="N", help="of the journal (%(default)s)"
    )
    parser.add_argument(
        "--control", type=Path, default=default_socket(), metavar="SOCKET", help="where the agent listens (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    at_s = now().wall_s
    site = SiteFiles.read(args.file, args.conf_d, args.profiles)
    gate = site.gate()
    chosen = admitted(_told_meanwhile(parts(args, site, gate), lang, live=sys.stderr.isatty() and not args.json), gate)
    folder = _folder(at_s)
    target = _target(args.output, folder)
    octets = packed([*chosen, _contents(chosen, lang)], folder, at_s)
    if not args.dry_run:
        try:
            put(target, octets, force=args.force)
        except OSError as error:
            code = "E2790" if isinstance(error, FileExistsError) else "E2791"
            local_order.fail(lang, code, as_json=args.json, file=target, reason=error.strerror or error)
            return exits.status(error)
    if args.json:
        listed = {"file": None if args.dry_run else str(target), "bytes": len(octets), "parts": _listed(chosen)}
        print(json.dumps(listed, ensure_ascii=False))
    else:
        end = "bundle_would" if args.dry_run else "bundle_done"
        advice = [] if SETTINGS in site.texts else [word("bundle_unread", lang, file=args.file), ""]
        size = _kb(len(octets))
        say("\n".join([*_rows(chosen, lang), "", *advice, word(end, lang, file=target, size=size)]))
    return 0


def _folder(at_s: float) -> str:
    """In which all parts lie, whatever the bundle is called: it can be unpacked beside the bundle."""
    return datetime.fromisoformat(to_the_second(at_s)).strftime("hubpulse-support-%Y%m%d-%H%M%S")


def _target(output: Path | None, folder: str) -> Path:
    name = f"{folder}.tar.gz"
    if output is None:
        return Path(name)
    return output / name if output.is_dir() else output


def _told_meanwhile(gathered: Iterable[Part], lang: Language, *, live: bool) -> Iterable[Part]:
    """The same parts, and on a terminal which one was gathered last."""
    for part in gathered:
        if live:
            print(f"\r\x1b[K{word('bundle_progress', lang, part=part.name)}", end="", file=sys.stderr, flush=True)
        yield part
    if live:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _contents(chosen: Sequence[Part], lang: Language) -> Part:
    """The page that the supporter reads first."""
    return Part("contents.txt", "\n".join([word("bundle_head", lang), "", *_rows(chosen, lang), ""]).encode())


def _rows(chosen: Sequence[Part], lang: Language) -> list[str]:
    wide = max(len(part.name) for part in chosen)
    return [f"  {printable(part.name):<{wide}}  {_row(part, lang)}" for part in chosen]


def _row(part: Part, lang: Language) -> str:
    if part.octets is None:
        return word("bundle_without", lang, reason=part.reason)
    return _kb(len(part.octets))


def _kb(octets: int) -> str:
    return f"{max(octets, 100) / 1000:.1f} kB"


def _listed(chosen: Sequence[Part]) -> list[dict[str, object]]:
    return [
        {"name": part.name, "left_out": part.reason}
        if part.octets is None
        else {"name": part.name, "bytes": len(part.octets)}
        for part in chosen
    ]
