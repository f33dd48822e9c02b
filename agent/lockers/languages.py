"""What each lock board of a site is asked in its language, and whether its language has such a board at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import config
from agent.capacity import listens
from config import slips
from config.bus_settings import Bus, SerialBus
from config.faults import Ledger
from config.locker_settings import Board, Locker
from config.messages import Word
from config.settings import Settings
from config.table import Table
from drivers import Ask
from drivers.board_line import BoardLine, BoardOnLine
from drivers.budget import FULL
from drivers.lockers import Language, language, names
from drivers.wire import Wire


def asks(board: Board) -> tuple[Ask, ...]:
    """The status queries of a board whose settings were `judged` sound."""
    return language(board.language).asks(board.address, board.channels, board.item_sensor is not False)


def lines(asking: Iterable[tuple[Board, tuple[Ask, ...]]]) -> dict[str, BoardLine]:
    """The boards of each bus with what each is asked, by the bus's id."""
    on_bus = dict[str, list[tuple[Board, tuple[Ask, ...]]]]()
    for board, asked in asking:
        on_bus.setdefault(board.bus, []).append((board, asked))
    return {bus: _line(boards) for bus, boards in on_bus.items()}


def _line(asking: Sequence[tuple[Board, tuple[Ask, ...]]]) -> BoardLine:
    speaks = language(asking[0][0].language)
    return BoardLine(speaks, [BoardOnLine(one.id, one.address, one.channels, asked) for one, asked in asking])


def judged(report: config.Report) -> config.Report:
    """`report` with a fault for each board that its language does not have, and with what is worth knowing."""
    settings = report.settings
    if settings is None or not settings.lockers:
        return report
    ledger = Ledger()
    for locker in settings.lockers:
        _judge(locker, settings, {one.id: _table(one, report, ledger) for one in locker.boards})
    if not ledger.faults:
        _judge_lines(settings, report, ledger)
    faults, notices = tuple(ledger.faults), (*report.notices, *ledger.notices)
    return replace(report, settings=None if faults else settings, faults=faults, notices=notices)


def _table(board: Board, report: config.Report, ledger: Ledger) -> Table:
    locker, _, name = board.id.partition("_")
    return Table(report.boards[board.id], f"locker.{locker}.board.{name}", ledger)


def _judge(locker: Locker, settings: Settings, tables: Mapping[str, Table]) -> None:
    spoken = dict(_spoken(locker, tables))
    for board in locker.boards:
        if board.id in spoken:
            _fit(board, spoken[board.id], tables[board.id], settings.bus(board.bus))
    _tell_experimental(locker, spoken, tables)
    first = locker.boards[0]
    if len(spoken) == len(locker.boards) and not any(_sees_items(one, spoken[one.id]) for one in locker.boards):
        tables[first.id].ledger.add("W2431", tables[first.id].node.key, locker=locker.id)


def _spoken(locker: Locker, tables: Mapping[str, Table]) -> Iterator[tuple[str, Language]]:
    known = names()
    for board in locker.boards:
        if board.language in known:
            yield board.id, language(board.language)
            continue
        meant = slips.meant(board.language, known)
        near = Word("one_of_them") if meant is None else f'"{meant}"'
        tables[board.id].fault("language", "E2532", value=board.language, known=", ".join(known), near=near)


def _fit(board: Board, speaks: Language, table: Table, bus: Bus) -> None:
    """Note what boards of that language do not have."""
    if board.address not in speaks.addresses:
        low, high = speaks.addresses[0], speaks.addresses[-1]
        table.fault("address", "E2533", boards=speaks.boards, value=board.address, low=low, high=high)
    if board.channels > speaks.channels:
        needed, most = board.channels, speaks.channels
        table.fault("compartments", "E2534", boards=speaks.boards, most=most, needed=needed)
    if board.item_sensor and not speaks.has_item:
        table.fault("item_sensor", "E2535", boards=speaks.boards)
    if isinstance(bus, SerialBus) and (bus.baud, bus.parity, bus.stop_bits) != (speaks.baud, "none", 1):
        table.ledger.add("W2432", table.place("bus"), boards=speaks.boards, baud=speaks.baud, bus=bus.id)


def _judge_lines(settings: Settings, report: config.Report, ledger: Ledger) -> None:
    """Boards whose numbers overlap where a number is that of a door, and lines too slow for what is asked on them."""
    for bus, line in lines((board, asks(board)) for board in settings.boards).items():
        boards = {board.id: board for board in settings.boards if board.bus == bus}
        if line.language.numbered_through:
            _refuse_overlaps(sorted(boards.values(), key=lambda board: board.address), report, ledger)
        if not listens(settings.bus(bus)):
            share = sum(_asked_s(settings.bus(bus), one.asks) / boards[one.device].period_s for one in line.boards)
            if share > FULL:
                said = {"bus": bus, "boards": len(boards), "share": f"{share:.0%}"}
                ledger.add("W2433", report.buses[bus], **said)


def _refuse_overlaps(boards: Sequence[Board], report: config.Report, ledger: Ledger) -> None:
    for board, after in pairwise(boards):
        if board.address + board.channels > after.address:
            first = _table(board, report, ledger).place("address")
            _table(after, report, ledger).fault("address", "E2531", address=after.address, bus=after.bus, first=first)


def _asked_s(bus: Bus, questions: Iterable[Ask]) -> float:
    """How long all queries of a board keep the line busy."""
    wire = Wire.of(bus)
    each_s = 2 * wire.gap_s + (bus.turnaround_s + bus.adapter_latency_s if isinstance(bus, SerialBus) else 0.0)
    return sum(each_s + wire.frame_s(len(ask.request(0)) + ask.reply_length) for ask in questions)


def _sees_items(board: Board, speaks: Language) -> bool:
    return speaks.has_item and board.item_sensor is not False


def _tell_experimental(locker: Locker, spoken: Mapping[str, Language], tables: Mapping[str, Table]) -> None:
    """Each language that nobody has tried on a real board, once a locker."""
    told = set[str]()
    for board, speaks in spoken.items():
        if speaks.trust == "experimental" and speaks.name not in told:
            told.add(speaks.name)
            said = {"language": speaks.name, "source": speaks.source, "boards": speaks.boards, "locker": locker.id}
            tables[board].ledger.add("W2430", tables[board].place("language"), **said)
