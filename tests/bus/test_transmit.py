"""What can leave on a line with locker boards is one of the queries, whatever anybody wants to send."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import transmit_fuzz
from converters import Converter
from locker_vectors import ACTUATION_OF_OTHERS, FORBIDDEN, octets
from ptys import raw_pty

from agent.bus.guard import ForbiddenFrameError
from agent.bus.line_port import LinePort, way_to
from agent.bus.waiter import Waiter
from config.bus_settings import SerialBus, TcpBus
from drivers import Guard
from drivers.lockers import language, names
from drivers.modbus_guard import read_guard

SCALE = int(os.environ.get("HUBPULSE_LOCKER_FUZZ", "1"))  # a bigger campaign: that many times the frames
BATCHES = 5


@pytest.mark.parametrize("batch", range(BATCHES))
def test_of_frames_of_every_sort_the_gate_of_a_line_lets_pass_the_queries_and_no_other(batch: int) -> None:
    passed = transmit_fuzz.run(50_000 * SCALE // BATCHES, batch)
    assert set(passed) == set(names())
    assert all(passed.values())


@pytest.mark.parametrize("name", names())
def test_whatever_board_is_set_up_it_is_asked_with_one_of_the_queries(name: str) -> None:
    spoken = language(name)
    boards = spoken.addresses if len(spoken.addresses) <= 256 else [1, 2, 255, 256, 4660, 65535]
    asked = {
        ask.request(turn)
        for board in boards
        for channels in (1, spoken.channels)
        for items in (True, False)
        for turn, ask in enumerate(spoken.asks(board, channels, items))
    }
    assert asked <= transmit_fuzz.QUERIES[name]
    assert len(asked) == len(transmit_fuzz.QUERIES[name]) * len(boards) // len(spoken.addresses) or len(boards) == 6


GUARDS: dict[str, Guard] = {name: language(name).allows for name in names()} | {"rtu": read_guard("rtu")}
WRITES = [octets(frame) for _, frame, *_ in FORBIDDEN] + [octets(frame) for frame, _ in ACTUATION_OF_OTHERS]
EVERY_GUARD = pytest.mark.parametrize("spoken", GUARDS)


@contextmanager
def opened(bus: SerialBus | TcpBus, guard: Guard) -> Iterator[LinePort]:
    with closing(Waiter()) as waiter, closing(way_to(bus, guard)(waiter)) as port:
        yield port


@EVERY_GUARD
def test_no_published_order_leaves_on_a_serial_line_of_any_language(spoken: str) -> None:
    ours, theirs = raw_pty()
    with opened(SerialBus("line", os.ttyname(theirs), 9600, "none", 1, 0.1), GUARDS[spoken]) as port:
        for frame in WRITES:
            with pytest.raises(ForbiddenFrameError):
                port.turn(frame, 0.0, 0.0)
        with pytest.raises(BlockingIOError):
            os.read(ours, 1)
    os.close(ours)
    os.close(theirs)


@EVERY_GUARD
def test_no_published_order_leaves_through_a_converter(spoken: str) -> None:
    heard = bytearray()

    def hear(octets_: bytes) -> list[tuple[float, bytes]]:
        heard.extend(octets_)
        return []

    with Converter(hear) as converter:
        bus = TcpBus("line", "127.0.0.1", converter.port, 1.0, framing="rtu")
        with opened(bus, GUARDS[spoken]) as port:
            for frame in WRITES:
                with pytest.raises(ForbiddenFrameError):
                    port.turn(frame, 0.0, 0.0)
    assert not heard
