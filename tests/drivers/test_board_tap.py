"""Listening to a locker line whose master is a foreign host: states are paired with their queries, orders are told."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.twin.board_speech import Cabinet, reply, report
from drivers import Batch, Overheard, Told
from drivers.board_line import BoardLine, BoardOnLine
from drivers.board_tap import ANSWER_MOST_S, HUSH_S, BoardTap
from drivers.lockers import Language, language, names

LANGUAGES = [language(name) for name in names()]
EVERY = pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda one: one.name)
OPENS = {
    "kerong_cu16": ("02 02 31 03 38", (3,)),
    "kerong_cu48b": ("02 00 02 61 03 68", (3,)),
    "cu48_modbus": ("01 05 00 02 00 00 6C 0A", (3,)),
    "lock24_8a80": ("8A 01 03 11 99", (3,)),
    "lock32_8a80": ("8A 01 03 11 99", (3,)),
    "wkly": ("57 4B 4C 59 09 00 82 03 81", (3,)),
    "qianming_5a": ("5A 21 00 03 78", (3,)),
    "winnsen": ("90 06 05 00 03 03", (3,)),
    "yt_ascii": (b"YT+OPENLOCK=1,3*", (3,)),
}


def channels_of(spoken: Language) -> int:
    return {"yt_ascii": 24, "winnsen": 16}.get(spoken.name, 16)


def boards_of(spoken: Language, count: int = 1) -> list[int]:
    step = channels_of(spoken) if spoken.numbered_through else 1
    return [spoken.addresses[0] + n * step for n in range(count)]


def tap(spoken: Language, count: int = 1) -> BoardTap:
    channels = channels_of(spoken)
    boards = [
        BoardOnLine(f"board-{n}", number, channels, spoken.asks(number, channels))
        for n, number in enumerate(boards_of(spoken, count), 1)
    ]
    return BoardTap(BoardLine(spoken, boards))


def cabinet(spoken: Language, seed: int) -> Cabinet:
    dice = Random(seed)
    return Cabinet(*([dice.random() < 0.5 for _ in range(channels_of(spoken))] for _ in range(2)))


def exchange(spoken: Language, board: int, query: bytes, true: Cabinet) -> bytes:
    said = spoken.describe(query)
    assert said is not None
    return query + reply(spoken, board, true, said)


def heard(told: list[Overheard | Told], spoken: Language, board: int) -> dict[str, object]:
    asks = spoken.asks(board, channels_of(spoken))
    seen: dict[str, object] = {}
    for one in told:
        assert isinstance(one, Overheard)
        assert isinstance(one.brought, Batch)
        seen |= dict(zip(asks[one.ask].points, one.brought.values, strict=True))
    return seen


def truth(spoken: Language, true: Cabinet) -> dict[str, object]:
    doors = {f"door.{n}": closed for n, closed in enumerate(true.closed, 1)}
    items = {f"item.{n}": present for n, present in enumerate(true.present, 1)}
    return doors | (items if spoken.has_item else {})


@EVERY
@given(seed=st.integers(0, 2**32), cut=st.data())
def test_what_the_host_is_told_we_hear_however_it_is_cut(spoken: Language, seed: int, cut: st.DataObject) -> None:
    true = cabinet(spoken, seed)
    (board,) = boards_of(spoken)
    asks = spoken.asks(board, channels_of(spoken))
    line = b"".join(exchange(spoken, board, ask.request(0), true) for ask in asks)
    ends = sorted(cut.draw(st.sets(st.integers(0, len(line)), max_size=8)) | {0, len(line)})
    listener = tap(spoken)
    told: list[Overheard | Told] = []
    for n, (start, end) in enumerate(pairwise(ends)):
        told += listener.hear(line[start:end], n * 0.01)
    told += listener.hear(b"", len(ends) * 0.01 + HUSH_S)
    assert heard(told, spoken, board) == truth(spoken, true)
    assert listener.counts()["answered"] == len(asks)


@EVERY
def test_a_status_that_answers_no_query_is_not_believed(spoken: Language) -> None:
    true = cabinet(spoken, 1)
    (board,) = boards_of(spoken)
    (query, *_) = (ask.request(0) for ask in spoken.asks(board, channels_of(spoken)))
    answer = exchange(spoken, board, query, true)[len(query) :]
    listener = tap(spoken)
    assert not listener.hear(answer, 0.0)
    assert not listener.hear(b"", 10.0)


@EVERY
def test_the_answer_of_another_board_is_not_taken_for_the_one_that_was_asked(spoken: Language) -> None:
    one, other = boards_of(spoken, 2)
    (query, *_) = (ask.request(0) for ask in spoken.asks(one, channels_of(spoken)))
    (foreign, *_) = (ask.request(0) for ask in spoken.asks(other, channels_of(spoken)))
    answer = exchange(spoken, other, foreign, cabinet(spoken, 2))[len(foreign) :]
    listener = tap(spoken, 2)
    told = [*listener.hear(query + answer, 0.0), *listener.hear(b"", 1.0)]
    assert not [each for each in told if isinstance(each, Overheard) and isinstance(each.brought, Batch)]


@EVERY
def test_a_board_that_does_not_answer_its_host_is_missed(spoken: Language) -> None:
    (board,) = boards_of(spoken)
    ask = spoken.asks(board, channels_of(spoken))[0]
    listener = tap(spoken)
    told = [*listener.hear(ask.request(0), 0.0), *listener.hear(b"", HUSH_S)]
    assert told == []
    assert listener.alarm_s <= ANSWER_MOST_S
    assert list(listener.hear(b"", ANSWER_MOST_S)) == [Overheard("board-1", 0, "timeout", ANSWER_MOST_S)]
    assert listener.alarm_s == float("inf")


@EVERY
def test_an_answer_behind_a_spoilt_query_is_not_taken_for_the_answer_to_the_one_before(spoken: Language) -> None:
    (board,) = boards_of(spoken)
    ask = spoken.asks(board, channels_of(spoken))[0]
    octets = exchange(spoken, board, ask.request(0), cabinet(spoken, 5))
    query, answer = ask.request(0), octets[len(ask.request(0)) :]
    spoilt = bytes((*query[:-1], query[-1] ^ 0x40))
    listener = tap(spoken)
    told = [*listener.hear(query, 0.0), *listener.hear(b"", HUSH_S), *listener.hear(spoilt, 0.2)]
    told += [*listener.hear(b"", 0.2 + HUSH_S), *listener.hear(answer, 0.3), *listener.hear(b"", 0.3 + HUSH_S)]
    assert told == [Overheard("board-1", 0, "garbage", told[0].at_s)]


@EVERY
def test_a_host_that_asks_again_and_again_in_vain_is_understood_and_then_answered(spoken: Language) -> None:
    true = cabinet(spoken, 3)
    (board,) = boards_of(spoken)
    ask = spoken.asks(board, channels_of(spoken))[0]
    listener = tap(spoken)
    told: list[Overheard | Told] = []
    for n in range(3):
        told += listener.hear(ask.request(0), 0.1 * n)
        told += listener.hear(b"", 0.1 * n + HUSH_S)
    told += listener.hear(exchange(spoken, board, ask.request(0), true), 0.5)
    told += listener.hear(b"", 0.5 + HUSH_S)
    assert [each.brought for each in told if isinstance(each, Overheard)][:-1] == ["timeout"] * 3
    assert isinstance(told[-1], Overheard)
    assert isinstance(told[-1].brought, Batch)


@EVERY
def test_an_order_of_the_host_is_told_once_and_changes_no_state(spoken: Language) -> None:
    order, meant = OPENS[spoken.name]
    if isinstance(order, bytes):
        from drivers.lockers import yt_ascii

        frame = yt_ascii._framed(order[:-1])
    else:
        frame = bytes.fromhex(order)
    listener = tap(spoken)
    told = [*listener.hear(frame * (2 if spoken.orders_echoed else 1), 0.0), *listener.hear(b"", HUSH_S)]
    (one,) = told
    assert isinstance(one, Told)
    assert (one.device, one.kind, one.points, one.values) == ("board-1", "open", tuple(f"door.{n}" for n in meant), ())


def test_a_change_that_a_board_reports_is_told() -> None:
    listener = tap(language("wkly"))
    assert list(listener.hear(report(0, 5, True), 1.0)) == [Told("board-1", "report", ("door.5",), (True,), 1.0)]
    assert not listener.hear(report(9, 5, True), 2.0)
    assert not listener.hear(report(0, 40, True), 3.0)


@pytest.mark.parametrize("name", ["lock24_8a80", "wkly"])
def test_the_status_of_one_door_is_told_when_the_host_asked_for_it_and_once(name: str) -> None:
    spoken = language(name)
    query = {"lock24_8a80": "80 01 03 33 B1", "wkly": "57 4B 4C 59 09 00 83 03 80"}[name]
    (board,) = boards_of(spoken)
    octets = exchange(spoken, board, bytes.fromhex(query), Cabinet([True] * 16))
    answer = octets[len(bytes.fromhex(query)) :]
    listener = tap(spoken)
    told = [*listener.hear(octets + answer, 1.0), *listener.hear(b"", 1.0 + HUSH_S)]
    assert told == [Told("board-1", "report", ("door.3",), (True,), 1.0)]


@EVERY
@given(noise=st.binary(max_size=3000))
def test_no_bytes_disturb_a_listener_and_its_memory_is_bounded(spoken: Language, noise: bytes) -> None:
    true = cabinet(spoken, 4)
    (board,) = boards_of(spoken)
    ask = spoken.asks(board, channels_of(spoken))[0]
    listener = tap(spoken, 2)
    listener.hear(noise, 0.0)
    assert len(listener._buffer) <= 1024
    listener.hear(b"", 5.0)
    told = [*listener.hear(exchange(spoken, board, ask.request(0), true), 6.0), *listener.hear(b"", 7.0)]
    assert [each for each in told if isinstance(each, Overheard) and isinstance(each.brought, Batch)]
