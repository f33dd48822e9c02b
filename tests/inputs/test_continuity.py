"""Flow continuity: the share of the last hour in which a line ran, against every second of it; nothing is made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inputs.continuity import ENOUGH_S, HOUR_S, MARK_S, Continuity

BEAT_S = 5.0


def play(*parts: tuple[bool | None, float]) -> tuple[Continuity, list[bool | None]]:
    """A line that ran, stood or was unknown for so many seconds each, and what it did in each beat."""
    flow, at_s, did = Continuity(), 1000.0, list[bool | None]()
    flow.advance(at_s, 0.0, parts[0][0])
    for run, lasts_s in parts:
        for _ in range(int(lasts_s / BEAT_S)):
            flow.advance(at_s, 0.0, run)
            at_s += BEAT_S
            flow.advance(at_s, BEAT_S, run)
            did.append(run)
    return flow, did


def test_flow_continuity_is_of_the_last_hour_and_of_what_is_known_of_it() -> None:
    assert play((True, 595.0))[0].pct is None, "nobody draws a share of less than ten minutes"
    assert play((True, 600.0))[0].pct == 100.0
    assert play((True, 2700.0), (False, 900.0))[0].pct == 75.0
    assert play((True, 900.0), (None, 1800.0), (False, 300.0))[0].pct == 75.0, "what is not known counts for nothing"
    assert play((False, 7200.0), (True, 3600.0))[0].pct == 100.0, "what is longer ago than an hour neither"
    assert play((True, 3600.0), (None, 3600.0))[0].pct is None


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(1, 400).map(lambda n: n * BEAT_S))))
def test_whatever_a_line_does_its_continuity_is_that_of_every_beat_of_the_hour(
    parts: list[tuple[bool | None, float]],
) -> None:
    if not parts:
        assert Continuity().pct is None
        return
    flow, did = play(*parts)
    assert flow.stood_s == BEAT_S * did.count(False)
    hour = did[-int(HOUR_S / BEAT_S) :]
    known_s = BEAT_S * sum(run is not None for run in hour)
    if flow.pct is None:
        assert known_s < ENOUGH_S
    elif known_s >= ENOUGH_S:
        slack = 100.0 * (MARK_S + BEAT_S) / known_s
        assert flow.pct == pytest.approx(100.0 * BEAT_S * hour.count(True) / known_s, abs=slack)
