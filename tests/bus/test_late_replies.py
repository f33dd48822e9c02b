"""A reply that comes after its time-out is never taken for the answer to a later ask."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from fault_matrix import Figure
from slaves import unit_device
from virtual_line import VirtualLine

from agent.bus.counts import Tally
from agent.bus.exchange import BabbleError, DoubtError, SilenceError
from agent.bus.quarantine import Quarantine
from agent.bus.serial_talk import Conversation
from drivers import FrameError
from drivers.modbus import asks
from drivers.wire import Wire

TIMEOUT_S = 0.1
WIRE = Wire(10 / 19200, 35 / 19200)
TRIALS = 1000


class Course:
    """Two units asked in turn, unit 1 as slow as `delay_s` says and unit 2 prompt: what came of it."""

    def __init__(self, delay_s: Callable[[], float], period_s: float = 0.3, trials: int = TRIALS) -> None:
        line = VirtualLine(lambda unit: delay_s() if unit == 1 else 0.01)
        self.tally = Tally()
        self.right = self.wrong = self.prompt = 0
        talk = Conversation(WIRE, TIMEOUT_S, self.tally)
        talk.begin(line)
        ask = {unit: asks(unit_device("plc", "line", unit, period_s), "rtu")[0] for unit in (1, 2)}
        for _ in range(trials):
            for unit in (1, 2):
                if talk.free_s(unit) > line.now():
                    continue
                with suppress(SilenceError, DoubtError, FrameError, BabbleError):
                    fresh = talk.ask(ask[unit]).values[0] == line.received[unit]
                    self.wrong += not fresh
                    self.right += fresh
                    self.prompt += unit == 2
            line.pause(line.now() + period_s)


@pytest.mark.fault("B4")
@pytest.mark.parametrize("timeouts", [1.15, 1.4, 1.9, 2.1, 2.7, 3.2, 3.9, 4.4, 5.5, 7.7, 9.1, 12.3, 25.0])
@pytest.mark.parametrize("period_s", [0.0, 0.3])
def test_a_unit_that_always_answers_late_never_gives_a_value(timeouts: float, period_s: float) -> None:
    course = Course(lambda: timeouts * TIMEOUT_S, period_s, 200)
    assert course.wrong == 0
    assert course.right == course.prompt > 100
    assert course.tally.late > 0


def test_an_answer_found_after_a_sleep_of_the_machine_is_no_value() -> None:
    class Sleepy(VirtualLine):
        """The machine is suspended for a minute while the reply comes in."""

        def pause(self, until_s: float) -> None:
            super().pause(until_s + 60 if self.received[1] == 1 else until_s)

    line = Sleepy(lambda _: 0.02)
    tally = Tally()
    talk = Conversation(WIRE, TIMEOUT_S, tally)
    talk.begin(line)
    ask = asks(unit_device("plc", "line", 1, 1.0), "rtu")[0]
    with pytest.raises(SilenceError):
        talk.ask(ask)
    assert (tally.answered, tally.timeout) == (0, 1)


Moods = Callable[[random.Random], float]

MOODS: dict[str, Moods] = {
    "stumbles": lambda chance: chance.uniform(1, 12) * TIMEOUT_S if chance.random() < 0.2 else 0.02,
    "stumbles rarely and for long": lambda chance: (
        chance.uniform(1, 40) * TIMEOUT_S if chance.random() < 0.03 else 0.02
    ),
    "is late by the same every other time": lambda chance: 3 * TIMEOUT_S if chance.random() < 0.5 else 0.02,
    "is unsteady": lambda chance: chance.expovariate(2 / TIMEOUT_S),
    "is unsteady with a long tail": lambda chance: chance.lognormvariate(-1, 1.2) * TIMEOUT_S,
    "loses requests": lambda chance: float("inf") if chance.random() < 0.05 else 0.02,
    "loses requests and stumbles": lambda chance: chance.choice((float("inf"), 0.02, 0.02, 0.02, 4 * TIMEOUT_S)),
}


@pytest.mark.fault("B4")
@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("period_s", [0.03, 0.3, 1.0])
def test_whatever_the_mood_of_a_unit_its_values_answer_the_last_ask(mood: str, period_s: float) -> None:
    chance = random.Random(f"{mood} {period_s}")
    course = Course(lambda: MOODS[mood](chance), period_s, TRIALS)
    assert course.wrong == 0
    assert course.prompt == TRIALS
    assert course.right - course.prompt > 0


@pytest.mark.fault("B4")
def test_of_thousands_of_late_replies_not_one_becomes_the_value_of_another_request(
    figure: Figure, thorough: bool
) -> None:
    late = wrong = values = 0
    chance = random.Random(20261125)
    while late < (100_000 if thorough else 5_000):
        for mood in MOODS.values():
            course = Course(partial(mood, chance), chance.choice((0.03, 0.1, 0.3, 1.0)), TRIALS)
            late += course.tally.late
            wrong += course.wrong
            values += course.right
    assert wrong == 0
    figure(late=late, values=values, wrong_values=wrong)


@pytest.mark.fault("B4")
@pytest.mark.parametrize("baud", [9600, 19200, 115200])
def test_strict_units_that_ignore_early_requests_lose_none_also_beside_one_that_answers_late(
    baud: int, figure: Figure
) -> None:
    chance = random.Random(baud)
    wire = Wire(10 / baud, 0.00175 if baud > 19200 else 35 / baud)
    line = VirtualLine(lambda unit: chance.expovariate(2 / TIMEOUT_S) if unit == 1 else wire.gap_s, wire, strict=True)
    line.reply = lambda octets: ((0.0, octets[at : at + 1]) for at in range(len(octets)))
    talk = Conversation(wire, TIMEOUT_S, tally := Tally())
    talk.begin(line)
    questions = [asks(unit_device("plc", "line", unit, 1.0), "rtu")[0] for unit in range(1, 6)]
    wrong = 0
    for question in 1000 * questions:
        line.pause(talk.free_s(question.unit))
        with suppress(SilenceError, DoubtError):
            wrong += talk.ask(question).values[0] != line.received[question.unit]
    assert min(line.received[unit] for unit in range(2, 6)) >= 1000
    assert (line.early, wrong) == (0, 0)
    assert tally.late > 0
    figure(requests=tally.asked, lost=line.early, late=tally.late, wrong_values=wrong)


@pytest.mark.parametrize(("method", "careless"), [("until_s", lambda *_: 0.0), ("answered", lambda *_: True)])
def test_without_either_half_of_the_quarantine_old_replies_do_pass(
    method: str, careless: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: these courses can tell a careful conversation from a careless one."""
    monkeypatch.setattr(Quarantine, method, careless)
    chance = random.Random(1)
    courses = [Course(partial(mood, chance), period_s, 300) for mood in MOODS.values() for period_s in (0.03, 0.1, 0.3)]
    assert sum(course.wrong for course in courses) > 0
