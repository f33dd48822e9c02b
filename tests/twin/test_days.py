"""Days of the twin through the real load model: states, stops and forecasts are told as they were, without chatter."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import copy
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from agent.load.machine import LEVELS
from agent.twin.docks import Dock
from agent.twin.flow import Gate
from agent.twin.script import AFTER_STORM, KINDS, STORM_SHARE, DayKind, script
from config.load_settings import DEFAULTS, NORMAL
from tests.kit.day_inputs import Told
from tests.kit.day_links import Hour
from tests.kit.judged_day import Judged, judge, reality, rises, true_ranks
from tests.kit.judged_levels import WINDOW_STEPS, Real, episodes, is_due
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


@pytest.mark.parametrize("seed", SEEDS)
def test_a_typhoon_is_told_by_its_alarms_and_a_last_gasp_and_none_is_missed_or_false(seed: int) -> None:
    day, found = judged("typhoon", seed)
    alarms = {one.alarm: one for one in found.alarms.true}
    assert set(alarms) == {"wind", "rain", "mains-site", "ups-site", "water"}
    assert {one.first_told for one in alarms.values()} <= {"wind", "rain"}
    assert (found.alarms.missed, found.alarms.false) == (0, ())
    assert day.gasps == [alarms["mains-site"].began_s]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_stopped_or_jammed_a_line_is_named_first(seed: int) -> None:
    stopped, jammed = (judged(kind, seed)[1].alarms.true for kind in ("stop", "jam"))
    first, *_ = sorted(stopped, key=lambda one: one.began_s)
    assert {one.alarm for one in stopped} == {"estop-north", "motor-fault-north"}
    assert {one.first_told for one in stopped} == {first.alarm}
    assert {(one.alarm, one.first_told) for one in jammed} == {
        ("chute-full-north", "chute-full-north"),
        ("jam-north", "chute-full-north"),
    }


@pytest.mark.parametrize("kind", ["normal", "peak", "sale", "lockers"])
def test_contacts_that_bounce_eyes_that_blink_and_gusts_are_no_alarm(kind: DayKind) -> None:
    day, found = judged(kind, 1)
    assert (day.true_alarms, day.told_alarms, found.alarms.false) == ([], [], ())


def test_the_judge_sees_alarms_that_are_missed_false_or_late_and_a_gasp_that_never_came() -> None:
    day, _ = judged("typhoon", 1)
    mains = next(one for one in day.told_alarms if one.alarm == "mains-site")

    def with_told(*told: Told) -> list[str]:
        others = [one for one in day.told_alarms if one != mains]
        return judge(replace(day, told_alarms=[*told, *others])).faults

    assert with_told(mains) == []
    assert len(with_told()) == 1
    assert len(with_told(mains._replace(at_s=mains.at_s + 60.0))) == 1
    assert len(with_told(mains._replace(first="water"))) == 1
    assert len(with_told(mains, mains._replace(alarm="smoke-site"))) == 1
    assert len(judge(replace(day, gasps=[])).faults) == 1


def test_lost_mains_take_the_drives_away_and_a_storm_the_gauge_but_nothing_that_has_power_and_a_cable() -> None:
    available = {one.device: one for one in judged("typhoon", 1)[1].available}
    assert available["drive-north"].true_pct < available["plc"].true_pct
    assert available["gauge"].went_n > available["plc"].went_n
    for one in available.values():
        assert one.told_pct == pytest.approx(one.true_pct, abs=0.5)
        assert one.known_pct == pytest.approx(one.known_true_pct, abs=0.5)
        assert one.known_pct < 100.0, "the agent itself was away for some minutes"


def test_the_judge_sees_an_hour_that_flatters_and_a_device_that_goes_away_more_often_than_is_told() -> None:
    day, found = judged("typhoon", 1)
    [worst, *_] = sorted(day.links.told, key=lambda hour: -hour.away_s)
    others = [hour for hour in day.links.told if hour != worst]

    def with_told(*told: Hour) -> list[str]:
        links = copy(day.links)
        links.told = [*told, *others]
        return judge(replace(day, links=links)).faults

    assert found.faults == with_told(worst) == []
    flattered = worst._replace(answered_s=worst.answered_s + 300.0, away_s=worst.away_s - 300.0)
    for wrong in (flattered, worst._replace(away_n=worst.away_n + 9)):
        [fault] = with_told(wrong)
        assert fault.startswith(worst.device)
    assert with_told()


def test_the_judge_sees_chatter() -> None:
    """What is told more often than it was is a fault, whatever else was right."""
    day, found = judged("normal", 1)
    again = [move for move in day.moves if move[1] == SITE and move[2].after in LEVELS]
    flickering = replace(day, moves=[*day.moves, *again * 9], warnings=[])
    assert found.faults == []
    assert any("told" in fault for fault in judge(flickering).faults)


def test_the_judge_sees_a_level_that_held_and_was_never_told() -> None:
    day, found = judged("normal", 1)
    assert any(one.episodes > one.short and one.level == "BUSY" for one in found.levels if one.subject == SITE)
    silent = replace(day, moves=[move for move in day.moves if move[1] != SITE])
    assert [fault for fault in judge(silent).faults if fault.startswith(f"{SITE} BUSY")]


def test_the_judge_asks_for_nothing_that_nobody_could_have_counted_by_the_end() -> None:
    """A window around a moment needs what comes after it; a machine has only what came before."""
    day, _ = judged("normal", 1)
    begin, _ = next(episodes(true_ranks(reality(day)[SITE], NORMAL), 1))
    for steps, missed in ((WINDOW_STEPS // 2 + 20, 0), (WINDOW_STEPS, 1)):
        flows = {name: flow[: begin + steps] for name, flow in day.flows.items()}
        found = judge(replace(day, flows=flows, moves=[]))
        [busy] = [one for one in found.levels if (one.subject, one.level) == (SITE, "BUSY")]
        assert (busy.episodes, busy.missed) == (1, missed)


@pytest.mark.parametrize(("steps", "due"), [(35, False), (36, True)])
def test_a_level_is_due_when_its_threshold_was_passed_for_its_hold_and_a_minute(steps: int, due: bool) -> None:
    above, between = Real(81, 0.0, float("inf")), Real(75, 0.0, float("inf"))
    assert is_due([between, *steps * [above], between, *20 * [above]], 1, NORMAL) is due


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
