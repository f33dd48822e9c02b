"""A line with locker boards, polled through pseudo-terminals: what is read is true, however badly boards answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import transmit_fuzz
from board_lines import Site, polled
from converters import Converter
from ptys import Adapter
from slaves import answers, outcomes_until

from agent.bus import Missed
from agent.bus.errand import Errand
from agent.bus.serial_line import SerialOwner
from agent.clock import boot_seconds
from agent.twin.board_speech import report
from agent.twin.boards import MISHAPS, Mishap
from config.bus_settings import TcpBus
from drivers import Told
from drivers.lockers import Language, language, names
from drivers.modbus_frames import Read
from drivers.raw import raw_ask

LANGUAGES = [language(name) for name in names()]
EVERY = pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda one: one.name)
PERIOD_S = 0.05


@pytest.fixture
def adapter(tmp_path: Path) -> Iterator[Adapter]:
    adapter = Adapter(tmp_path / "usb-adapter")
    yield adapter
    adapter.close()


def queries(spoken: Language, sent: bytes) -> list[bytes]:
    """The bytes a line was sent, as queries; AssertionError when they are anything else."""
    found, known = [], transmit_fuzz.QUERIES[spoken.name]
    lengths = sorted({len(query) for query in known})
    while sent:
        query = next((sent[:length] for length in lengths if sent[:length] in known), None)
        assert query is not None, sent[:32].hex(" ")
        found.append(query)
        sent = sent[len(query) :]
    return found


@EVERY
def test_doors_and_items_of_two_boards_are_read_as_they_are_and_as_they_become(
    spoken: Language, adapter: Adapter
) -> None:
    site = Site(spoken, 2, PERIOD_S)
    with polled(site, adapter) as (owner, _):
        seen = outcomes_until(owner, lambda told: all(site.said(told, n) == site.truth(n) for n in (0, 1)))
        one, other = site.cabinets
        one.closed[2], other.closed[-1], one.present[0], other.present[4] = False, False, True, True
        seen = outcomes_until(owner, lambda told: all(site.said(told, n) == site.truth(n) for n in (0, 1)), seen=seen)
    assert not [each for each in seen if isinstance(each, Missed)]
    assert queries(spoken, bytes(site.boards.heard))


@EVERY
def test_a_board_that_answers_badly_brings_no_untrue_value_and_costs_its_neighbour_nothing(
    spoken: Language, adapter: Adapter
) -> None:
    site = Site(spoken, 2, PERIOD_S)
    bad, good = site.boards.cabinets
    for board, cabinet in enumerate(site.cabinets):
        cabinet.closed[:] = [n % 3 == board for n in range(len(cabinet.closed))]
        cabinet.present[:] = [n % 5 != board for n in range(len(cabinet.present))]
    seen, rounds = [], len(site.stations[1][1])
    with polled(site, adapter, 0.05) as (owner, _):
        for mishap in MISHAPS:
            site.boards.mishaps[bad] = mishap
            before = len(answers(seen, f"board-{good}"))
            enough = before + 2 * rounds
            seen = outcomes_until(owner, lambda told: len(answers(told, f"board-{good}")) >= enough, seen=seen)  # noqa: B023
    for one in seen:
        for board in (0, 1):
            assert site.said([one], board).items() <= site.truth(board).items()
    assert queries(spoken, bytes(site.boards.heard))


@pytest.mark.parametrize("mishap", ["late", "silent"])
def test_a_board_that_answers_well_again_is_read_again(mishap: Mishap, adapter: Adapter) -> None:
    site = Site(language("kerong_cu16"), 1, PERIOD_S)
    (board,) = site.boards.cabinets
    site.boards.mishaps[board] = mishap
    with polled(site, adapter, 0.05) as (owner, _):
        outcomes_until(owner, lambda told: any(isinstance(each, Missed) for each in told))
        site.cabinets[0].closed[0] = False
        del site.boards.mishaps[board]
        outcomes_until(owner, lambda told: site.said(told, 0) == site.truth(0))


@EVERY
def test_a_line_full_of_noise_makes_us_send_nothing_but_queries_and_believe_nothing(
    spoken: Language, adapter: Adapter
) -> None:
    dice, site = Random(spoken.name), Site(spoken, 2, 0.02)
    lengths = [len(ask.request(0)) + ask.reply_length for _, asks in site.stations for ask in asks]

    def noise(octets: bytes) -> list[tuple[float, bytes]]:
        site.boards.hear(octets)
        return [(0.0, dice.randbytes(dice.randrange(2 * max(lengths))))]

    with polled(site, adapter, 0.01) as (owner, serving):
        serving._answer = noise
        seen = outcomes_until(owner, lambda told: len(told) > 12 and bool(site.boards.heard))
    assert not answers(seen)
    assert queries(spoken, bytes(site.boards.heard))


def test_replies_later_than_the_timeout_never_become_values(adapter: Adapter) -> None:
    """The doors show in binary how often the board was asked: a value tells which query it answers."""
    site = Site(language("kerong_cu48b"), 1, 0.02)
    chance, moments, busy_until_s = Random(4), list[float](), 0.0
    hear = site.boards.hear

    def late(octets: bytes) -> list[tuple[float, bytes]]:
        nonlocal busy_until_s
        moments.append(now_s := boot_seconds())
        site.cabinets[0].closed[:] = [bool(len(moments) >> bit & 1) for bit in range(48)]
        delay_s = chance.uniform(0.1, 0.5) if chance.random() < 0.3 else 0.0
        busy_until_s = max(busy_until_s, now_s + delay_s)
        return [(busy_until_s - now_s, reply) for _, reply in hear(octets)]

    site.boards.hear = late  # type: ignore[method-assign]
    with polled(site, adapter, 0.1) as (owner, _):
        seen = outcomes_until(owner, lambda told: len(answers(told)) >= 30)
    for each in answers(seen):
        number = sum(1 << bit for bit, closed in enumerate(each.batch.values) if closed and bit < 48)
        assert number & 0xFFFF_FFFF == sum(at_s <= each.batch.at_s for at_s in moments)
    assert owner.counts()["line"].late


def test_a_change_that_a_board_reports_is_told_whether_it_comes_in_a_pause_or_before_an_answer(
    adapter: Adapter,
) -> None:
    site = Site(language("wkly"), 1, 0.3)
    changed = report(0, 5, False)

    def reports(told: list[object]) -> list[Told]:
        return [each for each in told if isinstance(each, Told)]

    with polled(site, adapter) as (owner, serving):
        seen = outcomes_until(owner, lambda told: bool(answers(told)))
        serving.write(changed)
        seen = outcomes_until(owner, lambda told: bool(reports(told)), seen=seen)  # type: ignore[arg-type]
        hear = site.boards.hear
        serving._answer = lambda octets: [(0.0, changed + reply) for _, reply in hear(octets)]
        before = len(answers(seen))
        seen = outcomes_until(owner, lambda told: len(answers(told)) >= before + 2, seen=seen)
    assert {(each.device, each.kind, each.points, each.values) for each in reports(seen)} == {  # type: ignore[arg-type]
        ("board-0", "report", ("door.5",), (False,))
    }
    assert not [each for each in seen if isinstance(each, Missed)]
    assert owner.counts()["line"].extra == 0


@pytest.mark.parametrize("name", ["kerong_cu48b", "qianming_5a", "yt_ascii"])
def test_boards_behind_a_converter_are_asked_under_the_same_rules(name: str) -> None:
    site = Site(language(name), 2, PERIOD_S)
    site.cabinets[1].closed[3] = False
    with Converter(site.boards.hear) as converter:
        bus = TcpBus("line", "127.0.0.1", converter.port, 0.3, framing="rtu")
        owner = SerialOwner(bus, site.stations, site.language.allows)  # type: ignore[arg-type]
        owner.start()
        try:
            outcomes_until(owner, lambda told: all(site.said(told, n) == site.truth(n) for n in (0, 1)))
        finally:
            owner.stop()
    assert queries(site.language, bytes(site.boards.heard))


@EVERY
def test_a_line_with_boards_closes_itself_to_a_read_of_registers_without_a_byte_sent(
    spoken: Language, adapter: Adapter
) -> None:
    site = Site(spoken, 1, PERIOD_S)
    with polled(site, adapter) as (owner, _):
        outcomes_until(owner, lambda told: bool(answers(told)))
        errand = Errand("line", raw_ask(Read(1, "holding", 0, 1), "rtu"))
        assert owner.run_errand(errand)
        outcome = errand.wait(60)
        outcomes_until(owner, lambda told: bool(answers(told)))
    assert isinstance(outcome, Missed)
    assert outcome.reason == "forbidden"
    assert queries(spoken, bytes(site.boards.heard))
