"""Power cuts under a real ext4, where the machine lets us: the disk model's promises hold on a file system too."""

from __future__ import annotations

import block_log
import pytest
from fault_matrix import Figure


@pytest.fixture(scope="module", autouse=True)
def _a_machine_that_can() -> None:
    if reason := block_log.why_not():
        pytest.skip(reason)


@pytest.mark.fault("S1")
def test_no_power_cut_under_ext4_loses_what_was_acknowledged(thorough: bool, figure: Figure) -> None:
    tally = block_log.block_campaign(1, 3000 if thorough else 60, lambda _: None)
    figure(crash_states=tally.states, acknowledged_lost=tally.kinds["lost"], state_mismatches=tally.kinds["mismatch"])
    figure(identities_reused=tally.kinds["reused"], refusals_to_start=tally.kinds["refused"])
    assert (tally.failed, tally.first) == (0, "")


@pytest.mark.fault("S1")
def test_under_ext4_too_a_spool_that_does_not_flush_is_found_out(figure: Figure) -> None:
    tally = block_log.control(1, 25)
    figure(found_out_share=tally.failed / tally.states)
    assert tally.failed
