"""Nothing but a query ever leaves: the guard that every wire asks before it sends."""

from __future__ import annotations

import os
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_oracle import framed
from ptys import raw_pty

from agent.bus.guard import ForbiddenFrameError, any_of, check_outgoing, nothing
from agent.bus.serial_port import SerialPort
from agent.bus.waiter import Waiter
from config.bus_settings import SerialBus
from drivers.modbus_guard import read_guard

FRAMINGS = ("rtu", "tcp", "ascii")


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("function", [1, 2, 3, 4])
def test_a_read_passes(framing: str, function: int) -> None:
    check_outgoing(framed(framing, 17, bytes((function, 0, 100, 0, 2))), read_guard(framing))  # type: ignore[arg-type]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("body", [b"\x00\x00\xff\x00", b"\x00\x01\x00\x01\x02\x00\x01", b""])
def test_any_other_function_is_refused(framing: str, body: bytes) -> None:
    for function in (0, *range(5, 256)):
        with pytest.raises(ForbiddenFrameError):
            check_outgoing(framed(framing, 1, bytes((function,)) + body), read_guard(framing))  # type: ignore[arg-type]


@given(st.sampled_from(FRAMINGS), st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(framing: str, octets: bytes) -> None:
    reads = (
        {framed(framing, octets[0], octets[1:6]), framed(framing, octets[6], octets[7:12])} if octets[12:] else set()
    )
    if octets not in reads:
        with pytest.raises(ForbiddenFrameError):
            check_outgoing(octets, read_guard(framing))  # type: ignore[arg-type]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_write_hidden_behind_a_read_is_refused(framing: str) -> None:
    read = framed(framing, 1, b"\x03\x00\x00\x00\x01")
    write = framed(framing, 1, b"\x05\x00\x00\xff\x00")
    for frames in (read + write, write + read):
        with pytest.raises(ForbiddenFrameError):
            check_outgoing(frames, read_guard(framing))  # type: ignore[arg-type]


@given(st.binary(max_size=300))
def test_a_wire_on_which_two_languages_are_spoken_lets_pass_the_queries_of_both(octets: bytes) -> None:
    read, query = framed("rtu", 1, b"\x03\x00\x00\x00\x01"), b"\x80\x01\x00\x33\xb2"
    guard = any_of(read_guard("rtu"), lambda frame: frame == query)
    for frame in (read, query):
        check_outgoing(frame, guard)
    if octets not in (read, query):
        assert any_of(read_guard("rtu"))(octets) == guard(octets)
    assert not any_of()(octets)
    assert not nothing(octets)


def test_a_line_opened_without_a_guard_can_send_nothing_at_all() -> None:
    ours, theirs = raw_pty()
    with closing(Waiter()) as waiter:
        port = SerialPort.open(SerialBus("bus", os.ttyname(theirs), 9600, "none", 1, 1.0), waiter)
        with closing(port):
            for frame in (framed("rtu", 1, b"\x03\x00\x00\x00\x01"), b"\x00", b""):
                with pytest.raises(ForbiddenFrameError):
                    port.turn(frame, 0.0, 0.0)
            with pytest.raises(BlockingIOError):
                os.read(ours, 1)
    os.close(ours)
    os.close(theirs)
