"""Read the audit trail of a site and prove that nothing in it was changed: commands, refusals, modes, starts.

Each entry holds the hash of the one before, from file to file. `--known N:HASH` is the newest entry that the bureau
was told of (`audit` in `health` and `cmd/ack`): with it also a trail that was cut short or written anew is found out.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from agent.cli import exits, local_order
from agent.cli.check import DEFAULT_FILE, EXIT_FAULTS, checked
from agent.cli.local_time import to_the_second
from agent.cli.speech import add_language, chosen_language, spoken
from agent.orders.audit import BEGIN, TOLD_DIGITS, Mark, entries, verify
from agent.orders.trail_files import FILE
from config.messages import printable, word

_DIGEST = re.compile(rf"[0-9a-f]{{{TOLD_DIGITS},64}}")
_LATEST_MS = 10**14
_OWN = ("n", "prev", "at", "tsq", "what", "hash")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        default=DEFAULT_FILE,
        help="the site's settings, the trail itself (audit.log), or its folder",
    )
    parser.add_argument("--known", type=_mark, default=BEGIN, metavar="N:HASH", help="an entry that it must hold")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    path = args.file
    try:
        path = _trail(args.file)
        if path is None:
            local_order.fail(lang, "E2764", as_json=args.json, file=args.file)
            return EXIT_FAULTS
        mark, faults = verify(path, args.known)
        kept = [entry for _, _, entry in entries(path) if entry is not None]
    except OSError as error:
        local_order.fail(lang, "E2763", as_json=args.json, file=path, reason=error.strerror or error)
        return exits.status(error)
    if args.json:
        wrong = [{"file": one.file, "line": one.line, "n": one.n, "reason": one.reason} for one in faults]
        print(json.dumps({"entries": kept, "newest": mark._asdict(), "faults": wrong}, ensure_ascii=False))
        return 1 if faults else 0
    print("\n".join(map(_row, kept)))
    for one in faults:
        code = "E2776" if one.line is None else "E2765"
        local_order.fail(lang, code, file=one.file, line=one.line, n=one.n, reason=one.reason)
    if not faults:
        said = "audit_whole_one" if len(kept) == 1 else "audit_whole"
        print(word(said, lang, first=kept[0]["n"] if kept else 0, n=mark.n, hash=mark.told))
    return 1 if faults else 0


def _trail(file: Path) -> Path | None:
    """The trail itself, that in this folder, or that of the site with these settings; None where those are unsound.

    Raises OSError.
    """
    if file.is_dir():
        return file / FILE
    if file.name.endswith(".log"):
        return file
    file.open("rb").close()
    settings = checked(file).settings
    return None if settings is None else settings.spool.directory / FILE


def _row(entry: Mapping[str, object]) -> str:
    at = entry.get("at")
    when = to_the_second(at / 1000) if isinstance(at, int) and 0 <= at < _LATEST_MS else "?"
    fields = " ".join(f"{name}={printable(str(value))}" for name, value in entry.items() if name not in _OWN)
    return f"{_shown(entry, 'n'):>5}  {when} {_shown(entry, 'tsq')}  {_shown(entry, 'what'):<12} {fields}"


def _shown(entry: Mapping[str, object], name: str) -> str:
    """What a line that anybody may have written has under that name."""
    return printable(str(entry.get(name, "?")))


def _mark(text: str) -> Mark:
    number, colon, digest = text.partition(":")
    if not (number.isdecimal() and colon and _DIGEST.fullmatch(digest)):
        raise argparse.ArgumentTypeError(word("typed_no_mark", spoken(), text=text, digits=TOLD_DIGITS))
    return Mark(int(number), digest)
