"""Show what one scanner's connection delivers, live, before it stands in any settings; codes are hidden.

  hubpulse scan-test tcp 192.168.10.40:2001        we connect to the scanner
  hubpulse scan-test listen :5001                  the scanner connects to us
  hubpulse scan-test serial /dev/serial/by-path/… --baud 9600
  hubpulse scan-test tunnel-1                      a scanner of the settings

Guesses the framing from the bytes, counts as the agent would, says of every reject why, and ends with the lines
to paste into the settings. Sends nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
from collections import deque
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.check import DEFAULT_FILE, EXIT_FAULTS, checked
from agent.cli.quantities import duration
from agent.cli.speech import add_language, chosen_language, say, say_wrong
from config import messages
from config.faults import columns
from config.messages import Language
from config.profiles import BAUDS
from config.scanner_settings import ScannerDial, ScannerListen, ScannerSerial, ScannerWire

if TYPE_CHECKING:
    from rich.live import Live

    from agent.trial.connection import Connection
    from agent.trial.findings import Seen, Way

EXIT_USAGE, EXIT_TAKEN = 2, 75
_WIRES = ("tcp", "listen", "serial")
_NO_FILE = "E2001"
_WAIT_S = 0.2
_SAID_A_SECOND = 10
_RECENT = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("how", metavar="tcp|listen|serial|SCANNER", help="the wire, or a scanner of the settings")
    parser.add_argument("where", nargs="?", metavar="WHERE", help="HOST:PORT, :PORT or the serial port")
    parser.add_argument("--baud", type=int, choices=BAUDS, metavar="BAUD", default=9600, help="of a serial port (9600)")
    parser.add_argument("--parity", choices=("none", "even", "odd"), default="none", help="of a serial port (none)")
    parser.add_argument("--settings", type=Path, default=DEFAULT_FILE, metavar="FILE", help="default: %(default)s")
    parser.add_argument("--for", dest="for_s", type=duration, metavar="TIME", help="end after 10s, 5m, 1h")
    parser.add_argument("--json", action="store_true", help="one JSON object at the end and nothing else")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    from agent.scans.privacy import forbid_core_images
    from agent.trial.connection import TakenError, UnreachableError, opened

    forbid_core_images()
    lang = chosen_language(args.lang, sys.stdout)
    try:
        wire, way = _wanted(args, lang)
        connection = opened(wire)
    except _RefusedError as refused:
        return _complain(args, str(refused), refused.status)
    except TakenError:
        return _complain(args, _word("scan_test_taken", lang, where=_title(args)), EXIT_TAKEN)
    except UnreachableError as fault:
        said = "scan_test_refused" if "refused" in str(fault) else "scan_test_unreachable"
        return _complain(args, _word(said, lang, where=_title(args), reason=fault), 1)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as of timeout(1): what was seen is told
    try:
        return _Trial(args, lang, wire, way).run(connection)
    finally:
        connection.close()


class _RefusedError(Exception):
    """What was asked for cannot be understood; the text says why."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class _Trial:
    """One run of the verb."""

    def __init__(self, args: argparse.Namespace, lang: Language, wire: ScannerWire, way: Way | None) -> None:
        from agent.trial.findings import Findings

        self._args, self._wire = args, wire
        self._lang: Language = lang
        self._found = Findings(way)
        self._live = sys.stdout.isatty() and not args.json
        self._recent: deque[str] = deque(maxlen=_RECENT)
        self._second, self._said = -1, 0

    def run(self, connection: Connection) -> int:
        """Listen until the time is over, the other end is gone or Ctrl-C; then conclude."""
        from agent.clock import boot_seconds

        if not self._args.json:
            say(_word("scan_test_opened", self._lang, where=_title(self._args)))
        began_s = boot_seconds()
        with suppress(KeyboardInterrupt):
            self._listen(connection, began_s)
        self._tell(self._found.pause(), boot_seconds() - began_s)
        self._conclude(boot_seconds() - began_s)
        return 0 if self._found.counts else 1

    def _listen(self, connection: Connection, began_s: float) -> None:
        """Until the time is over, or the other end is gone for good."""
        from agent.clock import boot_seconds

        until_s = began_s + (self._args.for_s or math.inf)
        with _screen() if self._live else nullcontext() as screen:
            while (now_s := boot_seconds()) < until_s:
                octets = connection.read(min(_WAIT_S, until_s - now_s))
                self._take(octets, boot_seconds() - began_s)
                if octets is None and not connection.comes_again:
                    return
                if screen is not None:
                    screen.update("\n".join([*self._rows(now_s - began_s), "", *self._recent]), refresh=True)

    def _take(self, octets: bytes | None, at_s: float) -> None:
        """What came; b"" where nothing comes for now, None where the other end is gone."""
        if octets:
            self._tell(self._found.hear(octets, int(1000 * at_s)), at_s)
            return
        self._tell(self._found.pause() if octets is not None else self._found.cut(), at_s)
        if octets is None:
            self._say_ended()

    def _tell(self, lines: list[Seen], at_s: float) -> None:
        for seen in lines:
            line = f"{at_s:7.1f} s  {_word(f'scan_{seen.column}', self._lang)}  {seen.shown}"
            self._recent.append(line)
            if not (self._live or self._args.json) and self._may_say(int(at_s)):
                say(line)

    def _may_say(self, second: int) -> bool:
        """Some lines of each second: more nobody reads."""
        if second != self._second:
            self._second, self._said = second, 0
        self._said += 1
        return self._said <= _SAID_A_SECOND

    def _say_ended(self) -> None:
        if not self._args.json:
            say(_word("scan_test_ended", self._lang, where=_title(self._args)))

    def _conclude(self, seconds: float) -> None:
        from agent.trial.report import as_json, to_paste

        paste = _head(self._args, self._lang) + to_paste(self._wire, self._found.guess)
        if self._args.json:
            say(json.dumps(as_json(_title(self._args), seconds, self._found, paste), ensure_ascii=False))
            return
        say("\n" + "\n".join(self._rows(seconds)))
        if self._found.guess is not None:
            say(f"\n{_word('scan_test_paste', self._lang)}\n\n{paste}")

    def _rows(self, seconds: float) -> list[str]:
        from agent.trial.report import in_words
        from drivers.scan_guess import FIELDS_MOST

        if not self._found.octets:
            return [_word("scan_test_nothing", self._lang)]
        rows = list(in_words(self._found, seconds, self._lang))
        if not rows and (fields := self._found.fields_too_many):
            return [_word("scan_test_fields", self._lang, fields=fields, most=FIELDS_MOST)]
        if not rows:
            return [_word("scan_test_no_line", self._lang, octets=self._found.octets)]
        width = max(columns(title) for title, _ in rows) + 2
        return [f"{title}{' ' * (width - columns(title))}{text}" for title, text in rows]


