"""What a technician means by a name: a locker, the boards of a bus, or boards that stand in no settings yet."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from agent.cli.check import checked
from agent.commission import ComplaintError
from agent.lockers.sight import AgentsSight, OwnSight, Sight
from config import slips
from config.bus_settings import Bus
from config.locker_settings import Board, Compartment, Locker
from config.messages import Word
from config.settings import Settings
from drivers.lockers import language, names

NEW = "new"
"""The id of a locker that is being described."""


def chosen(args: argparse.Namespace) -> tuple[list[Locker], list[Bus]]:
    """The lockers that are meant, and the buses of their boards. Raises ComplaintError where none is."""
    if not args.settings.exists():
        raise ComplaintError("E2626" if os.access(args.control, os.F_OK) else "E2001", 66, file=args.settings)
    settings = checked(args.settings).settings
    if settings is None:
        raise ComplaintError("E2543", 78, file=args.settings)
    lockers = _lockers(args, settings)
    used = {board.bus for locker in lockers for board in locker.boards}
    return lockers, [bus for bus in settings.buses if bus.id in used]


def sight_of(args: argparse.Namespace, lockers: Sequence[Locker], buses: Sequence[Bus]) -> Sight:
    """Through the running agent when it reads these boards, else on their own lines."""
    control: Path = args.control
    try:
        agent = AgentsSight(control)
    except PermissionError as fault:
        raise ComplaintError("E2602", 77, socket=control, user=os.environ.get("USER", "NAME")) from fault
    except OSError:
        return OwnSight(lockers, buses)
    if {board.id for locker in lockers for board in locker.boards} <= agent.look()["boards"].keys():
        return agent
    agent.close()
    return OwnSight(lockers, buses)


def _lockers(args: argparse.Namespace, settings: Settings) -> list[Locker]:
    if args.name is None:
        if not settings.lockers:
            raise ComplaintError("E2542", 66, file=args.settings)
        return list(settings.lockers)
    named = [locker for locker in settings.lockers if locker.id == args.name]
    if named:
        return named
    if args.name not in {bus.id for bus in settings.buses}:
        raise _unknown(args, settings)
    if args.language:
        return [_described(args)]
    return _on_bus(args.name, settings)


def _on_bus(bus: str, settings: Settings) -> list[Locker]:
    from dataclasses import replace

    found = [
        replace(locker, boards=boards)
        for locker in settings.lockers
        if (boards := tuple(board for board in locker.boards if board.bus == bus))
    ]
    if not found:
        raise ComplaintError("E2540", bus=bus)
    return found


def _described(args: argparse.Namespace) -> Locker:
    """Boards as they are named on the command line; each channel is a door of its own number."""
    if args.language not in names():
        meant = slips.meant(args.language, names())
        near = Word("one_of_them") if meant is None else f'"{meant}"'
        raise ComplaintError("E2532", 2, value=args.language, known=", ".join(names()), near=near)
    speaks = language(args.language)
    addresses = [int(one) for one in args.address.split(",") if one.strip().isdecimal()]
    channels = args.channels or speaks.channels
    wrong = [f"--address {one}" for one in addresses if one not in speaks.addresses]
    wrong += [] if 1 <= channels <= speaks.channels else [f"--channels {channels}"]
    if not addresses:
        raise ComplaintError("E2540", 2, bus=args.name)
    if wrong:
        low, high, most = speaks.addresses[0], speaks.addresses[-1], speaks.channels
        raise ComplaintError("E2541", 2, value=wrong[0], boards=speaks.boards, low=low, high=high, most=most)
    boards = tuple(_board(args, number, address, channels) for number, address in enumerate(addresses))
    return Locker(NEW, NEW, NEW, 24.0, False, 0.5, 10.0, 120.0, boards)


def _board(args: argparse.Namespace, number: int, address: int, channels: int) -> Board:
    first = number * channels
    doors = tuple(Compartment(first + channel, channel, None) for channel in range(1, channels + 1))
    return Board(f"{NEW}_{number + 1}", args.name, args.language, address, 1.0, channels, doors)


def _unknown(args: argparse.Namespace, settings: Settings) -> ComplaintError:
    lockers = ", ".join(locker.id for locker in settings.lockers) or "–"
    buses = ", ".join(bus.id for bus in settings.buses) or "–"
    return ComplaintError("E2538", name=args.name or "", file=args.settings, lockers=lockers, buses=buses)
