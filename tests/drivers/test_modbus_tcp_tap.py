"""Both directions of a Modbus TCP connection are understood by who said what, and by the transaction."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from modbus_oracle import framed

from drivers.modbus_tcp_tap import TcpTap

ASK = bytes((3, 0, 0, 0, 2))
VALUE = bytes((3, 4, 0, 0, 0, 7))


def test_replies_find_their_requests_in_any_order_and_cut_anywhere() -> None:
    tap = TcpTap()
    asked = framed("tcp", 1, ASK, turn=1) + framed("tcp", 2, ASK, turn=2)
    assert [frame.verdict for frame in tap.hear(asked, 1.0, sent=True)] == ["request", "request"]
    answers = framed("tcp", 2, VALUE, turn=2) + framed("tcp", 1, bytes((0x83, 2)), turn=1)
    assert tap.hear(answers[:9], 1.1, sent=False) == []
    reply, refusal = tap.hear(answers[9:], 1.2, sent=False)
    assert (reply.verdict, reply.unit, reply.request and reply.request.unit) == ("reply", 2, 2)
    assert (refusal.verdict, refusal.unit, refusal.gap_s) == ("exception", 1, 0.0)


def test_what_answers_nothing_that_was_asked_is_told_so() -> None:
    tap = TcpTap()
    tap.hear(framed("tcp", 1, ASK, turn=1), 1.0, sent=True)
    frames = tap.hear(framed("tcp", 1, VALUE, turn=9) + framed("tcp", 3, VALUE, turn=1), 1.1, sent=False)
    assert [frame.verdict for frame in frames] == ["orphan", "orphan"]


@given(st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=10))
def test_no_bytes_raise(heard: list[tuple[bytes, bool]]) -> None:
    tap = TcpTap()
    for octets, sent in heard:
        for frame in tap.hear(octets, 1.0, sent=sent):
            assert frame.verdict == "garbage" or frame.octets[2:4] == b"\0\0"
