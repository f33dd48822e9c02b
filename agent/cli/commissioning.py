"""What the verbs of commissioning share: where to find the agent, how a port is set up, and how a complaint is said."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from agent.cli.check import DEFAULT_FILE
from agent.cli.quantities import timeout_s
from agent.cli.speech import add_language, say_wrong
from agent.commission import ComplaintError
from agent.commission.wires import Options
from agent.control import default_socket
from config import messages
from config.messages import Language
from config.profiles import BAUDS

_EXPLAINED = frozenset(
    {
        *("timeout", "late", "echo", "crc", "checksum", "garbage", "link_down"),
        *("not_asked_by_master", "listen_only", "wrong_device", "silent"),
    }
)
"""Reasons with words of their own; all others are frames that answer something else."""


def add_wire_options(parser: argparse.ArgumentParser) -> None:
    """How long to wait for an answer, and where agent and settings are."""
    parser.add_argument("--timeout", type=timeout_s, metavar="S", help="how long to wait for an answer")
    add_agent_options(parser)


def add_agent_options(parser: argparse.ArgumentParser) -> None:
    """Where the agent listens and its settings are, and how to speak."""
    parser.add_argument("--settings", type=Path, default=DEFAULT_FILE, metavar="FILE", help="default: %(default)s")
    parser.add_argument(
        "--control", type=Path, default=default_socket(), metavar="SOCKET", help="of the running agent (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object and nothing else")
    add_language(parser)


def add_line_options(parser: argparse.ArgumentParser) -> None:
    """Speed, parity and stop bits of a serial port."""
    parser.add_argument("--baud", type=int, choices=BAUDS, metavar="BAUD", default=9600, help="of a serial port (9600)")
    parser.add_argument("--parity", choices=("none", "even", "odd"), default="none", help="of a serial port (none)")
    parser.add_argument("--stop-bits", type=int, choices=(1, 2), default=1, help="of a serial port (1)")


def options_of(args: argparse.Namespace) -> Options:
    """The wire options of that command line."""
    return Options(
        baud=getattr(args, "baud", 9600),
        parity=getattr(args, "parity", "none"),
        stop_bits=getattr(args, "stop_bits", 1),
        timeout_s=getattr(args, "timeout", None),
        control=args.control,
        settings=args.settings,
    )


def complain(verb: str, complaint: ComplaintError, lang: Language, *, as_json: bool = False) -> int:
    """Say what cannot be done, why most likely, and what to do next, to people or machines; returns the exit code."""
    said = messages.text(complaint.code, lang, **complaint.values)
    if as_json:
        print(json.dumps({"error": complaint.code} | said._asdict(), ensure_ascii=False))
        return complaint.status
    why, fix = messages.word("why", lang), messages.word("fix", lang)
    say_wrong(verb, f"{complaint.code} {said.seen}\n  {why}{said.cause}\n  {fix}{said.action}")
    return complaint.status


def reason_in_words(reason: str, lang: Language) -> str:
    """Why no value came, or that one did, for people."""
    if reason == "answers":
        return messages.word("answers_read", lang)
    if reason.startswith("exception_"):
        code = reason.removeprefix("exception_")
        known = code if code in ("1", "2", "3", "4", "6", "10", "11") else "other"
        return messages.word(f"refused_{known}", lang, code=code)
    known = reason if reason in _EXPLAINED else "wrong"
    return messages.word(f"silent_{known}", lang, reason=reason)
