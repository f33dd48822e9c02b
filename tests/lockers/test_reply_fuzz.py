"""However replies of locker boards are spoilt, asked for or overheard: no door and no item is ever wrong."""

from __future__ import annotations

import os

import pytest
import reply_fuzz

from drivers.lockers import names

SCALE = int(os.environ.get("HUBPULSE_LOCKER_FUZZ", "1"))  # a bigger campaign: that many times the trials
TRIALS = 2000


@pytest.mark.fault("M5")
@pytest.mark.parametrize("overheard", [False, True], ids=["asked", "overheard"])
@pytest.mark.parametrize("name", names())
def test_no_spoilt_reply_makes_a_wrong_state(name: str, overheard: bool) -> None:
    told = reply_fuzz.run(name, TRIALS * SCALE, overheard=overheard)
    assert told["wrong"] == 0
    assert told["answers"] > TRIALS * SCALE // 4
    assert told["changes"] > 10
