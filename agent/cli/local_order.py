"""What the verbs share that tell the running agent something: the options, the talk, and how a refusal is said."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agent.cli import exits
from agent.cli.speech import add_language
from agent.control import ControlError, default_socket
from config.messages import Language, Refusal, text, word

OTHER_RELEASE = "E2781"
"""An answer lacks what this release's agents tell: one of before an upgrade runs on until it is restarted."""


def add_agent(parser: argparse.ArgumentParser) -> None:
    """The options that every such verb has."""
    parser.add_argument(
        "--control", type=Path, default=default_socket(), metavar="SOCKET", help="where the agent listens (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    add_language(parser)


def add_by(parser: argparse.ArgumentParser) -> None:
    """Who it is."""
    parser.add_argument("--by", default="", metavar="NAME", help="who says so (the user that runs this)")


def ask(  # noqa: PLR0913, PLR0917 - what is asked, and how each refusal is told
    args: argparse.Namespace,
    lang: Language,
    do: str,
    words: Mapping[str, object] = MappingProxyType({}),
    codes: tuple[str, str] = ("E2760", "E2761"),
    refusals: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any] | None:
    """The agent's reply; None when it was told why there is none: nobody answers, or it was refused (`codes`, and a
    code of its own for the reasons in `refusals`, whose text may hold what is in `words`)."""
    from agent.control.remote import Remote

    away, refused = codes
    try:
        with Remote(args.control) as agent:
            return agent.ask(do, **{name: value for name, value in words.items() if value is not None})
    except OSError as error:
        fail_away(args, lang, away, error)
    except ControlError as error:
        if code := refusals.get(error.reason):
            fail(lang, code, as_json=args.json, **{**words, "reason": error.detail or "–"})
        else:
            fail(lang, refused, as_json=args.json, reason=Refusal(error.reason, error.detail))
    return None


def fail_away(args: argparse.Namespace, lang: Language, code: str, error: OSError) -> int:
    """Say with `code` that no agent answers; where it is this user who may not ask, that, and end with its code."""
    if isinstance(error, PermissionError):
        fail(lang, "E2602", as_json=args.json, socket=args.control, user=user())
        raise SystemExit(exits.status(error)) from error
    return fail(lang, code, as_json=args.json, socket=args.control, reason=error.strerror or error)


def fail(lang: Language, code: str, *, as_json: bool = False, **values: object) -> int:
    """Say what is wrong, why, and what to do; the exit code."""
    seen, cause, action = text(code, lang, **values)
    if as_json:
        told = {name: str(value) for name, value in values.items()}
        print(json.dumps({"error": code, "seen": seen, "cause": cause, "action": action} | told, ensure_ascii=False))
    else:
        print(f"[{code}] {seen}\n  {word('why', lang)}{cause}\n  {word('fix', lang)}{action}", file=sys.stderr)
    return 1


def user() -> str:
    """Who runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
