"""Explain bytes: Modbus RTU, TCP or ASCII, or a frame of a locker board, field by field; sends nothing.

  hubpulse explain 01 03 00 64 00 02 85 D4
  hubpulse explain 0103040001e240e2a3           spaces, commas, colons and 0x may stand between, or not
  hubpulse explain ':01030064000296'            Modbus ASCII as text
  hubpulse explain -                            read the bytes from standard input

Several frames may follow each other. Exit code 1 when no reading of the bytes has a right checksum.
"""

from __future__ import annotations

import argparse
import json
import re
import sys

from agent.cli.commissioning import complain
from agent.cli.explained_words import as_json, blocks
from agent.cli.speech import add_language, chosen_language, say
from agent.commission import ComplaintError
from config import messages

_BETWEEN = re.compile(r"0[xX]|[\s,;:_\-]+")
_LONGEST = 64 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("hex", nargs="+", metavar="HEX", help="the bytes; - reads them from standard input")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    from drivers.explain import explained

    lang = chosen_language(args.lang, sys.stdout)
    written = sys.stdin.read(_LONGEST) if args.hex == ["-"] else " ".join(args.hex)
    octets = octets_of(written)
    if not octets:
        return complain("explain", ComplaintError("E2250", 2, written=written.strip()[:40]), lang, as_json=args.json)
    found = explained(octets)
    if args.json:
        say(json.dumps({"frames": [as_json(one) for one in found]}, ensure_ascii=False, indent=2))
    elif found:
        said = ["\n".join(block) for block in blocks(found, lang)]
        if not any(one.sound for one in found):
            said.insert(0, messages.word("explain_unsound", lang))
        say("\n\n".join(said))
    else:
        say(messages.word("explain_nothing", lang, count=len(octets)))
    return 0 if any(one.sound and one.framing != "none" for one in found) else 1


def octets_of(written: str) -> bytes:
    """The bytes written as hexadecimal digits, or as a line of Modbus ASCII; empty where they are neither."""
    if written.lstrip().startswith(":"):
        return written.strip().encode("ascii", "replace")
    try:
        return bytes.fromhex(_BETWEEN.sub("", written))
    except ValueError:
        return b""
