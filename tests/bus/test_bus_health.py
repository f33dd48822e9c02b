"""A silent unit is held off for longer and longer, its bus loses little time, and it is found again."""

from __future__ import annotations

import pytest
from fault_matrix import Figure
from hypothesis import given
from hypothesis import strategies as st

from agent.bus.health import LONGEST_HOLD_S, BusHealth
from drivers.budget import DEAD_SHARE, MISSES_TO_OPEN

TIMEOUT_S = 0.75


def probes(health: BusHealth, unit: int, period_s: float, length_s: float) -> list[float]:
    """The moments at which a unit that never answers is asked, when it is due each period."""
    asked = []
    for cycle in range(int(length_s / period_s)):
        now_s = cycle * period_s
        if health.may_ask(unit, now_s):
            asked.append(now_s)
            health.missed(unit, now_s + TIMEOUT_S, TIMEOUT_S)
    return asked


def test_a_unit_that_misses_now_and_then_is_asked_each_time() -> None:
    health = BusHealth()
    for cycle in range(100):
        assert health.may_ask(1, cycle)
        if cycle % MISSES_TO_OPEN == 0:
            health.answered(1)
        else:
            health.missed(1, cycle, TIMEOUT_S)


@pytest.mark.fault("B1")
def test_the_pauses_between_probes_double_up_to_a_minute(figure: Figure) -> None:
    asked = probes(BusHealth(), 1, 1.0, 600)
    pauses = [
        later - earlier for earlier, later in zip(asked[MISSES_TO_OPEN - 1 :], asked[MISSES_TO_OPEN:], strict=False)
    ]
    assert pauses == sorted(pauses)
    assert len(asked) < 20
    figure(first_pause_s=pauses[0], longest_pause_s=pauses[-1])
    assert LONGEST_HOLD_S <= pauses[-1] <= LONGEST_HOLD_S + 2


def test_a_unit_that_answers_its_probe_is_well_again_at_once() -> None:
    health = BusHealth()
    probes(health, 1, 1.0, 100)
    assert health.is_open(1)
    health.answered(1)
    assert not health.is_open(1)
    assert health.may_ask(1, 100.5)
    assert health.may_ask(1, 100.5)


def test_a_slowly_polled_silent_unit_is_passed_over_every_other_time_at_least() -> None:
    asked = probes(BusHealth(), 1, 300.0, 30000)
    assert len(asked) <= MISSES_TO_OPEN + 50


def test_a_silent_unit_says_nothing_about_another_one() -> None:
    health = BusHealth()
    probes(health, 1, 1.0, 100)
    assert health.may_ask(2, 100.1)
    assert not health.is_open(2)


def test_the_same_unit_number_on_two_buses_is_two_units() -> None:
    north, south = BusHealth(), BusHealth()
    probes(north, 1, 1.0, 100)
    assert north.is_open(1)
    assert not south.is_open(1)
    assert south.may_ask(1, 100.1)


def test_a_new_link_gives_every_unit_its_chance() -> None:
    health = BusHealth()
    probes(health, 1, 1.0, 100)
    health.fresh_start()
    assert health.may_ask(1, 100.1)


@pytest.mark.fault("B1")
@given(dead=st.integers(1, 30), period_s=st.sampled_from([0.1, 0.5, 1.0, 2.0]))
def test_all_silent_units_together_take_a_tenth_of_the_wire_at_most(dead: int, period_s: float) -> None:
    health = BusHealth()
    spent_s = 0.0
    now_s = 0.0
    until_s = 400.0
    settled_s = 0.0
    while now_s < until_s:
        for unit in range(dead):
            if health.may_ask(unit, now_s):
                now_s += TIMEOUT_S
                if all(health.is_open(each) for each in range(dead)):
                    spent_s += TIMEOUT_S
                else:
                    settled_s = now_s
                health.missed(unit, now_s, TIMEOUT_S)
        now_s += period_s
    assert spent_s <= DEAD_SHARE * (until_s - settled_s) + 2 * TIMEOUT_S


def test_every_silent_unit_gets_a_probe_in_the_end() -> None:
    health = BusHealth()
    last = dict.fromkeys(range(8), 0.0)
    for cycle in range(1200):
        for unit in last:
            if health.may_ask(unit, float(cycle)):
                last[unit] = cycle
                health.missed(unit, cycle + TIMEOUT_S, TIMEOUT_S)
    assert all(at >= 1200 - 3 * LONGEST_HOLD_S for at in last.values())


def test_a_unit_is_doubted_from_its_first_silence_to_its_next_answer() -> None:
    health = BusHealth()
    assert not health.is_doubted(1)
    health.missed(1, 10.0, TIMEOUT_S)
    assert health.is_doubted(1) and not health.is_open(1) and not health.is_doubted(2)
    health.answered(1)
    assert not health.is_doubted(1)
