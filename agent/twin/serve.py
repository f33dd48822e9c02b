"""A twin from its settings file until somebody ends it: wires, control socket, the copied settings, signals."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.twin.control import SOCKET, Control
from agent.twin.patch import Keys, copy_site
from agent.twin.site import Scenario, Twin
from config.bus_settings import TcpBus
from config.scanner_settings import ScannerDial, ScannerListen, ScannerSerial
from config.settings import Settings

TICK_S = 1.0
"""How often parcels move when nobody reads, so that no read has to catch up with hours."""

Change = str | int | bool | None
Ready = Callable[[Twin, Path], None]


@dataclass(frozen=True, slots=True)
class Play:
    """What is played: the settings of `main`, in which scenario, with which other `changes` in the copy."""

    main: Path
    settings: Settings
    scenario: Scenario
    changes: Mapping[Keys, Change]


class TakenError(Exception):
    """Another twin runs in the folder."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Nobody else's twin runs in `folder` meanwhile. Raises TakenError; a twin that was killed holds nothing."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise TakenError(folder) from None
    finally:
        os.close(descriptor)


async def serve(play: Play, folder: Path, ready: Ready) -> None:
    """Serve the site until SIGINT, SIGTERM or the word stop; calls `ready` when all is open.

    Lines, socket and copied settings lie in `folder`. Raises OSError where an address cannot be had,
    ValueError where the settings cannot be changed in place.
    """
    twin = Twin(play.settings, folder, play.scenario)
    control = Control(twin, folder / SOCKET)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, twin.stopped.set)
    try:
        await twin.start()
        await control.start()
        ready(twin, copy_site(play.main, folder, {**addresses(twin), **play.changes}))
        await _until_stopped(twin)
    finally:
        await control.close()
        await twin.close()


def addresses(twin: Twin) -> dict[Keys, Change]:
    """What the settings must say to reach the twin's wires."""
    buses: dict[Keys, Change] = {
        ("bus", bus.id, "tcp" if isinstance(bus, TcpBus) else "serial"): twin.wires[bus.id].address
        for bus in twin.settings.buses
    }
    secured: dict[Keys, Change] = {
        ("bus", bus.id, "tls", key): path
        for bus in twin.settings.buses
        if isinstance(bus, TcpBus) and bus.tls is not None
        for key, path in twin.certificates.changes(bus.tls).items()
    }
    keys = {ScannerDial: "tcp", ScannerListen: "listen", ScannerSerial: "serial"}
    plays = twin.scanners.plays
    return (
        buses
        | secured
        | {
            ("scanner", scanner.id, keys[type(scanner.wire)]): plays[scanner.id].port.address
            for scanner in twin.settings.scanners
        }
    )


async def _until_stopped(twin: Twin) -> None:
    while not twin.stopped.is_set():
        twin.catch_up()
        try:
            await asyncio.wait_for(twin.stopped.wait(), TICK_S)
        except TimeoutError:
            continue
