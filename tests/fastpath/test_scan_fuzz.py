"""Whatever the bytes, the splits and the clock: the compiled counter counts what the plain model counts."""

from __future__ import annotations

import os

import pytest
import scan_fuzz

SCALE = int(os.environ.get("HUBPULSE_SCAN_FUZZ", "1"))  # a bigger campaign: that many times the streams
BATCHES = 10


def wrong(seeds: range, jumps: bool) -> dict[int, str]:
    return {seed: found for seed in seeds if (found := scan_fuzz.run(seed, jumps))}


@pytest.mark.parametrize("batch", range(BATCHES))
def test_lines_split_anywhere_between_connections_are_counted_as_the_model_counts_them(batch: int) -> None:
    streams = 3000 * SCALE // BATCHES
    assert not wrong(range(batch * streams, (batch + 1) * streams), jumps=False)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_clock_that_leaps_creeps_and_goes_back_makes_no_wrong_count(batch: int) -> None:
    streams = 1000 * SCALE // BATCHES
    assert not wrong(range(batch * streams, (batch + 1) * streams), jumps=True)
