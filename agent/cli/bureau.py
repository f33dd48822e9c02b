"""Be the bureau: keep what the sites publish in a database, know what is missing, and tell from it true totals.

  run      subscribe and keep every message; it is acknowledged to the broker only when it is durable
  totals   what each counter of each site has counted, from everything kept
  gaps     messages that have not come, and those that never will, with the site's reason
  sites    who the sites are: rank, tier, firm, up- and downstream, and who is connected

A store is sqlite:PATH, or postgresql://[USER@]HOST[:PORT]/NAME (its password stands in ~/.pgpass).
With --receipts this store is the record: sites then free from their disks what it has, and it asks them for
what is missing. Never give receipts for a store that you mean to throw away.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from typing import TYPE_CHECKING

from agent.cli import broker_options
from agent.cli.quantities import duration, whole
from agent.cli.speech import add_language, chosen_language, say, say_wrong
from agent.cli.which_sites import Sites, add_sites, one_site
from config.messages import Language, reason, word

if TYPE_CHECKING:
    from agent.bureau.consumer import Worker
    from agent.bureau.feedback import Desk, Publish
    from agent.bureau.store import Opener, Store

_SAY_S = 10.0
_CIRCLES = 300
"""Of each message that it hears paho leaves a circle of six objects, a kilobyte with the parts of the topic
(`rec` in MQTTMatcher.iter_match): looked for each fifty messages it never grows to a burst of a backlog."""
_STORE = "sqlite:bureau.db"
_TOTALS = (
    "What each counter of each site has counted, from everything kept; where it is not exact, between what and what."
)
_GAPS = (
    "Messages that have not come, and those that never will, with the site's reason. Exit code 1 while one may come, "
    "and where nothing is kept yet."
)
_MOST_WORKERS = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_language(parser)
    actions = parser.add_subparsers(dest="action", required=True, metavar="run | totals | gaps | sites")
    running = actions.add_parser("run", help="subscribe and keep", description=__doc__)
    _add_running(running)
    totals = actions.add_parser("totals", help="what each counter has counted", description=_TOTALS)
    gaps = actions.add_parser("gaps", help="what is missing; exit code 1 while something may still come")
    gaps.description = _GAPS
    sites = actions.add_parser("sites", help="who the sites are, by the newest word of each, and who is connected")
    totals.add_argument("--by", choices=("province", "city", "site"), help="add up all of a place, by role")
    gaps.add_argument(
        "--write-off", type=one_site, metavar="PROV/CITY/SITE", help="a site that is gone for good: wait for it no more"
    )
    for action in (totals, gaps, sites):
        add_sites(action)
    for action in (running, totals, gaps, sites):
        action.add_argument(
            "--store", metavar="STORE", default=_STORE, help="sqlite:PATH or postgresql://HOST/NAME (%(default)s)"
        )
        action.add_argument("--json", action="store_true", help="JSON instead of text")
        add_language(action)


def _add_running(running: argparse.ArgumentParser) -> None:
    broker_options.add_broker(running)
    broker_options.add_duration(running)
    running.add_argument(
        "--name", metavar="NAME", default="hubpulse-bureau", help="client id at the broker (%(default)s); keep it"
    )
    running.add_argument("--share", metavar="GROUP", help="share the messages with all workers of this group")
    running.add_argument(
        "--workers",
        type=whole(1, _MOST_WORKERS),
        default=1,
        metavar="N",
        help="threads, each with its own connection; needs --share",
    )
    running.add_argument("--receipts", action="store_true", help="this store is the record: sites free what it has")
    running.add_argument("--receipt-every", type=duration, default=10.0, metavar="TIME", help="at most so often (10s)")
    running.add_argument(
        "--resend-after", type=duration, default=60.0, metavar="TIME", help="ask for a gap so old (60s)"
    )


def run(args: argparse.Namespace) -> int:
    from agent.bureau.connection import BarredError, StoreError
    from agent.bureau.databases import AddressError, kept_at, opener
    from agent.uplink.connection import RefusedError
    from agent.uplink.credentials import CredentialError

    try:
        open_store = opener(args.store)
        if args.action != "run" and not kept_at(args.store):
            return _wrong(word("bureau_no_store", _lang(args), store=args.store), os.EX_NOINPUT)
        return _run(args, open_store) if args.action == "run" else _listed(args, open_store())
    except AddressError as error:
        return _wrong(reason(error, _lang(args)), 2)
    except BarredError as error:
        return _wrong(word("bureau_barred", _lang(args), store=args.store, reason=error), os.EX_NOPERM)
    except StoreError as error:
        return _wrong(f"{args.store}: {reason(error, _lang(args))}", 1)
    except (RefusedError, CredentialError) as error:
        return _wrong(broker_options.unreachable(args, error), 1)


def _listed(args: argparse.Namespace, store: Store) -> int:
    """What is kept, as was asked; 1 where it is nothing at all or nothing of these sites: then nothing is in order."""
    if store.is_empty:
        if args.json:
            _show(args, store)
        return _wrong(word("bureau_empty", _lang(args), store=args.store), 1)
    wanted, known = _wanted(args), store.sites()
    if any(site in wanted for site in known):
        return _show(args, store)
    if args.json:
        _show(args, store)
    kept = ", ".join(wanted.alike(known))
    return _wrong(word("bureau_no_such_site", _lang(args), site=str(wanted), kept=kept), 1)


def _wanted(args: argparse.Namespace) -> Sites:
    """The sites that are meant, or the one that is to be written off."""
    one: str | None = getattr(args, "write_off", None)
    return args.site if one is None else Sites(tuple(one.split("/")))


def _show(args: argparse.Namespace, store: Store) -> int:
    if args.action == "sites":
        from agent.cli.bureau_sites import listed

        return listed(store, _lang(args), args.site, as_json=args.json)
    if args.action == "gaps":
        from agent.cli.bureau_gaps import listed as gaps

        if args.write_off is not None:
            return _write_off(args, store)
        return gaps(store, args.store, _lang(args), args.site, as_json=args.json)
    from agent.cli.bureau_totals import listed as totals

    return totals(store, _lang(args), args.site, args.by, as_json=args.json)


def _wrong(sentence: str, status: int) -> int:
    say_wrong("bureau", sentence)
    return status


def _run(args: argparse.Namespace, open_store: Opener) -> int:
    from agent import footprint, log

    wrong = broker_options.contradiction(args)
    if wrong is None and args.workers > 1 and args.share is None:
        wrong = word("bureau_workers_share", _lang(args))
    if wrong is not None:
        return _wrong(wrong, 2)
    log.start()
    footprint.keep_little()
    open_store().close()  # the tables are there, or the reason is told, before anything is received
    workers = [_worker(args, open_store, number) for number in range(1, args.workers + 1)]
    ended = threading.Event()
    try:
        for worker in workers:
            worker.start()
        footprint.settle(_CIRCLES)
        _follow(args, workers, ended)
    except KeyboardInterrupt:
        pass
    finally:
        connected = sum(worker.progress.connected for worker in workers)  # when they stop they all hang up
        for worker in workers:
            worker.stop()
    _say_progress(args, workers, connected)
    return _left(args, workers)


def _left(args: argparse.Namespace, workers: list[Worker]) -> int:
    """1, and why, where the broker never let a worker in: then nothing was kept."""
    outside = next((worker for worker in workers if not worker.visits.was_let_in), None)
    if outside is None:
        return 0
    broker, why = f"{args.host}:{broker_options.port(args)}", outside.progress.connection_fault or "no answer"
    return _wrong(word("bureau_not_let_in", _lang(args), broker=broker, reason=reason(why, _lang(args))), 1)


def _worker(args: argparse.Namespace, open_store: Opener, number: int) -> Worker:
    from agent.bureau.consumer import Worker, filters
    from agent.bureau.feedback import Desk
    from agent.bureau.reception import BrokerAddress

    name = args.name if number == 1 else f"{args.name}-{number}"
    tls, login = broker_options.tls(args), broker_options.login(args)
    address = BrokerAddress(args.host, broker_options.port(args), name, tls, login)

    def desk(store: Store, publish: Publish) -> Desk:
        return Desk(store, publish, receipt_s=args.receipt_every, grace_s=args.resend_after)

    return Worker(address, filters(args.site, args.share), open_store, desk if args.receipts else None)


def _follow(args: argparse.Namespace, workers: list[Worker], ended: threading.Event) -> None:
    """Say how it goes until the time is over, or a worker is dead."""
    from agent.clock import boot_seconds
    from agent.footprint import Sweep

    sweep = Sweep()
    until_s = boot_seconds() + (args.for_s or float("inf"))
    while (left_s := until_s - boot_seconds()) > 0 and not any(worker.is_dead for worker in workers):
        ended.wait(min(_SAY_S, left_s))
        sweep.advance(boot_seconds())
        if until_s - boot_seconds() > 0:
            _say_progress(args, workers, sum(worker.progress.connected for worker in workers))


def _say_progress(args: argparse.Namespace, workers: list[Worker], connected: int) -> None:
    parts = [worker.progress for worker in workers]
    figures: dict[str, object] = {
        name: sum(getattr(part, name) for part in parts) for name in ("new", "repeated", "rejected", "conflicts")
    }
    figures["connected"] = connected
    if args.json:
        print(json.dumps(figures | {"workers": len(parts)}), flush=True)
    else:
        say(word("bureau_progress", _lang(args), workers=len(parts), **figures))


def _write_off(args: argparse.Namespace, store: Store) -> int:
    """What is missing of one site is not waited for any more; 0, also where nothing was."""
    from agent.cli.bureau_gaps import numbers

    lang, holes = _lang(args), store.write_off(args.write_off)
    if args.json:
        print(
            json.dumps({"written_off": [{"site": hole.site, "epoch": hole.epoch, "gaps": hole.gaps} for hole in holes]})
        )
        return 0
    for hole in holes:
        for first, last in hole.gaps:
            say(word("bureau_written_off", lang, site=hole.site, epoch=hole.epoch, numbers=numbers(first, last, lang)))
    say(word("bureau_written_off_all" if holes else "bureau_whole", lang))
    return 0


def _lang(args: argparse.Namespace) -> Language:
    return chosen_language(args.lang, sys.stdout)
