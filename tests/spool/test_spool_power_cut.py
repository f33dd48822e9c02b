"""Power cuts at any write, replayed on the disk model, and known-bad spools that the same judge must find out."""

from random import Random

import pytest
from disk_model import ModelDisk, power_cut
from fault_matrix import Figure
from lives import gathered
from power_cuts import CONTROLS, life, lying_life, recorded, states
from spool_history import last_promise, open_spool

SEED = 1


@pytest.mark.fault("S1")
def test_no_power_cut_loses_what_was_acknowledged_or_parts_the_state_from_its_messages(
    thorough: bool, figure: Figure
) -> None:
    tally = gathered(life, SEED, 3000 if thorough else 2000)
    figure(crash_states=tally.states, acknowledged_lost=tally.kinds["lost"], state_mismatches=tally.kinds["mismatch"])
    figure(identities_reused=tally.kinds["reused"], refusals_to_start=tally.kinds["refused"])
    assert (tally.failed, tally.first) == (0, "")


@pytest.mark.fault("S1")
def test_power_cuts_after_failed_flushes_lose_nothing_either() -> None:
    for seed in range(3):
        assert [faults for _, faults in states(seed, *recorded(seed, 60, failing_share=0.1)) if faults] == []


@pytest.mark.fault("S1")
def test_a_second_power_cut_during_recovery_loses_nothing() -> None:
    disk, truth = recorded(100, 60)
    random = Random(1)
    for cut in range(1, len(disk.log), 2):
        log = disk.log[:cut]
        end = truth.commits[last_promise(log).commit].end
        again = ModelDisk(power_cut(disk.base, log, random))
        recovered = open_spool(again)
        possible = [recovered.state, b"recovered"]
        recovered.commit((), b"recovered")
        found = open_spool(ModelDisk(power_cut(again.base, again.log[: random.randint(0, len(again.log))], random)))
        held = dict(found.read(0, 1 << 20, 1 << 30))
        assert found.state in possible
        assert found.next_position >= end
        assert [at for at in range(found.acked, end) if held.get(at) != truth.contents[at]] == []


@pytest.mark.fault("S3")
def test_on_a_lying_card_the_spool_opens_and_what_it_returns_is_true(thorough: bool, figure: Figure) -> None:
    tally = gathered(lying_life, SEED, 2000 if thorough else 400)
    figure(crash_states=tally.states, refusals_to_start=tally.kinds["refused"], untrue_contents=tally.kinds["mismatch"])
    assert (tally.failed, tally.first) == (0, "")


@pytest.mark.fault("S1")
@pytest.mark.parametrize("control", CONTROLS)
def test_the_judge_finds_out_every_known_mistake(control: str, figure: Figure) -> None:
    tally = CONTROLS[control].tally(0)
    figure(found_out_share=tally.failed / tally.states)
    assert tally.failed
