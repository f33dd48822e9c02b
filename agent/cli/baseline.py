"""Tell the running agent how many parcels a stock-take found on the floor, so that its backlog begins anew from there.

Count when the floor is quiet, at the end of a shift, and run it at once: what is unloaded and loaded after that is
counted on. It changes nothing else. The stock-take goes to the bureau as an event, with who took it.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from pathlib import Path

from agent.cli.check import add_language, chosen_language
from agent.cli.quantities import whole
from agent.control import ControlError, default_socket
from config.messages import Language, text, word


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "parcels", type=whole(0, 100_000_000), metavar="PARCELS", help="how many parcels are on the floor now"
    )
    parser.add_argument("--by", default="", metavar="NAME", help="who counted (the user that runs this)")
    parser.add_argument(
        "--control", type=Path, default=default_socket(), metavar="SOCKET", help="where the agent listens (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    from agent.control.remote import Remote

    lang = chosen_language(args.lang, sys.stdout)
    try:
        with Remote(args.control) as agent:
            said = agent.ask("baseline", parcels=args.parcels, by=args.by or _user())
    except OSError as error:
        return _fail(args, lang, "E2721", socket=args.control, reason=error.strerror or error)
    except ControlError as error:
        return _fail(args, lang, "E2722", reason=error.detail or error.reason)
    if args.json:
        print(json.dumps({"parcels": said["parcels"], "before": said["before"]}))
    else:
        before = "–" if said["before"] is None else said["before"]
        print(word("baseline_taken", lang, parcels=args.parcels, before=before))
    return 0


def _fail(args: argparse.Namespace, lang: Language, code: str, **values: object) -> int:
    seen, cause, action = text(code, lang, **values)
    if args.json:
        told = {name: str(value) for name, value in values.items()}
        print(json.dumps({"error": code, "seen": seen, "cause": cause, "action": action} | told, ensure_ascii=False))
    else:
        print(f"[{code}] {seen}\n  {word('why', lang)}{cause}\n  {word('fix', lang)}{action}", file=sys.stderr)
    return 1


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
