"""Show what a bureau sees on a broker: every site's lines, their totals, load and quality, as the messages arrive.

On a terminal a live table, elsewhere one line a message; --json gives one JSON object a message, and with
--once one object for everything. Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from agent.cli import broker_options
from agent.cli.speech import add_language, chosen_language, say_wrong
from config.messages import Language, word

if TYPE_CHECKING:
    from agent.bureau.board import Board
    from agent.bureau.subscriber import Subscriber
    from agent.bureau.view import Heard

_ONCE_S = 75.0
"""On ordinary days a line reports each minute."""

_REDRAW_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    broker_options.add_broker(parser)
    parser.add_argument("--once", action="store_true", help="end after the first report of a line; 1 when none comes")
    broker_options.add_duration(parser)
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    from agent.uplink.connection import RefusedError
    from agent.uplink.credentials import CredentialError

    if (wrong := broker_options.contradiction(args)) is not None:
        say_wrong("watch", wrong)
        return 2
    try:
        return _Watch(args).run()
    except (RefusedError, CredentialError) as error:
        say_wrong("watch", broker_options.unreachable(args, error))
        return 1
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


class _Watch:
    """One run of the verb. Messages come from the subscriber's thread through a queue; only this thread prints."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._heard: SimpleQueue[Heard] = SimpleQueue()
        self._lang: Language = chosen_language(args.lang, sys.stdout)

    def run(self) -> int:
        from agent.bureau.board import Board
        from agent.clock import boot_seconds

        limit_s = self._limit_s
        with _subscriber(self._args, self._heard) as subscriber:
            board = Board(self._lang, f"{self._args.host}:{broker_options.port(self._args)}", subscriber.version)
            until_s = None if limit_s is None else boot_seconds() + limit_s
            if sys.stdout.isatty() and not self._args.json and not self._args.once:
                return self._draw(subscriber, board, until_s)
            return self._print(subscriber, board, until_s)

    @property
    def _limit_s(self) -> float | None:
        return self._args.for_s or (_ONCE_S if self._args.once else None)

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

        silent = True
        while until_s is None or boot_seconds() < until_s:
            heard = self._next(_REDRAW_S if until_s is None else min(_REDRAW_S, until_s - boot_seconds()))
            if heard is None:
                continue
            silent = False
            board.note(heard, boot_seconds())
            if not self._args.once:
                self._say(board, heard)
            elif heard.tail.endswith("/telemetry"):
                self._say_all(subscriber, board)
                return 0
        return self._ended(silent=silent)

    def _ended(self, *, silent: bool) -> int:
        """The time is over; 1, and what was not heard, where that is what was waited for."""
        if not (silent or self._args.once):
            return 0
        site = word("watch_any_site", self._lang) if self._args.site == broker_options.ANY_SITE else self._args.site
        missed = "watch_silent" if silent else "watch_no_report"
        broker = f"{self._args.host}:{broker_options.port(self._args)}"
        said = word(missed, self._lang, site=site, broker=broker, seconds=f"{self._limit_s:g}")
        say_wrong("watch", said)
        return 1

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

    tls, login = broker_options.tls(args), broker_options.login(args)
    return Subscriber(args.host, broker_options.port(args), tls=tls, login=login, site=args.site, listener=heard.put)


def _print_json(value: object) -> None:
    """ASCII only, so that whatever a payload holds, a terminal gets no control characters of it."""
    print(json.dumps(value, separators=(",", ":")), flush=True)
