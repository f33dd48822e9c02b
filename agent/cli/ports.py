"""Show the serial ports of this machine: the name to write into settings, the adapter, who holds it, what will bite.

  hubpulse ports
  hubpulse ports --watch        pull an adapter and plug it in again: which line goes and comes is the one

As root it sees every program that holds a port; otherwise those of its own user only.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent.cli.quantities import duration
from agent.cli.speech import add_language, chosen_language, say
from agent.clock import boot_seconds
from agent.commission.access import user
from agent.commission.ports import Port, Roots, ports
from agent.control import ControlError, default_socket
from agent.control.remote import Remote
from config import messages
from config.messages import Language

_LOOK_S = 0.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="tell what is plugged in and pulled, until Ctrl-C")
    parser.add_argument("--for", dest="for_s", type=duration, metavar="TIME", help="end --watch after 10s, 5m, 1h")
    parser.add_argument("--json", action="store_true", help="one JSON list and nothing else")
    parser.add_argument(
        "--control", type=Path, default=default_socket(), metavar="SOCKET", help="of the running agent (%(default)s)"
    )
    for root in ("sys", "dev", "proc"):
        parser.add_argument(f"--{root}", type=Path, default=Path("/", root), help=argparse.SUPPRESS)
    add_language(parser)


def run(args: argparse.Namespace) -> int:
    lang = chosen_language(args.lang, sys.stdout)
    roots = Roots(args.sys, args.dev, args.proc)
    found = ports(roots)
    buses = _buses(args.control)
    if args.json:
        said = [_as_json(port, buses.get(os.path.realpath(port.device))) for port in found]
        say(json.dumps(said, ensure_ascii=False, indent=2))
        return 0 if found else 1
    blocks = ["\n".join(_rows(port, buses.get(os.path.realpath(port.device)), lang)) for port in found]
    say("\n\n".join(blocks) if blocks else messages.word("ports_none", lang))
    if os.geteuid() != 0:
        say("\n" + messages.word("ports_not_root", lang))
    if args.watch:
        with suppress(KeyboardInterrupt):
            _watch(roots, boot_seconds() + (args.for_s or math.inf), lang)
    return 0 if found or args.watch else 1


def _watch(roots: Roots, until_s: float, lang: Language) -> None:
    """Tell what comes and goes."""
    known = {port.best: port for port in ports(roots)}
    say("\n" + messages.word("ports_watching", lang))
    while boot_seconds() < until_s:
        time.sleep(_LOOK_S)
        now = {port.best: port for port in ports(roots)}
        for name, port in known.items():
            if name not in now:
                say(messages.word("ports_gone", lang, port=name, device=port.device))
        for name, port in now.items():
            if name not in known:
                say(messages.word("ports_come", lang, port=name, device=port.device))
        known = now


def _buses(control: Path) -> dict[str, str]:
    """Which bus of the running agent each port is, as far as the agent may be asked."""
    try:
        with Remote(control) as agent:
            status = agent.ask("status")
    except (OSError, ControlError):
        return {}
    return {os.path.realpath(bus["port"]): bus["id"] for bus in status["buses"] if "host" not in bus}


def _rows(port: Port, bus: str | None, lang: Language) -> Iterator[str]:
    yield f"{port.device}  {_adapter(port, lang)}  {_holders(port, bus, lang)}"
    yield f"  {messages.word('ports_use', lang)}{port.best}"
    others = [*port.by_path, *port.by_id]
    for name in others:
        if name != port.best:
            yield f"  {messages.word('ports_also', lang)}{name}"
    for trap in port.traps:
        yield "  ! " + messages.word(f"trap_{trap}", lang, **_values(port))


def _adapter(port: Port, lang: Language) -> str:
    said = " ".join(filter(None, (port.maker, port.product))) or port.driver or "–"
    number = f", {messages.word('ports_serial', lang, number=port.serial)}" if port.serial else ""
    return messages.printable(said + number)


def _holders(port: Port, bus: str | None, lang: Language) -> str:
    if bus is not None:
        return messages.word("ports_ours", lang, bus=bus)
    if not port.holders:
        return messages.word("ports_free", lang)
    named = ", ".join(f"{'hubpulse' if one.ours else one.name} (pid {one.pid})" for one in port.holders)
    return messages.word("ports_held", lang, who=named)


def _values(port: Port) -> dict[str, object]:
    return {"device": port.device, "tty": port.device.name, "group": port.group, "user": user(), "usb": port.usb}


def _as_json(port: Port, bus: str | None) -> dict[str, object]:
    return {
        "device": str(port.device),
        "use": str(port.best),
        "by_path": [str(name) for name in port.by_path],
        "by_id": [str(name) for name in port.by_id],
        "driver": port.driver,
        "usb": port.usb,
        "maker": port.maker,
        "product": port.product,
        "serial": port.serial,
        "holders": [{"pid": one.pid, "name": one.name, "hubpulse": one.ours} for one in port.holders],
        "bus": bus,
        "traps": list(port.traps),
    }
