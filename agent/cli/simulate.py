"""Serve every Modbus device and scanner of a site without hardware: its counters move like parcels in a working day.

Writes DIR/hubpulse.toml, the same settings with the addresses of the twin, and listens for commands on
DIR/twin.sock, one JSON object a line. While it runs, tell it what shall happen:

  hubpulse simulate --at DIR --tell unplug bus=panel
  hubpulse simulate --at DIR --tell reset device=sorter clean=true
  hubpulse simulate --at DIR --tell burst scanner=tunnel-1 parcels=5000
  hubpulse simulate --at DIR --tell truth
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.twin.site import Twin
    from config.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("site", nargs="?", type=Path, metavar="SITE.toml", help="the settings whose devices are played")
    parser.add_argument("--at", type=Path, metavar="DIR", help="where settings, lines and socket go (a temporary one)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same day (1)")
    parser.add_argument("--speed", type=_speed, default=1.0, help="how much faster than the clock the day runs (1)")
    parser.add_argument("--day", choices=("normal", "peak"), default="normal", help="peak brings 1.4 times as much")
    parser.add_argument("--frozen", action="store_true", help='no parcel moves until {"do": "go"}')
    parser.add_argument("--broker", type=_broker, metavar="HOST:PORT", help="write this broker instead, without TLS")
    parser.add_argument("--spool", type=Path, metavar="DIR", help="write this spool directory instead")
    parser.add_argument("--tell", nargs="+", metavar="WORD", help="say a command to the twin that runs in --at")


def run(args: argparse.Namespace) -> int:
    from config import ConfigError, load

    if args.tell:
        return _tell(args.at or Path(), args.tell)
    if args.site is None:
        print("hubpulse simulate: name the settings whose devices are played", file=sys.stderr)
        return 2
    try:
        settings = load(args.site)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 78
    with ExitStack() as stack:
        folder = args.at or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hubpulse-twin-")))
        try:
            asyncio.run(_simulate(args, settings, folder.absolute()))
        except (OSError, ValueError) as error:
            print(f"hubpulse simulate: {error}", file=sys.stderr)
            return 1
    return 0


def _tell(folder: Path, words: list[str]) -> int:
    from agent.twin.commands import CommandError
    from agent.twin.control import SOCKET, Remote

    try:
        with Remote(folder / SOCKET) as twin:
            print(json.dumps(twin.ask(words[0], **_named(words[1:])), ensure_ascii=False))
    except (CommandError, OSError) as error:
        print(f"hubpulse simulate: {error}", file=sys.stderr)
        return 1
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
    from agent.twin.serve import Play, serve
    from agent.twin.site import Scenario

    folder.mkdir(parents=True, exist_ok=True)
    scenario = Scenario(args.seed, args.speed, args.day, running=not args.frozen)
    await serve(Play(args.site, settings, scenario, _changes(args)), folder, _say_ready)


def _changes(args: argparse.Namespace) -> dict[tuple[str, ...], str | int | bool | None]:
    """What the copied settings say of the broker and the spool."""
    changes: dict[tuple[str, ...], str | int | bool | None] = {}
    if args.broker:
        host, port = args.broker
        changes |= {("bureau", "host"): host, ("bureau", "port"): port, ("bureau", "tls"): False}
        changes |= dict.fromkeys([("bureau", key) for key in ("username", "password_file", "password_credential")])
    if args.spool:
        changes["spool", "directory"] = str(args.spool.absolute())
    return changes


def _say_ready(twin: Twin, settings_copy: Path) -> None:
    pace = f"speed {twin.pace.speed:g}" if twin.pace.running else "frozen"
    print(f"twin of {twin.settings.site.id}, {pace}")
    for bus, wire in twin.wires.items():
        units = ", ".join(f"{one.id} (unit {one.unit})" for one in twin.settings.devices if one.bus == bus)
        print(f"  {bus:<16} {wire.address:<28} {units}")
    for scanner in twin.settings.scanners:
        print(f"  {scanner.id:<16} {twin.scanners.plays[scanner.id].port.address:<28} scans of {scanner.line}")
    print(f"  {'commands':<16} {settings_copy.parent / 'twin.sock'}")
    print(f"ready: hubpulse run {settings_copy}", flush=True)


def _speed(text: str) -> float:
    speed = float(text)
    if not 0.01 <= speed <= 1000.0:
        raise argparse.ArgumentTypeError("from 0.01 to 1000")
    return speed


def _broker(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError("HOST:PORT, like 127.0.0.1:1883")
    return host.strip("[]"), int(port)
