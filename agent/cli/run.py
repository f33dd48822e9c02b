"""Run the agent of this site until SIGTERM or Ctrl-C. This is what systemd starts.

Settings: /etc/hubpulse/hubpulse.toml and /etc/hubpulse/conf.d/*.toml, or the file named.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from agent import log
from agent.cli.check import DEFAULT_FILE, checked
from agent.cli.speech import add_language, chosen_language, say_wrong
from agent.control import default_socket
from agent.systemd import Notify
from config import messages
from config.messages import Language

NO_FILE, BUSY, CONFIG = os.EX_NOINPUT, os.EX_TEMPFAIL, os.EX_CONFIG
_WHY: dict[type[BaseException] | type[None], str] = {PermissionError: "E2017", FileNotFoundError: "E2018"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", default=DEFAULT_FILE, help="the settings (%(default)s)"
    )
    parser.add_argument(
        "--control",
        type=Path,
        default=default_socket(),
        metavar="SOCKET",
        help="where other verbs reach the agent (%(default)s)",
    )
    parser.add_argument("--verbose", action="store_true", help="log more")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    from agent.service import serve
    from agent.uplink import credentials, tls
    from agent.uplink.credentials import CredentialError
    from agent.uplink.spool import SpoolLockedError

    lang = chosen_language(args.lang, sys.stderr)
    log.start(verbose=args.verbose)
    report = checked(args.file)
    if report.settings is None:
        print("\n\n".join(fault.render(lang) for fault in report.faults), file=sys.stderr)
        return CONFIG if args.file.exists() else NO_FILE
    bureau = report.settings.bureau
    try:
        # A key or password that others can read, or that is missing, is the operator's to mend: it comes before all.
        credentials.login(bureau)
        if bureau.tls is not None:
            tls.context(bureau.tls)
        serve(report.settings, Notify.from_environment(), args.control)
    except CredentialError as error:
        code = _WHY.get(type(error.__cause__), "E2015")
        return _refuse(code, error, lang, CONFIG, file=error.file)
    except SpoolLockedError as error:
        return _refuse("E2016", error, lang, BUSY)
    return 0


def _refuse(code: str, reason: Exception, lang: Language, status: int, **values: object) -> int:
    """Say why the agent does not start; the reason whole, for it names a file and the command that mends it."""
    said = messages.text(code, lang, **values)
    why, fix = messages.word("why", lang), messages.word("fix", lang)
    seen = said.seen + messages.word("colon", lang) + messages.reason(reason, lang)
    say_wrong("run", f"{code} {seen}\n  {why}{said.cause}\n  {fix}{said.action}")
    return status
