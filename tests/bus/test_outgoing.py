"""Nothing but a read ever leaves: the guard that every wire asks before it sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modbus_oracle import framed

from agent.bus.guard import ForbiddenFrameError, check_outgoing

FRAMINGS = ("rtu", "tcp")


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("function", [1, 2, 3, 4])
def test_a_read_passes(framing: str, function: int) -> None:
    check_outgoing(framed(framing, 17, bytes((function, 0, 100, 0, 2))), framing)  # type: ignore[arg-type]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("body", [b"\x00\x00\xff\x00", b"\x00\x01\x00\x01\x02\x00\x01", b""])
def test_any_other_function_is_refused(framing: str, body: bytes) -> None:
    for function in (0, *range(5, 256)):
        with pytest.raises(ForbiddenFrameError):
            check_outgoing(framed(framing, 1, bytes((function,)) + body), framing)  # type: ignore[arg-type]


@given(st.sampled_from(FRAMINGS), st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(framing: str, octets: bytes) -> None:
    reads = (
        {framed(framing, octets[0], octets[1:6]), framed(framing, octets[6], octets[7:12])} if octets[12:] else set()
    )
    if octets not in reads:
        with pytest.raises(ForbiddenFrameError):
            check_outgoing(octets, framing)  # type: ignore[arg-type]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_write_hidden_behind_a_read_is_refused(framing: str) -> None:
    read = framed(framing, 1, b"\x03\x00\x00\x00\x01")
    write = framed(framing, 1, b"\x05\x00\x00\xff\x00")
    for frames in (read + write, write + read):
        with pytest.raises(ForbiddenFrameError):
            check_outgoing(frames, framing)  # type: ignore[arg-type]
