"""The reporter over most of an hour: what moved is told with the next report, what did not at its heartbeat.

The same hour is played twice: once every report goes, once with a deadband. So what was left out is known.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
from reported_hour import Said, told

from agent.uplink.worth import ALWAYS
from config.reporting_settings import DEADBANDS

REPORT_S, HEARTBEAT_S, PLAYED_S = 10.0, 120.0, 1500
BANDS = {"in_pph": 300.0, "out_pph": 300.0, "load_index": 3.0, "fill_ratio": 0.02, "wip": 20.0, "headroom_pph": 300.0}
BANDS |= {"headroom_parcels": 25.0, "tts_min": 15.0, "backlog": 20.0}
PLACES = ("line/east/telemetry", "telemetry")


@cache
def played(*, metric: str = "") -> dict[str, list[Said]]:
    """What was said in the hour, with a deadband for that metric alone, "" without one."""
    bands = f"[reporting.deadband]\n{metric} = {BANDS[metric]}" if metric else ""
    said = told(PLAYED_S, REPORT_S, f"[reporting]\nheartbeat_s = {HEARTBEAT_S:g}\n{bands}")
    return {place: [one for one in said if one.tail == place] for place in PLACES}


def moved(before: Said, now: Said, metric: str) -> bool:
    """Whether the metric is further from what was told than its band, or something else must be told at once."""
    old, new = before.fields.get(metric), now.fields.get(metric)
    if any(before.fields.get(name) != now.fields.get(name) for name in (*ALWAYS, "q")):
        return True
    return abs(new - old) > BANDS[metric] if old is not None and new is not None else old != new


def test_every_metric_with_a_deadband_is_tried() -> None:
    assert set(BANDS) == set(DEADBANDS)
    names = {name for place in PLACES for one in played()[place] for name in one.fields}
    assert set(DEADBANDS) <= names


@pytest.mark.parametrize("place", PLACES)
def test_without_a_deadband_each_report_goes(place: str) -> None:
    times = [one.at_s for one in played()[place]]
    assert {later - earlier for earlier, later in pairwise(times[1:])} == {REPORT_S}
    assert len(times) >= PLAYED_S / REPORT_S


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("metric", DEADBANDS)
def test_what_moves_is_told_with_the_next_report_and_what_rests_at_its_heartbeat(metric: str, place: str) -> None:
    """Each report that would have gone is held against the one that was told last."""
    went = {one.at_s: one for one in played(metric=metric)[place]}
    last = went[min(went)]
    for now in played()[place]:
        if now.at_s <= last.at_s:
            continue
        due = moved(last, now, metric) or now.at_s - last.at_s >= HEARTBEAT_S
        assert (now.at_s in went) == due, (now.at_s, last.fields.get(metric), now.fields.get(metric))
        if due:
            same = {name: value for name, value in now.fields.items() if name in (*DEADBANDS, "counts", "q", "state")}
            assert same.items() <= went[now.at_s].fields.items()
            last = went[now.at_s]
    assert set(went) <= {one.at_s for one in played()[place]}, "never between two reports"
    assert len(went) < len(played()[place]) / 2


@pytest.mark.parametrize("place", PLACES)
def test_what_a_report_says_of_its_window_reaches_back_to_the_one_before(place: str) -> None:
    """Whatever is left out, the windows of those that go add up to all the time, their parcels to all parcels."""
    said = played(metric="load_index")[place]
    for before, now in pairwise(said):
        assert now.fields["win"] == pytest.approx(now.at_s - before.at_s, abs=0.1)