def _screen() -> Live:
    from rich.console import Console
    from rich.live import Live

    return Live(console=Console(markup=False, highlight=False), auto_refresh=False, transient=True)


# --- what was asked for ---


def _wanted(args: argparse.Namespace, lang: Language) -> tuple[ScannerWire, Way | None]:
    """The wire, and where settings tell it the framing. Raises _RefusedError."""
    if args.how not in _WIRES:
        return _of_settings(args, lang)
    if not args.where:
        raise _RefusedError(_word("scan_test_wrong_where", lang, file=args.settings), EXIT_USAGE)
    if args.how == "serial":
        return ScannerSerial(args.where, args.baud, args.parity, 1), None
    host, _, port = args.where.rpartition(":")
    host = host.strip("[]") or ("0.0.0.0" if args.how == "listen" else "")  # noqa: S104, any card the scanner is on
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise _RefusedError(_word("scan_test_wrong_where", lang, file=args.settings), EXIT_USAGE)
    return (ScannerListen if args.how == "listen" else ScannerDial)(host, int(port)), None


def _of_settings(args: argparse.Namespace, lang: Language) -> tuple[ScannerWire, Way | None]:
    from agent.scans.counting import highest_chute, highest_lane
    from agent.trial.findings import Way
    from drivers.scanner import framing

    report = checked(args.settings)
    if [fault.code for fault in report.faults] == [_NO_FILE]:
        raise _RefusedError(_word("scan_test_wrong_where", lang, file=args.settings), EXIT_USAGE)
    if report.settings is None:
        raise _RefusedError(_word("scan_test_faults", lang, file=args.settings), EXIT_FAULTS)
    scanners = {scanner.id: scanner for scanner in report.settings.scanners}
    if args.how not in scanners:
        known = ", ".join(scanners) or "–"
        text = _word("scan_test_unknown", lang, scanner=args.how, file=args.settings, known=known)
        raise _RefusedError(text, EXIT_USAGE)
    scanner = scanners[args.how]
    return scanner.wire, Way(framing(scanner), highest_lane(scanner), highest_chute(scanner))


def _title(args: argparse.Namespace) -> str:
    return " ".join(filter(None, (args.how, args.where)))


def _head(args: argparse.Namespace, lang: Language) -> str:
    name = args.how if args.how not in _WIRES else "tunnel-1"
    return f'[scanner.{name}]\nline = ""   # {_word("scan_test_its_line", lang)}\n'


def _word(name: str, lang: Language, **values: object) -> str:
    return messages.word(name, lang, **values)


def _complain(args: argparse.Namespace, text: str, status: int) -> int:
    if args.json:
        print(json.dumps({"error": text}, ensure_ascii=False))
    else:
        say_wrong("scan-test", text)
    return status
