"""Power cuts under a real ext4, where the machine lets us: the disk model's promises hold on a file system too."""

from __future__ import annotations

from functools import partial

import block_log
import pytest
from fault_matrix import Figure
from lives import gathered


@pytest.fixture(scope="module", autouse=True)
def _a_machine_that_can() -> None:
    if reason := block_log.why_not():
        pytest.skip(reason)


@pytest.mark.fault("S1")
def test_no_power_cut_under_ext4_loses_what_was_acknowledged(thorough: bool, figure: Figure) -> None:
    wanted, life = (3000, block_log.life) if thorough else (60, partial(block_log.life, cuts=60))
    tally = gathered(life, 1, wanted)
    figure(crash_states=tally.states, acknowledged_lost=tally.kinds["lost"], state_mismatches=tally.kinds["mismatch"])
    figure(identities_reused=tally.kinds["reused"], refusals_to_start=tally.kinds["refused"])
    assert (tally.failed, tally.first) == (0, "")


@pytest.mark.fault("S1")
def test_under_ext4_too_a_spool_that_does_not_flush_is_found_out(figure: Figure) -> None:
    tally = block_log.control(1, 25)
    figure(found_out_share=tally.failed / tally.states)
    assert tally.failed
