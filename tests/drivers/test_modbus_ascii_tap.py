"""Both directions of an ASCII line that others speak on are understood, however the bytes are cut."""

from __future__ import annotations

from collections.abc import Iterable

from foreign_master import Exchange, exchanges, pieces
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.modbus_ascii_tap import SILENCE_S, AsciiTap, decoded
from drivers.modbus_dialogue import Frame

CHAR_S = 10 / 9600


def line(rtu: bytes) -> bytes:
    """The same message in ASCII."""
    octets = rtu[:-2]
    return b":" + (octets + bytes((-sum(octets) & 0xFF,))).hex().upper().encode() + b"\r\n"


def told(heard: Iterable[bytes]) -> list[Frame]:
    tap, now_s, frames = AsciiTap(CHAR_S), 100.0, list[Frame]()
    for piece in heard:
        now_s += len(piece) * CHAR_S
        frames += tap.hear(piece, now_s)
    while tap.alarm_s < float("inf"):
        frames += tap.hear(b"", tap.alarm_s)
    return frames


@settings(max_examples=100)
@given(st.data(), st.lists(exchanges(), min_size=1, max_size=6))
def test_any_sequence_of_exchanges_is_understood_however_it_is_cut(data: st.DataObject, said: list[Exchange]) -> None:
    parts = [line(part) for one in said for part in (one.request, one.reply) if part]
    frames = told(data.draw(pieces(b"".join(parts))))
    assert [frame.verdict for frame in frames] == [verdict for one in said for verdict in one.verdicts]
    assert [frame.octets for frame in frames if frame.verdict != "unanswered"] == parts


@given(st.data(), exchanges(), st.lists(exchanges(), min_size=1, max_size=4))
def test_who_joins_in_the_middle_of_a_line_understands_all_from_the_next_on(
    data: st.DataObject, first: Exchange, rest: list[Exchange]
) -> None:
    began = line(first.request)
    parts = [line(part) for one in rest for part in (one.request, one.reply) if part]
    octets = began[data.draw(st.integers(1, len(began) - 1)) :] + b"".join(parts)
    frames = told(data.draw(pieces(octets)))
    assert frames[0].verdict == "garbage"
    assert [frame.verdict for frame in frames[1:]] == [verdict for one in rest for verdict in one.verdicts]


@settings(max_examples=200)
@given(
    st.lists(st.one_of(st.binary(max_size=600), st.text(":0123456789ABCDEFabcdef\r\n").map(str.encode)), max_size=20)
)
def test_no_bytes_raise_none_are_lost_and_every_frame_has_its_checksum(heard: list[bytes]) -> None:
    frames = told(heard)
    assert b"".join(frame.octets for frame in frames if frame.verdict != "unanswered") == b"".join(heard)
    for frame in frames:
        if frame.verdict != "garbage":
            digits = bytes.fromhex(frame.octets.strip()[1:].decode())
            assert sum(digits) % 256 == 0
            assert decoded(frame.octets) == bytes((frame.unit or 0,)) + frame.pdu


def test_a_line_that_does_not_go_on_is_garbage_after_a_second() -> None:
    tap = AsciiTap(CHAR_S)
    assert tap.hear(b":0103", 100.0) == []
    assert tap.alarm_s == 100.0 + SILENCE_S
    assert [frame.verdict for frame in tap.hear(b"", tap.alarm_s)] == ["garbage"]


def test_endless_noise_is_handed_on_and_not_kept() -> None:
    tap = AsciiTap(CHAR_S)
    frames = [frame for number in range(100) for frame in tap.hear(b"0" * 1000, float(number))]
    assert sum(len(frame.octets) for frame in frames) > 99_000
