"""A whole site for half a minute: real devices, wires, agent, broker and bureau, and faults at each of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fault_matrix import Figure
from hardship import CAN_BE_WRONG
from soak import soak
from soak_site import records


@pytest.mark.fault("N7", "N8", "P5", "P6", "C1", "C2", "C4")
def test_through_kills_outages_an_unplugged_line_wraps_and_a_reset_every_total_at_the_bureau_is_the_devices_truth(
    tmp_path: Path, figure: Figure
) -> None:
    said: list[str] = []
    (kept := tmp_path / "kept").mkdir()
    verdict = soak(24.0, seed=20261123, kills=3, outages=2, say=said.append, keep=kept)
    figure(counters=len(verdict.counters), parcels=sum(verdict.counters.values()), differences=len(verdict.differences))
    figure(at_the_centre=len(verdict.centre_differences), residual=verdict.books["residual"])
    assert verdict.differences == []
    assert verdict.outside == []
    assert min(verdict.counters.values()) >= 0
    assert sum(verdict.counters.values()) > 50
    assert verdict.wraps >= 1
    assert verdict.resets >= 1
    assert all(scans.good for scans in verdict.scans.values()), verdict.scans
    assert sum(verdict.scans["north"].bureau.values()) > 4000
    assert verdict.waybills_in == []
    assert verdict.books["residual"] == 0
    assert verdict.centre is not None
    assert verdict.centre.is_whole, verdict.centre
    assert verdict.centre_differences == []
    assert verdict.centre.messages > 100
    assert verdict.vitals["most_resident_mb"] is not None and verdict.vitals["most_resident_mb"] < 64
    assert said.count("broker wiped") == said.count("consumer killed") == said.count("agent paused") == 1
    assert verdict.online is False
    assert said.count("agent killed") == 3
    assert clock_was_wrong(kept) == CAN_BE_WRONG, "else no wrong clock was tried"


def clock_was_wrong(folder: Path) -> bool:
    """Whether the site said of a message that its clock was not set: it stood in 1970 for a while."""
    return any(b'"tsq":"none"' in record for record in records(folder))
