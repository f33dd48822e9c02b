"""One turn in C on a real pseudo-terminal: the silence is kept, no stranger is talked over, a lost line is told."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator

import pytest
from ptys import Serving, raw_pty

from agent.clock import boot_seconds
from fastpath.turn import GONE, STRAY, UNSENT, WOKEN, turn

REQUEST = bytes(range(8))


@pytest.fixture
def line() -> Iterator[tuple[int, int]]:
    """Two ends of a line: the device's, and ours."""
    theirs, ours = raw_pty()
    os.set_blocking(ours, False)
    yield theirs, ours
    for fd in (theirs, ours):
        os.close(fd)


@pytest.fixture
def wake() -> Iterator[int]:
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    yield fd
    os.close(fd)


def arrives(end: int) -> bool:
    """Whether what was written to the other end comes: the kernel passes it on when it finds the time."""
    return bool(select.select([end], [], [], 60)[0])


def test_the_request_leaves_at_its_moment_and_the_reply_is_there_when_it_is_looked_for(
    line: tuple[int, int], wake: int
) -> None:
    theirs, ours = line
    asked: list[bytes] = []
    serving = Serving(theirs, lambda octets: asked.append(octets) or [(0.0, b"reply")])
    reply = bytearray(64)
    try:
        begin_s = boot_seconds() + 0.02
        length, sent_s, read_s = turn(ours, wake, REQUEST, reply, begin_s, 2.0)
    finally:
        serving.close()
    assert asked == [REQUEST]
    assert reply[:length] == b"reply"
    assert begin_s <= sent_s <= read_s - 2.0


def test_nothing_is_sent_when_bytes_are_there_before_also_when_the_moment_is_past(
    line: tuple[int, int], wake: int
) -> None:
    theirs, ours = line
    os.write(theirs, b"?")
    assert arrives(ours)
    assert turn(ours, wake, REQUEST, bytearray(8), 0.0, 1.0)[0] == STRAY
    assert os.read(ours, 10) == b"?"
    with pytest.raises(BlockingIOError):
        os.read(theirs, 10)


def test_whoever_is_woken_before_has_sent_nothing_and_after_hears_nothing_yet(line: tuple[int, int], wake: int) -> None:
    theirs, ours = line
    os.eventfd_write(wake, 1)
    assert turn(ours, wake, REQUEST, bytearray(8), boot_seconds() + 30, 30.0)[0] == WOKEN
    os.eventfd_read(wake)
    serving = Serving(theirs, lambda _: os.eventfd_write(wake, 1) or [(0.0, b"reply")])
    try:
        length, sent_s, read_s = turn(ours, wake, REQUEST, bytearray(8), 0.0, 30.0)
    finally:
        serving.close()
    assert length == 0
    assert read_s - sent_s < 30
    assert arrives(ours)
    assert os.read(ours, 10) == b"reply"


def test_a_line_that_is_gone_is_told_before_and_after_the_request(wake: int) -> None:
    theirs, ours = raw_pty()
    os.close(theirs)
    assert turn(ours, wake, REQUEST, bytearray(8), 0.0, 0.0)[0] in (STRAY, UNSENT)
    os.close(ours)
    assert turn(ours, wake, REQUEST, bytearray(8), 0.0, 0.0)[0] in (STRAY, UNSENT)


def test_a_line_that_is_lost_while_it_is_listened_to_is_told(wake: int) -> None:
    theirs, ours = raw_pty()
    hanging_up = threading.Timer(0.05, os.close, (theirs,))
    hanging_up.start()
    assert turn(ours, wake, REQUEST, bytearray(8), 0.0, 0.3)[0] == GONE
    hanging_up.join()
    os.close(ours)


@pytest.mark.parametrize(("request_", "room"), [(b"", 8), (REQUEST, 0)])
def test_a_turn_without_a_request_or_without_room_is_refused(wake: int, request_: bytes, room: int) -> None:
    with pytest.raises(ValueError, match="nothing to send"):
        turn(wake, wake, request_, bytearray(room), 0.0, 0.0)
