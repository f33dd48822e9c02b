"""What can leave on a line with locker boards is one of the queries, whatever anybody wants to send."""

from __future__ import annotations

import os

import pytest
import transmit_fuzz

from drivers.lockers import language, names

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
