"""Days of the twin through the real load model: states, stops and forecasts are told as they were, without chatter."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from agent.load.machine import LEVELS
from agent.twin.docks import Dock
from agent.twin.flow import Gate
from agent.twin.script import AFTER_STORM, KINDS, STORM_SHARE, DayKind, script
from config.load_settings import DEFAULTS, NORMAL
from tests.kit.judged_day import Judged, Real, judge, rises, true_ranks
from tests.kit.played_day import LINES, SITE, Played, play

HOURS = 10
SEEDS = (1, 2)
ROOT = Path(__file__).resolve().parents[2]


@cache
def judged(kind: DayKind, seed: int) -> tuple[Played, Judged]:
    day = play(kind, seed, HOURS * 3600.0)
    return day, judge(day)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_day_is_told_as_it_was_with_at_most_one_pair_of_transitions_a_real_episode(kind: DayKind, seed: int) -> None:
    day, found = judged(kind, seed)
    assert found.faults == []
    assert any(one.told for one in found.levels)
    assert day.moves


@pytest.mark.parametrize("seed", SEEDS)
def test_a_sale_fills_the_floor_and_it_is_warned_of_and_told(seed: int) -> None:
    day, found = judged("sale", seed)
    assert found.fulls
    assert max(level for _, _, level in day.flows[SITE]) > 8_000
    assert all(full.leads_min for full in found.fulls)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stopped_line_and_lost_mains_are_told_as_stops(seed: int) -> None:
    assert [stop.subject for stop in judged("stop", seed)[1].stops] == [LINES[0].id]
    assert [stop.subject for stop in judged("typhoon", seed)[1].stops] == [SITE, *(line.id for line in LINES)]


def test_a_jam_is_told_as_blocked_and_not_as_a_stop() -> None:
    day, found = judged("jam", 1)
    assert found.blocked_s > 900
    assert not any(move.after == "STOPPED" for _, _, move in day.moves)


def test_a_rush_fills_the_locker_and_that_is_told() -> None:
    day, _ = judged("lockers", 1)
    assert max(look.occupied for look in day.looks) == 30
    assert max(look.occupied_told or 0 for look in day.looks) == 30


def test_the_judge_sees_chatter() -> None:
    """What is told more often than it was is a fault, whatever else was right."""
    day, found = judged("normal", 1)
    again = [move for move in day.moves if move[1] == SITE and move[2].after in LEVELS]
    flickering = Played(day.kind, day.seed, day.mode, day.script, day.looks, [*day.moves, *again * 9], [], day.flows)
    flickering.counted = day.counted
    assert found.faults == []
    assert any("told" in fault for fault in judge(flickering).faults)


def test_a_true_level_ends_where_it_is_left_and_not_where_it_was_entered() -> None:
    indices = [70, 81, 75, 81, 69, 81]
    ranks = true_ranks([Real(index, 0.0, float("inf")) for index in indices], NORMAL)
    assert ranks == [0, 1, 1, 1, 0, 1]
    assert rises(ranks, 1) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_is_the_same_day_and_another_is_another(kind: DayKind) -> None:
    assert script(kind, 7) == script(kind, 7)
    assert kind in {"normal", "peak"} or script(kind, 7) != script(kind, 8)


def test_few_trucks_come_through_a_storm_none_without_mains_and_more_after_it() -> None:
    day = script("typhoon", 3)
    [storm], [mains] = list(day.of("storm")), list(day.of("mains"))
    assert day.roads(storm.begin_s - 1.0) == 1.0
    assert day.roads(mains.begin_s - 1.0) == pytest.approx(STORM_SHARE)
    assert day.roads(mains.begin_s) == 0.0
    assert day.roads(storm.end_s + 3600.0) == pytest.approx(AFTER_STORM)


def test_docks_count_each_parcel_once_and_no_faster_than_their_counters_can() -> None:
    gates, parcels = [Gate(1.0), Gate(1.0)], 0
    dock = Dock(gates, lambda: parcels)
    for second, parcels in enumerate((5, 5, 5, 9, 9, 9, 9, 9, 9, 9, 9), start=1):
        dock.advance(float(second))
        assert sum(gate.count for gate in gates) <= min(parcels, 2 * second + 2)
    assert sum(gate.count for gate in gates) == 9


def test_the_command_tells_the_day_as_json_and_as_a_picture(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "tests/kit/twin_days.py", "--day", "stop", "--hours", "4", "--json", "--png"]
    done = subprocess.run([*command, tmp_path], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["stop"]
    assert told["judged"]["faults"] == []
    assert told["judged"]["stops"][0]["told_s"] is not None
    assert (tmp_path / "stop-1.png").read_bytes().startswith(b"\x89PNG")
    assert DEFAULTS[told["mode"]] == NORMAL
