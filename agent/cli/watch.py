"""Show what a bureau sees on a broker: every site's lines, their totals, load and quality, as the messages arrive.

On a terminal a live table, elsewhere one line a message; --json gives one JSON object a message, and with
--once one object for everything. Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from agent.cli.check import add_language, chosen_language
from config.messages import word

if TYPE_CHECKING:
    from agent.bureau.board import Board
    from agent.bureau.subscriber import Subscriber
    from agent.bureau.view import Heard
    from agent.uplink.credentials import Login

_ONCE_S = 60.0
_REDRAW_S = 0.5
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="the broker (127.0.0.1)")
    parser.add_argument("--port", type=int, help="its port (1883, with TLS 8883)")
    parser.add_argument("--tls", action="store_true", help="speak TLS; needs --ca")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="the CA that the broker's certificate must come from")
    parser.add_argument("--username")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="mode 0600 or 0640")
    parser.add_argument("--site", default="+/+/+", type=_site, metavar="PROV/CITY/SITE", help="only this site")
    parser.add_argument("--once", action="store_true", help="end after the first report of a line")
    parser.add_argument("--for", dest="for_s", type=_seconds, metavar="TIME", help="end after 10s, 5m, 1h")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    from agent.uplink.connection import RefusedError
    from agent.uplink.credentials import CredentialError

    if (wrong := _contradiction(args)) is not None:
        print(f"hubpulse watch: {wrong}", file=sys.stderr)
        return 2
    try:
        return _Watch(args).run()
    except (RefusedError, CredentialError) as error:
        print(f"hubpulse watch: {args.host}:{_port(args)}: {error}{_advice(args, error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _advice(args: argparse.Namespace, error: Exception) -> str:
    """The next step where no broker answers."""
    if "refused" not in str(error).lower():
        return ""
    return "\n" + word("no_broker_there", chosen_language(args.lang, sys.stderr))


def _contradiction(args: argparse.Namespace) -> str | None:
    if args.tls and args.ca is None:
        return "--tls needs --ca FILE: the bureau's own CA, no other is trusted"
    if args.password_file is not None and args.username is None:
        return "--password-file needs --username"
    if args.password_file is not None and args.ca is None and args.host not in _LOOPBACK:
        return "a password goes over TLS only; add --ca FILE"
    return None


class _Watch:
    """One run of the verb. Messages come from the subscriber's thread through a queue; only this thread prints."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._heard: SimpleQueue[Heard] = SimpleQueue()

    def run(self) -> int:
        from agent.bureau.board import Board
        from agent.clock import boot_seconds

        limit_s = self._args.for_s or (_ONCE_S if self._args.once else None)
        with _subscriber(self._args, self._heard) as subscriber:
            lang = chosen_language(self._args.lang, sys.stdout)
            board = Board(lang, f"{self._args.host}:{_port(self._args)}", subscriber.version)
            until_s = None if limit_s is None else boot_seconds() + limit_s
            if sys.stdout.isatty() and not self._args.json and not self._args.once:
                return self._draw(subscriber, board, until_s)
            return self._print(subscriber, board, until_s)

    def _draw(self, subscriber: Subscriber, board: Board, until_s: float | None) -> int:
        from rich.console import Console
        from rich.live import Live

        from agent.clock import boot_seconds

        with Live(console=Console(), auto_refresh=False) as live:
            while until_s is None or boot_seconds() < until_s:
                live.update(subscriber.read(lambda view: board.table(view, boot_seconds())), refresh=True)
                redraw_s = boot_seconds() + _REDRAW_S
                while (heard := self._next(redraw_s - boot_seconds())) is not None:
                    board.note(heard, boot_seconds())
        return 0

    def _print(self, subscriber: Subscriber, board: Board, until_s: float | None) -> int:
        from agent.clock import boot_seconds

        while until_s is None or boot_seconds() < until_s:
            heard = self._next(_REDRAW_S if until_s is None else min(_REDRAW_S, until_s - boot_seconds()))
            if heard is None:
                continue
            board.note(heard, boot_seconds())
            if not self._args.once:
                self._say(board, heard)
            elif heard.tail.endswith("/telemetry"):
                self._say_all(subscriber, board)
                return 0
        return 1 if self._args.once else 0

    def _next(self, timeout_s: float) -> Heard | None:
        try:
            return self._heard.get(timeout=max(0.0, timeout_s))
        except Empty:
            return None

    def _say(self, board: Board, heard: Heard) -> None:
        if self._args.json:
            _print_json({"site": heard.site, "topic": heard.tail, "payload": heard.fields})
        else:
            print(board.sentence(heard), flush=True)

    def _say_all(self, subscriber: Subscriber, board: Board) -> None:
        from rich.console import Console

        from agent.bureau.board import picture
        from agent.clock import boot_seconds

        if self._args.json:
            _print_json(subscriber.read(picture))
        else:
            Console().print(subscriber.read(lambda view: board.table(view, boot_seconds())))


def _subscriber(args: argparse.Namespace, heard: SimpleQueue[Heard]) -> Subscriber:
    from agent.bureau.subscriber import Subscriber
    from config.settings import Tls

    tls = None if args.ca is None else Tls(args.ca, None, None)
    return Subscriber(args.host, _port(args), tls=tls, login=_login(args), site=args.site, listener=heard.put)


def _login(args: argparse.Namespace) -> Login | None:
    from agent.uplink.credentials import Login, secret

    if args.username is None:
        return None
    return Login(args.username, None if args.password_file is None else secret(args.password_file))


def _port(args: argparse.Namespace) -> int:
    return int(args.port or (1883 if args.ca is None else 8883))


def _print_json(value: object) -> None:
    """ASCII only, so that whatever a payload holds, a terminal gets no control characters of it."""
    print(json.dumps(value, separators=(",", ":")), flush=True)


def _seconds(text: str) -> float:
    unit = text[-1:] if text[-1:] in _UNITS_S else ""
    try:
        seconds = float(text.removesuffix(unit)) * _UNITS_S[unit or "s"]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 10s, 5m or 1h") from None
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 10s, 5m or 1h")
    return seconds


def _site(text: str) -> str:
    levels = text.split("/")
    if len(levels) != 3 or not all(level == "+" or level.replace("-", "").isalnum() for level in levels):
        raise argparse.ArgumentTypeError(f"{text!r} is not PROV/CITY/SITE, as in 44/4401/gz-baiyun or 44/+/+")
    return text
