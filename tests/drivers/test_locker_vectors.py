"""Published frames of every locker board, queries and replies, each with its source; the wrong ones are refused."""

from __future__ import annotations

import pytest

from drivers import FrameError
from drivers.lockers import language

CU16 = "kerong_cu16"
QUERIES = [
    (CU16, 0, "02 00 30 03 35", "github.com/jin0949/KR-CU16_locker"),
]


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize(("name", "board", "query", "source"), QUERIES)
def test_a_published_query_is_what_we_send_and_passes_the_guard(name: str, board: int, query: str, source: str) -> None:
    spoken = language(name)
    assert octets(query) in {ask.request(0) for ask in spoken.asks(board, spoken.channels)}
    assert spoken.allows(octets(query)), source


def values(name: str, board: int, channels: int, reply: str) -> dict[str, bool | float | None]:
    buffer = bytearray(octets(reply))
    for ask in language(name).asks(board, channels):
        try:
            batch = ask.answer(buffer, 0, 0.0)
        except FrameError:
            continue
        assert batch is not None
        assert not buffer
        return dict(zip(ask.points, batch.values, strict=True))
    raise AssertionError("no ask takes this reply")


def test_cu16_hooks_and_infrared_stand_lowest_lock_first() -> None:
    seen = values(CU16, 0, 16, "02 00 35 81 02 01 80 03 3E")  # layout: TypeScript module for CU12 and CU16
    assert {name for name, value in seen.items() if value} == {"door.1", "door.8", "door.10", "item.1", "item.16"}
