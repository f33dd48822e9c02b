"""The twin's lines with locker boards: polled by us, or polled by a host while we only listen."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from board_lines import CHANNELS, Site
from slaves import outcomes_until

from agent.bus import Owner
from agent.bus.listen_line import ListenOwner
from agent.bus.serial_line import SerialOwner
from agent.twin.board_speech import report
from agent.twin.board_wire import BoardWire
from config.bus_settings import SerialBus
from drivers import Told
from drivers.board_tap import BoardTap
from drivers.lockers import Language, language, names

LANGUAGES = [language(name) for name in names()]
EVERY = pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda one: one.name)


@contextmanager
def played(site: Site, link: Path, host_period_s: float | None) -> Iterator[tuple[BoardWire, Callable[..., object]]]:
    """The wire with the boards of `site`, in a loop of its own; and how to call into that loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def made() -> BoardWire:
        wire = BoardWire(site.language, site.boards.cabinets, link, host_period_s)
        await wire.start()
        return wire

    wire = asyncio.run_coroutine_threadsafe(made(), loop).result(60)
    try:
        yield wire, loop.call_soon_threadsafe
    finally:
        asyncio.run_coroutine_threadsafe(wire.close(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


@contextmanager
def running(owner: Owner) -> Iterator[Owner]:
    owner.start()
    try:
        yield owner
    finally:
        owner.stop()


def line(link: Path) -> SerialBus:
    return SerialBus("line", str(link), 115200, "none", 1, 1.0)


def true(site: Site) -> Callable[[list], bool]:  # type: ignore[type-arg]
    return lambda told: all(site.said(told, n) == site.truth(n) for n in (0, 1))


@EVERY
def test_what_a_host_reads_of_its_boards_we_hear_and_never_say_a_byte(spoken: Language, tmp_path: Path) -> None:
    site, link = Site(spoken, 2, 1.0), tmp_path / "tty-line"
    with played(site, link, 0.4) as (wire, _):
        ask_count = sum(len(asks) for _, asks in site.stations)
        listening = ListenOwner(line(link), BoardTap(site.line), [one.id for one, _ in site.stations], ask_count)
        with running(listening) as owner:
            seen = outcomes_until(owner, true(site))
            site.cabinets[0].closed[1], site.cabinets[1].present[2] = False, True
            outcomes_until(owner, true(site), seen=seen)
        assert wire.intruded == 0
    assert set(CHANNELS) <= set(names())


def test_the_twin_serves_boards_to_an_agent_that_polls_them(tmp_path: Path) -> None:
    site, link = Site(language("kerong_cu48b"), 2, 0.1), tmp_path / "tty-line"
    with played(site, link, None) as (wire, _):
        with running(SerialOwner(line(link), site.stations, site.language.allows)) as owner:
            seen = outcomes_until(owner, true(site))
            site.cabinets[0].closed[47] = False
            outcomes_until(owner, true(site), seen=seen)
        assert wire.intruded == 0


def test_a_report_on_a_line_that_we_listen_to_is_told(tmp_path: Path) -> None:
    site, link = Site(language("wkly"), 2, 1.0), tmp_path / "tty-line"
    with played(site, link, 0.4) as (wire, call):
        listening = ListenOwner(line(link), BoardTap(site.line), [one.id for one, _ in site.stations], 2)
        with running(listening) as owner:
            seen = outcomes_until(owner, true(site))
            call(wire.say, report(1, 3, False))
            seen = outcomes_until(owner, lambda told: any(isinstance(each, Told) for each in told), seen=seen)
    assert [(each.device, each.points) for each in seen if isinstance(each, Told)] == [("board-1", ("door.3",))]
