"""The saturation machine: levels by thresholds that hold, states beside them, and no chatter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.load.machine import LEVELS, Machine, State, Transition
from agent.load.ways import DIP, Signs
from config.load_settings import DEFAULTS, MODES, NORMAL, Mode, Thresholds

STEP_S = 5.0
CALM = Signs(load_index=40.0, fill=0.1, tts_min=None, missing=None, settled_s=900.0)


class Play:
    """A machine that is shown signs every five seconds."""

    def __init__(self, limits: Thresholds = NORMAL, mode: Mode = "normal") -> None:
        self.machine = Machine(30.0)
        self.limits, self.mode = limits, mode
        self.now_s = 1000.0
        self.told: list[Transition] = []

    def show(self, signs: Signs, lasting_s: float) -> State:
        for _ in range(int(lasting_s / STEP_S)):
            self.now_s += STEP_S
            found = self.machine.advance(self.now_s, signs, self.limits, self.mode)
            self.told += [found] if found else []
        return self.machine.state

    def calm(self) -> Play:
        assert self.show(CALM, 120) == "NORMAL"
        self.told.clear()
        return self


def at_index(index: float) -> Signs:
    return CALM._replace(load_index=index)


def test_nothing_is_said_of_a_line_until_its_figures_were_there_and_settled() -> None:
    play = Play()
    assert play.show(CALM._replace(settled_s=100.0), 600) == "UNKNOWN"
    assert play.show(CALM, 120) == "NORMAL"
    assert [(one.before, one.after, one.cause) for one in play.told] == [("UNKNOWN", "NORMAL", "known")]


def test_a_line_that_is_full_when_it_is_first_known_is_never_called_calm() -> None:
    play = Play()
    play.show(at_index(120.0), 120)
    assert [one.after for one in play.told] == ["OVERFLOW"]


@pytest.mark.parametrize(("index", "holds_s", "state"), [(80, 300, "BUSY"), (79.9, 300, "NORMAL"), (80, 290, "NORMAL")])
def test_a_level_is_entered_at_its_threshold_once_that_held(index: float, holds_s: float, state: State) -> None:
    assert Play().calm().show(at_index(index), holds_s + STEP_S) == state


def test_a_figure_that_falls_just_short_stops_the_clock_of_a_level_and_does_not_set_it_back() -> None:
    play = Play().calm()
    play.show(at_index(80.0), 200)
    assert play.show(at_index(80.0 * (1.0 - DIP)), 3600) == "NORMAL", "short is short, for however long"
    assert play.show(at_index(80.0), 105 - STEP_S) == "NORMAL"
    assert play.show(at_index(80.0), STEP_S) == "BUSY"
    assert play.told[-1].held_s == NORMAL.busy_s
    play = Play().calm()
    play.show(at_index(80.0), 200)
    play.show(at_index(79.1), STEP_S)
    assert play.show(at_index(80.0), 295) == "NORMAL", "what fell deeper begins anew"


def test_a_forecast_that_slips_by_a_minute_stops_the_clock_too_and_one_that_is_gone_sets_it_back() -> None:
    play = Play().calm()
    for tts_min, lasting_s in ((119.0, 400), (121.0, 60)):
        play.show(CALM._replace(tts_min=tts_min), lasting_s)
    assert play.show(CALM._replace(tts_min=119.0), 210) == "SATURATED"
    play = Play().calm()
    for tts_min, lasting_s in ((119.0, 400), (None, STEP_S)):
        play.show(CALM._replace(tts_min=tts_min), lasting_s)
    assert play.show(CALM._replace(tts_min=119.0), 400) == "NORMAL"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([79.0, 79.3, 79.9, 80.0, 80.4]), st.integers(1, 30)), max_size=40))
def test_a_level_begins_when_its_threshold_was_passed_for_its_hold_but_for_shallow_dips(
    shown: list[tuple[float, int]],
) -> None:
    """Against the plain sum: seconds at the threshold since the figure was last truly below it."""
    play, held_s, was_short = Play().calm(), 0.0, True
    for index, steps in shown:
        for _ in range(steps):
            if index < 80.0 * (1.0 - DIP):
                held_s, was_short = 0.0, True
            elif index >= 80.0:
                held_s, was_short = (0.0, False) if was_short else (held_s + STEP_S, False)
            state = play.show(at_index(index), STEP_S)
            assert (state == "BUSY") == (held_s >= NORMAL.busy_s)
            if state == "BUSY":
                return


def test_levels_rise_a_step_an_evaluation_and_each_says_why() -> None:
    play = Play().calm()
    play.show(at_index(99.0), 320)
    assert [(one.before, one.after) for one in play.told] == [("NORMAL", "BUSY"), ("BUSY", "SATURATED")]
    assert {(one.cause, one.value, one.threshold, one.mode) for one in play.told} == {
        ("load_index", 99.0, 95.0, "normal")
    }
    assert all(one.held_s >= 300 for one in play.told)


def test_a_full_floor_is_an_overflow_at_once_from_anywhere() -> None:
    play = Play().calm()
    play.show(CALM._replace(load_index=100.0, fill=1.0), 130)
    assert [(one.before, one.after, one.cause, one.value) for one in play.told] == [
        ("NORMAL", "OVERFLOW", "fill_ratio", 1.0)
    ]


def test_a_floor_that_will_be_full_in_two_hours_is_saturated_long_before_the_index_says_so() -> None:
    play = Play().calm()
    assert play.show(CALM._replace(tts_min=110.0), 620) == "SATURATED"
    assert {one.cause for one in play.told} == {"tts_min"}
    assert play.show(CALM._replace(tts_min=150.0), 3600) == "SATURATED", "between two and three hours it stays"
    assert play.show(CALM._replace(forecast_settled=False), 3600) == "SATURATED", "no forecast yet is no calm"
    assert play.show(CALM, 1900) == "NORMAL"


def test_levels_end_below_where_they_began() -> None:
    play = Play().calm()
    play.show(at_index(99.0), 400)
    assert play.show(at_index(86.0), 3600) == "SATURATED"
    assert play.show(at_index(84.0), 890) == "SATURATED"
    assert play.show(at_index(84.0), 60) == "BUSY"
    assert play.show(at_index(70.0), 3600) == "BUSY"
    assert play.show(at_index(69.0), 700) == "NORMAL"


def test_an_overflow_ends_only_when_the_floor_has_room_and_the_index_fell() -> None:
    play = Play().calm()
    play.show(CALM._replace(load_index=100.0, fill=1.0), 200)
    assert play.show(CALM._replace(load_index=94.0, fill=0.95), 3600) == "OVERFLOW"
    assert play.show(CALM._replace(load_index=96.0, fill=0.5), 3600) == "OVERFLOW"
    assert play.show(CALM._replace(load_index=94.0, fill=0.89), 920) == "SATURATED"


@pytest.mark.parametrize(("missing", "after_s"), [("stale", 30), ("no_figures", 30), ("bad", 0)])
def test_missing_figures_are_unknown_never_calm(missing: str, after_s: float) -> None:
    play = Play().calm()
    gone = Signs(None, None, None, missing, 0.0)  # type: ignore[arg-type]
    assert play.show(gone, after_s) == "NORMAL"
    assert play.show(gone, 10) == "UNKNOWN"
    assert play.told[-1].cause == missing


def test_a_level_outlives_a_silence_unless_the_figures_say_that_it_ended() -> None:
    play = Play().calm()
    play.show(at_index(99.0), 400)
    gone = Signs(None, None, None, "stale", 0.0)
    assert play.show(gone, 300) == "UNKNOWN"
    assert play.show(at_index(88.0), 120) == "SATURATED", "88 is not below where it ends"
    play.show(gone, 300)
    assert play.show(at_index(60.0), 120) == "NORMAL"


def test_what_held_before_a_silence_does_not_count_after_it() -> None:
    play = Play().calm()
    play.show(at_index(96.0), 280)
    play.show(Signs(None, None, None, "stale", 0.0), 3600)
    play.show(at_index(60.0), 120)
    play.told.clear()
    assert play.show(at_index(96.0), 200) == "NORMAL"


def test_a_stopped_line_is_called_so_after_two_minutes_and_running_after_one() -> None:
    play = Play().calm()
    stopped = CALM._replace(run=False)
    assert play.show(stopped, 120) == "NORMAL"
    assert play.show(stopped, 10) == "STOPPED"
    assert play.show(CALM._replace(run=True), 55) == "STOPPED"
    assert play.show(CALM._replace(run=True), 15) == "NORMAL"
    assert [one.cause for one in play.told] == ["stopped", "running"]


def test_a_line_whose_run_input_falls_silent_is_not_said_to_run() -> None:
    play = Play().calm()
    play.show(CALM._replace(run=False), 180)
    play.show(CALM._replace(run=None), 120)
    assert [(one.after, one.cause) for one in play.told] == [("STOPPED", "stopped"), ("NORMAL", "known")]


def test_modes_that_are_ordered_one_after_the_other_do_not_keep_a_line_without_figures_calm() -> None:
    play = Play().calm()
    for turn in range(8):
        play.limits = DEFAULTS["peak" if turn % 2 else "normal"]
        play.show(CALM._replace(load_index=None, missing="stale"), 10)
    assert play.machine.state == "UNKNOWN"


def test_a_suspended_site_is_suspended_whatever_else_is_known_and_resumes() -> None:
    play = Play().calm()
    assert play.show(CALM._replace(load_index=150.0, suspended="epidemic"), 3600) == "SUSPENDED"
    assert play.show(CALM, 10) == "NORMAL"
    assert [one.cause for one in play.told] == ["suspended", "resumed"]
    play.show(CALM._replace(suspended="epidemic"), 60)
    assert play.show(Signs(None, None, None, "stale", 0.0), 10) == "UNKNOWN", "not calm because it was suspended"


@pytest.mark.parametrize("mode", MODES)
def test_thresholds_are_those_of_the_mode(mode: Mode) -> None:
    limits = DEFAULTS[mode]
    play = Play(limits, mode).calm()
    assert play.show(at_index(limits.busy - 0.1), 3600) == "NORMAL"
    assert play.show(at_index(limits.busy), limits.busy_s + STEP_S) == "BUSY"
    assert play.told[-1].mode == mode


def test_another_mode_begins_to_hold_anew() -> None:
    play = Play().calm()
    play.show(at_index(82.0), 290)
    play.limits, play.mode = DEFAULTS["peak"], "peak"
    assert play.show(at_index(82.0), 3600) == "NORMAL"
    play.limits, play.mode = NORMAL, "normal"
    assert play.show(at_index(82.0), 290) == "NORMAL"


def in_drill(index: float) -> Signs:
    return at_index(index)._replace(exercise=True)


def drilled(index: float) -> Play:
    """It was calm, and for an hour judged by the thresholds of an emergency."""
    play = Play().calm()
    play.limits, play.mode = DEFAULTS["emergency"], "emergency"
    play.show(in_drill(index), 3600)
    play.limits, play.mode = NORMAL, "normal"
    return play


@pytest.mark.parametrize(("index", "state"), [(60.0, "NORMAL"), (88.0, "BUSY"), (96.0, "SATURATED")])
def test_what_a_drill_brought_about_ends_with_it(index: float, state: State) -> None:
    play = drilled(88.0)
    assert play.machine.state == "SATURATED"
    assert play.show(at_index(index), STEP_S) == state
    assert play.machine.cause == ("load_index" if state == "SATURATED" else "exercise_over")
    assert play.show(at_index(index), 3600) == state


def test_a_level_that_stood_before_a_drill_and_through_it_stands_after_it() -> None:
    play = Play().calm()
    play.show(at_index(99.0), 400)
    play.show(in_drill(88.0), 3600)
    assert play.show(at_index(88.0), 3600) == "SATURATED", "88 is not below where it ends"
    play.show(in_drill(60.0), 3600)
    play.show(in_drill(88.0), 3600)
    assert play.show(at_index(88.0), 3600) == "BUSY"


@pytest.mark.parametrize("between", [CALM._replace(run=False), CALM._replace(load_index=None, missing="stale")])
def test_a_drill_that_ends_while_no_level_is_told_leaves_none_of_its_own(between: Signs) -> None:
    play = drilled(88.0)
    assert play.show(between._replace(exercise=True), 300) not in LEVELS
    play.show(between, 300)
    assert play.show(at_index(88.0)._replace(run=True), 200) == "BUSY"


def test_figures_that_are_missing_as_a_drill_ends_are_waited_for() -> None:
    play = drilled(88.0)
    assert play.show(CALM._replace(load_index=None, missing="stale"), 10) == "SATURATED"
    assert play.show(at_index(88.0), STEP_S) == "BUSY"


def test_a_drill_that_ended_while_the_agent_was_down_leaves_nothing() -> None:
    play, again = drilled(88.0), Play()
    again.machine.restore(play.machine.kept(), 0.0)
    assert again.machine.state == "SATURATED"
    assert again.show(at_index(88.0), STEP_S) == "BUSY"


def test_a_state_of_a_release_that_knew_no_drills_goes_on() -> None:
    play = Play().calm()
    play.show(at_index(99.0), 400)
    again = Play()
    again.machine.restore(play.machine.kept()[:4], 0.0)
    assert again.show(at_index(88.0), 3600) == "SATURATED"


def test_a_restart_is_no_transition() -> None:
    play = Play().calm()
    play.show(at_index(99.0), 400)
    kept, again = play.machine.kept(), Play()
    again.now_s = 50.0
    again.machine.restore(kept, 50.0 - play.now_s)
    assert again.machine.state == "SATURATED"
    assert again.show(Signs(None, None, None, "no_figures", 0.0), 25) == "SATURATED"
    assert again.show(at_index(99.0)._replace(settled_s=10.0, forecast_settled=False), 600) == "SATURATED"
    assert again.told == []
    assert again.machine.since_s is not None and again.machine.since_s < 0


@pytest.mark.parametrize(
    "kept",
    [
        None,
        [],
        {},
        ["CALM", "known", 0, 1.0],
        ["BUSY", "x", 1, 1.0],
        ["BUSY", "known", 9, 1.0],
        ["BUSY"] * 4,
        ["BUSY", "known", 1, 1.0, []],
    ],
)
def test_what_is_no_state_is_refused_and_changes_nothing(kept: object) -> None:
    machine = Machine(30.0)
    with pytest.raises(ValueError, match="no state"):
        machine.restore(kept, 0.0)
    assert (machine.state, machine.rank) == ("UNKNOWN", 0)


# no chatter


def noisy(levels: list[tuple[float, int]], noise: float, seed: int) -> Iterator[float]:
    """The index over time: plateaus with ramps of ten minutes between, and noise within the hysteresis."""
    rng = Random(seed)
    before = 40.0
    for level, minutes in levels:
        for step in range(minutes * 12):
            ramped = before + (level - before) * min(1.0, step / 120)
            yield ramped + rng.uniform(-noise, noise)
        before = level


@settings(max_examples=60, deadline=None)
@given(
    episodes=st.lists(st.tuples(st.sampled_from([40.0, 60.0, 87.0, 103.0, 125.0]), st.integers(30, 90)), max_size=6),
    noise=st.floats(0.0, 4.0),
    seed=st.integers(0, 2**32),
)
def test_noise_within_the_hysteresis_makes_no_transition_of_its_own(
    episodes: list[tuple[float, int]], noise: float, seed: int
) -> None:
    """At most one transition into and out of a level for each time that the load truly passes it."""
    play = Play().calm()
    for index in noisy(episodes, noise, seed):
        play.show(at_index(index), STEP_S)
    plateaus = [40.0, *(level for level, _ in episodes)]
    for rank, (enter, leave) in enumerate([(80, 70), (95, 85), (110, 95)], start=1):
        ups = sum(one.after in LEVELS[rank:] and one.before in LEVELS[:rank] for one in play.told)
        downs = sum(one.before in LEVELS[rank:] and one.after in LEVELS[:rank] for one in play.told)
        passes = sum(before - noise < enter <= after + noise for before, after in pairwise(plateaus))
        falls = sum(after - noise < leave for _, after in pairwise(plateaus))
        assert ups <= passes
        assert downs <= min(ups, falls)


@settings(max_examples=60, deadline=None)
@given(
    gap=st.sampled_from([0.1, 0.5, 5.0]),
    shown=st.lists(st.tuples(st.sampled_from([-1.0, 0.5, 1.5, 9.0]), st.integers(1, 200)), min_size=3, max_size=12),
)
def test_however_narrow_the_thresholds_a_level_that_ended_begins_again_only_after_its_whole_hold(
    gap: float, shown: list[tuple[float, int]]
) -> None:
    play = Play(replace(NORMAL, busy_leave=80.0 - gap)).calm()
    above_s = 0.0
    for gaps_below, steps in shown:
        for _ in range(steps):
            before = play.machine.state
            above_s += STEP_S * (gaps_below < 0)
            after = play.show(at_index(80.0 - gap * gaps_below), STEP_S)
            if (before, after) == ("NORMAL", "BUSY"):
                assert above_s >= NORMAL.busy_s
            elif (before, after) == ("BUSY", "NORMAL"):
                above_s = 0.0


@settings(max_examples=60, deadline=None)
@given(
    shown=st.lists(
        st.tuples(
            st.builds(
                Signs,
                load_index=st.none() | st.floats(0, 200),
                fill=st.none() | st.floats(0, 2),
                tts_min=st.none() | st.floats(0, 1440),
                missing=st.none() | st.sampled_from(["stale", "bad", "no_figures"]),
                settled_s=st.floats(0, 900),
                forecast_settled=st.booleans(),
                run=st.none() | st.booleans(),
                suspended=st.sampled_from(["", "weather"]),
                exercise=st.booleans(),
            ),
            st.floats(5.0, 2000.0),
        ),
        max_size=12,
    )
)
def test_whatever_is_shown_states_follow_each_other_and_levels_move_by_one_step(
    shown: list[tuple[Signs, float]],
) -> None:
    play = Play()
    for signs, lasting_s in shown:
        state = play.show(signs, lasting_s)
        if signs.suspended:
            assert state == "SUSPENDED"
        elif signs.missing and lasting_s > 60:
            assert state in {"UNKNOWN", "STOPPED"}
    assert all(one.after == two.before for one, two in pairwise(play.told))
    for one in play.told:
        assert one.before != one.after
        by_step = one.after != "OVERFLOW" and one.cause != "exercise_over"
        if by_step and one.before in LEVELS and one.after in LEVELS:
            assert abs(LEVELS.index(one.after) - LEVELS.index(one.before)) == 1
