"""Both directions of a line that others speak on are understood, however the bytes are cut, and nothing is made up."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from foreign_master import Exchange, exchanges, pieces
from hypothesis import given, settings
from hypothesis import strategies as st
from modbus_oracle import crc, framed

from drivers.modbus_dialogue import ANSWER_MOST_S, Frame
from drivers.modbus_tap import HUSH_S, RtuTap

CHAR_S = 11 / 9600
READ = framed("rtu", 1, bytes((3, 0, 0, 0, 2)))
VALUE = framed("rtu", 1, bytes((3, 4, 0, 0, 0, 7)))


def told(heard: Iterable[bytes], tap: RtuTap | None = None, end: bool = True) -> list[Frame]:
    """All frames in these pieces, each read when it was complete on the wire, and then silence."""
    tap, now_s, frames = tap or RtuTap(CHAR_S), 100.0, list[Frame]()
    for piece in heard:
        now_s += len(piece) * CHAR_S
        frames += tap.hear(piece, now_s)
    while end and tap.alarm_s < float("inf"):
        frames += tap.hear(b"", tap.alarm_s)
    return frames


def verdicts(frames: Iterable[Frame]) -> list[str]:
    return [frame.verdict for frame in frames]


@settings(max_examples=300)
@given(st.data(), st.lists(exchanges(), min_size=1, max_size=8))
def test_any_sequence_of_exchanges_is_understood_however_it_is_cut(data: st.DataObject, said: list[Exchange]) -> None:
    octets = b"".join(one.octets for one in said)
    frames = told(data.draw(pieces(octets)))
    assert verdicts(frames) == [verdict for one in said for verdict in one.verdicts]
    heard = [frame.octets for frame in frames if frame.verdict != "unanswered"]
    assert heard == [part for one in said for part in (one.request, one.reply) if part]
    for frame in frames:
        assert frame.request is None or frame.request.unit == frame.unit


@given(st.data(), exchanges(), st.lists(exchanges(), min_size=1, max_size=4))
def test_who_joins_in_the_middle_of_a_frame_understands_all_from_the_next_on(
    data: st.DataObject, first: Exchange, rest: list[Exchange]
) -> None:
    cut = data.draw(st.integers(1, len(first.octets) - 1))
    octets = b"".join(one.octets for one in rest)
    frames = told(data.draw(pieces(first.octets[cut:] + octets)))
    heard = b"".join(frame.octets for frame in frames if frame.verdict != "unanswered")
    assert heard == first.octets[cut:] + octets
    understood = [frame.octets for frame in frames if frame.verdict in {"request", "broadcast", "reply", "exception"}]
    assert understood[-len(_frames(rest)) :] == _frames(rest)


def _frames(said: list[Exchange]) -> list[bytes]:
    return [part for one in said for part in (one.request, one.reply) if part]


@given(st.data(), st.lists(exchanges(), min_size=1, max_size=4), st.lists(st.binary(max_size=30), min_size=5))
def test_noise_between_exchanges_costs_nothing_but_itself(
    data: st.DataObject, said: list[Exchange], noise: list[bytes]
) -> None:
    """Noise that ends by chance in the beginning of a longer frame is told from it by silence."""
    frames, tap = list[Frame](), RtuTap(CHAR_S)
    for one, before in zip(said, noise, strict=False):
        if before:
            frames += told([before], tap)
        frames += told(data.draw(pieces(one.octets)), tap)
    parts = [frame.octets for frame in frames if frame.verdict in {"request", "broadcast", "reply", "exception"}]
    assert [part for part in parts if part in _frames(said)] == _frames(said)


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=600), max_size=20))
def test_no_bytes_raise_none_are_lost_and_every_frame_has_its_checksum(heard: list[bytes]) -> None:
    frames = told(heard)
    assert b"".join(frame.octets for frame in frames if frame.verdict != "unanswered") == b"".join(heard)
    for frame in frames:
        if frame.verdict == "garbage":
            assert (frame.unit, frame.pdu) == (None, b"")
        else:
            assert crc(frame.octets[:-2]) == frame.octets[-2:]
            assert (frame.unit, frame.pdu) == (frame.octets[0], frame.octets[1:-2])


@given(st.lists(st.tuples(exchanges(), st.integers(0, 2047)), min_size=1, max_size=5))
def test_a_frame_with_a_wrong_bit_is_never_taken_for_what_it_was(said: list[tuple[Exchange, int]]) -> None:
    spoilt = list[bytes]()
    for one, at in said:
        octets = bytearray(one.octets)
        octets[at // 8 % len(octets)] ^= 1 << at % 8
        spoilt.append(bytes(octets))
    for frame in told(spoilt):
        assert frame.verdict == "garbage" or crc(frame.octets[:-2]) == frame.octets[-2:]


def test_endless_noise_is_handed_on_and_not_kept() -> None:
    tap = RtuTap(CHAR_S)
    for number in range(200):
        tap.hear(bytes((7, 3, 250, *range(100))) * 5, float(number))
    assert len(tap._buffer) < 1500
    assert len(tap._pieces._marks) < 10


def test_a_beginning_that_nothing_follows_is_garbage_after_a_silence_and_not_before() -> None:
    tap = RtuTap(CHAR_S)
    assert tap.hear(READ[:5], 100.0) == []
    assert tap.alarm_s == 100.0 + HUSH_S
    assert tap.hear(b"", 100.0 + HUSH_S / 2) == []
    assert verdicts(tap.hear(b"", tap.alarm_s)) == ["garbage"]
    assert tap.alarm_s == float("inf")


def test_a_question_is_given_up_after_ten_seconds_or_with_the_next_one() -> None:
    tap = RtuTap(CHAR_S)
    assert verdicts(tap.hear(READ, 100.0)) == ["request"]
    assert tap.alarm_s == 100.0 + ANSWER_MOST_S
    assert verdicts(tap.hear(READ, 101.0)) == ["unanswered", "request"]
    assert verdicts(tap.hear(b"", tap.alarm_s)) == ["unanswered"]


def test_a_function_that_nobody_knows_is_told_by_its_checksum() -> None:
    strange = framed("rtu", 9, bytes((0x41, 1, 2, 3))), framed("rtu", 9, bytes((0x41, 9)))
    frames = told([READ + VALUE, *strange, READ + VALUE])
    assert verdicts(frames) == ["request", "reply", "foreign", "foreign", "request", "reply"]
    assert [frame.octets for frame in frames[2:4]] == list(strange)


def test_an_answer_whose_beginning_is_a_question_by_chance_is_waited_for() -> None:
    """Two registers whose values make the first eight bytes a read with a right checksum."""
    body = bytes((1, 3, 6, 0, 0, 2))  # as a question: 2 registers from 0x0600; as an answer: 6 bytes follow
    answer = framed("rtu", 1, body[1:] + crc(body) + b"\x12")
    asked = framed("rtu", 1, bytes((3, 0, 0, 0, 3)))
    assert len(answer) == 11
    assert verdicts(told([asked, answer[:8], answer[8:]])) == ["request", "reply"]


@pytest.mark.parametrize("lump_s", [0.0, 0.004, 0.016])
def test_silences_are_estimated_through_lumps(lump_s: float) -> None:
    """One silence of 40 ms before the reply; the adapter hands over both frames together or apart."""
    tap = RtuTap(CHAR_S)
    tap.hear(READ, 100.0)
    (reply,) = tap.hear(VALUE, 100.0 + 0.04 + len(VALUE) * CHAR_S + lump_s)
    assert reply.gap_s == pytest.approx(0.04 + lump_s)
