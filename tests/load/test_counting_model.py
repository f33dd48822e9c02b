"""The whole counting path against a true device, searched for a history that breaks a promise."""

from __future__ import annotations

import pytest
from counting_path import MACHINES, CountingPath, search


@pytest.mark.fault("B11", "B12", "B13")
@pytest.mark.parametrize("machine", MACHINES)
def test_no_history_makes_a_total_untrue(machine: type[CountingPath]) -> None:
    search(machine, 120)
