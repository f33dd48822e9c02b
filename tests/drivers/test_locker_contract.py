"""What holds of every locker board's language there is: found by name, queries only, strict answers, no wrong state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import Batch, DeviceError, FrameError
from drivers.lockers import Language, language, names

LANGUAGES = [language(name) for name in names()]
EVERY = pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda one: one.name)


def test_a_language_is_found_by_the_name_of_its_file_and_no_other() -> None:
    assert [one.name for one in LANGUAGES] == list(names())
    for name in ("", "no_such_board", "..modbus", "kerong_cu16.query"):
        with pytest.raises(KeyError):
            language(name)


@EVERY
def test_a_language_says_where_it_was_read_and_that_nobody_proved_it(spoken: Language) -> None:
    assert spoken.trust == "experimental"
    assert spoken.source
    assert spoken.boards


@EVERY
def test_every_query_of_every_board_passes_the_guard_and_is_known_as_a_query(spoken: Language) -> None:
    for board in (spoken.addresses[0], spoken.addresses[-1]):
        for ask in spoken.asks(board, spoken.channels):
            request = ask.request(1)
            assert request == ask.request(2)
            assert spoken.allows(request)
            said = spoken.describe(request)
            assert said is not None
            assert (said.kind, said.board) == ("query", board)


@EVERY
def test_every_channel_is_a_point_once_and_items_can_be_left_out(spoken: Language) -> None:
    board = spoken.addresses[0]
    doors = [f"door.{n}" for n in range(1, spoken.channels + 1)]
    items = [f"item.{n}" for n in range(1, spoken.channels + 1)] if spoken.has_item else []
    assert [name for ask in spoken.asks(board, spoken.channels) for name in ask.points] == doors + items
    assert [name for ask in spoken.asks(board, spoken.channels, items=False) for name in ask.points] == doors


@EVERY
def test_a_board_that_cannot_be_is_refused(spoken: Language) -> None:
    board = spoken.addresses[0]
    for wrong, channels in ((board - 1, 1), (spoken.addresses[-1] + 1, 1), (board, 0), (board, spoken.channels + 1)):
        with pytest.raises(ValueError, match=spoken.name):
            spoken.asks(wrong, channels)


@EVERY
@given(octets=st.binary(max_size=80), garbled=st.data())
def test_whatever_the_bytes_an_answer_is_a_batch_or_missing_bytes_or_one_of_two_errors(
    spoken: Language, octets: bytes, garbled: st.DataObject
) -> None:
    for ask in spoken.asks(garbled.draw(st.sampled_from(spoken.addresses)), spoken.channels)[:2]:
        buffer = bytearray(octets)
        try:
            batch = ask.answer(buffer, 1, 2.0)
        except FrameError:
            assert buffer == octets
        except DeviceError:
            assert len(buffer) < len(octets)
        else:
            assert batch is None or isinstance(batch, Batch)
            assert (buffer == octets) is (batch is None)
