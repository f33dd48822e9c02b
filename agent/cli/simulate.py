"""Serve every device, scanner and locker of a site without hardware: its counters move like parcels in a working day.

Writes DIR/hubpulse.toml, the same settings with the addresses of the twin, and listens for commands on
DIR/twin.sock, one JSON object a line. The copy leads to a broker on this machine, without TLS and login, and its
spool lies in DIR: simulated counts never reach the real bureau. `--day typhoon --from 13:00 --speed 60` plays the hours
in which mains go and water comes; contacts and gauges of [input.*] show it. While it runs, tell it what shall happen:

  hubpulse simulate --at DIR --tell unplug bus=panel
  hubpulse simulate --at DIR --tell plug bus=panel
  hubpulse simulate --at DIR --tell reset device=sorter clean=true
  hubpulse simulate --at DIR --tell burst scanner=tunnel-1 parcels=5000
  hubpulse simulate --at DIR --tell door locker=west compartment=7 closed=false
  hubpulse simulate --at DIR --tell truth
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.check import EXIT_FAULTS, EXIT_NO_FILE
from agent.cli.quantities import whole
from agent.cli.speech import add_language, chosen_language, say_wrong, spoken
from agent.cli.typed import hubpulse
from agent.control import SOCKET
from agent.twin.script import KINDS, OPENS_H
from config.faults import columns
from config.hosts import is_loopback
from config.messages import Language, reason, typed, word

if TYPE_CHECKING:
    from agent.twin.site import Twin
    from config.settings import Settings

_EXIT_TAKEN = 75
_SLOWEST, _FASTEST = 0.01, 1000
_BROKER = ("127.0.0.1", 1883)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from agent.twin.commands import usage
    from agent.twin.deeds import COMMANDS

    lines = "\n".join(f"  {usage(name)}" for name in COMMANDS)
    parser.epilog = f"{typed('what --tell can say ([...] may be left out):', spoken())}\n{lines}"
    parser.add_argument("site", nargs="?", type=Path, metavar="SITE.toml", help="the settings whose devices are played")
    parser.add_argument("--at", type=Path, metavar="DIR", help="where settings, lines and socket go (a temporary one)")
    parser.add_argument(
        "--seed", type=whole(0, 999_999_999), metavar="N", default=1, help="the same seed gives the same day (1)"
    )
    parser.add_argument(
        "--speed", type=speed, metavar="N", default=1.0, help="how much faster than the clock the day runs (1)"
    )
    parser.add_argument("--day", choices=KINDS, default="normal", help="what the day brings (normal)")
    parser.add_argument(
        "--from", type=since_opening, default=0.0, dest="begin_s", metavar="HH:MM", help="its time of day (09:00)"
    )
    parser.add_argument("--frozen", action="store_true", help="no parcel moves until --tell go")
    parser.add_argument("--broker", type=_broker, metavar="HOST:PORT", help="the broker in the copy (127.0.0.1:1883)")
    parser.add_argument("--spool", type=Path, metavar="DIR", help="the spool in the copy (DIR/spool)")
    parser.add_argument("--tell", nargs="+", metavar="WORD", help="say a command to the twin that runs in --at")
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    from config import ConfigError, load

    if args.tell:
        return _tell(args, args.at or Path())
    if args.site is None:
        return _fail(args, 2, "twin_no_site")
    if not args.site.exists():
        return _fail(args, EXIT_NO_FILE, "no_such_file", file=args.site)
    try:
        settings = load(args.site)
    except ConfigError as error:
        print(error.render(chosen_language(args.lang, sys.stderr)), file=sys.stderr)
        return EXIT_FAULTS
    return _play(args, settings)


def _play(args: argparse.Namespace, settings: Settings) -> int:
    from agent.twin.serve import TakenError

    with ExitStack() as stack:
        folder = args.at or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hubpulse-twin-")))
        try:
            asyncio.run(_simulate(args, settings, folder.absolute()))
        except TakenError:
            return _fail(args, _EXIT_TAKEN, "twin_taken", folder=folder)
        except (OSError, ValueError) as error:
            return _give_up(args, error)
    return 0


def _give_up(args: argparse.Namespace, error: Exception) -> int:
    say_wrong("simulate", reason(error, chosen_language(args.lang, sys.stderr)))
    return 1


def _fail(args: argparse.Namespace, status: int, name: str, **values: object) -> int:
    said = word(name, chosen_language(args.lang, sys.stderr), hubpulse=hubpulse(), **values)
    say_wrong("simulate", said)
    return status


def _tell(args: argparse.Namespace, folder: Path) -> int:
    from agent.twin.command_words import CommandError
    from agent.twin.control import SOCKET, Remote

    try:
        with Remote(folder / SOCKET) as twin:
            print(json.dumps(twin.ask(args.tell[0], **_named(args.tell[1:])), ensure_ascii=False))
    except (FileNotFoundError, ConnectionRefusedError):
        return _fail(args, 1, "twin_absent", folder=folder)
    except (CommandError, OSError) as error:
        return _give_up(args, error)
    return 0


def _named(pairs: list[str]) -> dict[str, object]:
    """`name=value` words; a value that is no JSON is a text."""
    named: dict[str, object] = {}
    for name, _, value in (pair.partition("=") for pair in pairs):
        try:
            named[name] = json.loads(value)
        except ValueError:
            named[name] = value
    return named


async def _simulate(args: argparse.Namespace, settings: Settings, folder: Path) -> None:
    from agent.twin.serve import Play, alone_in, serve
    from agent.twin.site import Scenario

    folder.mkdir(parents=True, exist_ok=True)
    scenario = Scenario(args.seed, args.speed, args.day, not args.frozen, args.begin_s)
    with alone_in(folder):
        _say_what(args, settings.site.id)
        await serve(Play(args.site, settings, scenario, _changes(args, folder)), folder, partial(_say_ready, args))


def _changes(args: argparse.Namespace, folder: Path) -> dict[tuple[str, ...], str | int | bool | None]:
    """What the copied settings say of the broker and the spool: never the real ones by themselves."""
    host, port = args.broker or _BROKER
    logins: list[tuple[str, ...]] = [
        ("bureau", key) for key in ("username", "password_file", "password_credential", "cert_file", "key_file")
    ]
    return {
        **dict.fromkeys(logins),
        ("bureau", "host"): host,
        ("bureau", "port"): port,
        ("bureau", "tls"): False,
        ("spool", "directory"): str(_spool(args, folder)),
    }


def _spool(args: argparse.Namespace, folder: Path) -> Path:
    return Path(args.spool or folder / "spool").absolute()


def _say_what(args: argparse.Namespace, site: str) -> None:
    """Before the day is played up to its time, which takes long on a small machine."""
    name = "twin_site_frozen" if args.frozen else "twin_site"
    hour, minute = divmod(round(args.begin_s / 60 + 60 * OPENS_H), 60)
    said = {"day": args.day, "time": f"{hour % 24:02}:{minute:02}", "speed": f"{args.speed:g}"}
    print(word(name, chosen_language(args.lang, sys.stdout), site=site, **said), flush=True)


def _say_ready(args: argparse.Namespace, twin: Twin, settings_copy: Path) -> None:
    lang, folder = chosen_language(args.lang, sys.stdout), settings_copy.parent
    print("\n".join(_places(twin, folder, lang)))
    broker, port = ":".join(map(str, args.broker or _BROKER)), (args.broker or _BROKER)[1]
    print(word("twin_changed", lang, file=settings_copy.name, broker=broker, spool=_spool(args, folder)))
    if not args.broker:
        print(word("twin_broker_default", lang))
    agent = {"hubpulse": hubpulse(), "control": folder / SOCKET}
    print(word("twin_ready", lang, file=settings_copy, **agent))
    print(word("twin_next", lang, port=port, folder=folder, **agent), flush=True)


def _places(twin: Twin, folder: Path, lang: Language) -> Iterator[str]:
    """Where each bus and scanner is served, and commands are taken."""
    from agent.twin.control import SOCKET as TWIN_SOCKET

    for bus, wire in twin.wires.items():
        there = [(one.id, one.unit) for one in twin.settings.devices if one.bus == bus]
        there += [(one.id, one.unit) for one in twin.settings.boards if one.bus == bus]
        units = word("comma", lang).join(word("twin_unit", lang, device=name, unit=unit) for name, unit in there)
        yield f"  {bus:<16} {wire.address:<28} {units}"
    for scanner in twin.settings.scanners:
        scans = word("twin_scans", lang, line=scanner.line)
        yield f"  {scanner.id:<16} {twin.scanners.plays[scanner.id].port.address:<28} {scans}"
    name = word("twin_commands", lang)
    yield f"  {name}{' ' * (16 - columns(name))} {folder / TWIN_SOCKET}"


def speed(text: str) -> float:
    """How often as fast as the clock."""
    try:
        times = float(text)
    except ValueError:
        times = 0.0
    if not _SLOWEST <= times <= _FASTEST:
        raise argparse.ArgumentTypeError(word("typed_no_number", spoken(), text=text, low=_SLOWEST, high=_FASTEST))
    return times


def since_opening(text: str) -> float:
    """Seconds of the day, which begins at nine, until this time."""
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
    if not found:
        raise argparse.ArgumentTypeError(word("typed_no_time_of_day", spoken(), text=text))
    return (3600.0 * (int(found[1]) - OPENS_H) + 60.0 * int(found[2])) % 86_400.0


def _broker(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(word("typed_no_address", spoken(), text=text))
    if not is_loopback(host.strip("[]")):  # the copy speaks without TLS and login, and would be refused
        raise argparse.ArgumentTypeError(word("typed_far_broker", spoken(), text=text))
    return host.strip("[]"), int(port)
