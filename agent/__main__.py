"""The command `hubpulse`: finds the verb, loads only that verb's room, and runs it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from io import TextIOWrapper
from types import ModuleType

from agent.cli.parser import Parser
from agent.cli.speech import add_language, heard, spoken
from agent.release import VERSION
from config.messages import description, typed

VERBS = {
    "run": "run the agent of this site (what systemd starts)",
    "check": "check the configuration without touching a wire",
    "init": "write a commented configuration to begin with",
    "profiles": "list, show or begin device profiles",
    "install": "put unit, directories and example in place",
    "ports": "the serial ports: stable names, who holds them, traps",
    "probe": "find who answers on a port: speed, parity, unit, model",
    "read": "read one register with everything that it can mean",
    "scan-test": "show what one scanner's connection delivers",
    "status": "what waits to be delivered, room, clock, mode; at once",
    "ready": "whether all is ready before the season, point by point",
    "baseline": "tell the agent what a stock-take of the floor found",
    "mode": "show or order the mode: peak, emergency, suspended",
    "alarms": "list the alarms of this site, acknowledge one",
    "audit": "read the audit trail and prove that it is whole",
    "bundle": "gather what support needs into one file, redacted",
    "tap": "show what is said on a line, live; sends nothing",
    "explain": "explain bytes: Modbus or locker board, field by field",
    "metrics": "explain every figure that is sent",
    "locker": "show lockers, or learn their doors by hand",
    "watch": "show what the bureau sees on a broker",
    "bureau": "keep what the sites publish; totals and gaps from it",
    "command": "the bureau's end: sign and send orders to a site",
    "simulate": "serve the devices of a configuration, without hardware",
    "demo": "a simulated hub, a broker, the agent and a live screen",
}

EXIT_CODES = """\
`hubpulse VERB --help` explains a verb.  Begin with `hubpulse init`, then `hubpulse check`.
exit codes:
  0 done    1 not as it should be    2 wrong usage
  66 no such file    73 file is there already    75 another agent or program has it
  77 no permission    78 faults in the configuration    130 Ctrl-C before there was anything to tell
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the verb that `arguments` (default: the command line's) name; returns the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # what a console cannot show becomes a question mark
    try:
        with heard(words):
            return _obey(words)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read us (head, less) has seen enough; what is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _obey(words: list[str]) -> int:
    top = _top_parser()
    asked = top.all_of(words)
    if asked.verb is None:
        top.print_help()
        return 2
    room = importlib.import_module(f"agent.cli.{asked.verb.replace('-', '_')}")
    return int(room.run(_verb_parser(asked.verb, room).all_of(asked.words)))


def _top_parser() -> Parser:
    parser = Parser(
        prog="hubpulse",
        usage=f"hubpulse [-h] [--version] [--lang {{en,zh}}] {typed('VERB', spoken())} ...",
        description="The edge agent of a parcel hub: true counts and load telemetry for the postal bureau.",
        epilog=_epilog(),
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"hubpulse {VERSION}")
    add_language(parser)
    parser.add_argument("verb", nargs="?", choices=VERBS, metavar="VERB", help="what to do, see below")
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parser.in_readers_language()
    return parser


def _epilog() -> str:
    lang = spoken()
    verbs = "\n".join(f"  {verb:<10}{typed(text, lang)}" for verb, text in VERBS.items())
    return f"{typed('verbs:', lang)}\n{verbs}\n\n{description('exit codes', lang) or EXIT_CODES}"


def _verb_parser(verb: str, room: ModuleType) -> Parser:
    parser = Parser(prog=f"hubpulse {verb}", description=room.__doc__)
    room.add_arguments(parser)
    parser.in_readers_language()
    return parser


if __name__ == "__main__":
    sys.exit(main())
