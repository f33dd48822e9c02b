"""A reply that comes after its time-out is never taken for the answer to a later ask."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from slaves import unit_device
from virtual_line import VirtualLine

from agent.bus.counts import Tally
from agent.bus.quarantine import Quarantine
from agent.bus.serial_talk import BabbleError, Conversation, DoubtError, SilenceError
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


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("period_s", [0.03, 0.3, 1.0])
def test_whatever_the_mood_of_a_unit_its_values_answer_the_last_ask(mood: str, period_s: float) -> None:
    chance = random.Random(f"{mood} {period_s}")
    course = Course(lambda: MOODS[mood](chance), period_s, TRIALS)
    assert course.wrong == 0
    assert course.prompt == TRIALS
    assert course.right - course.prompt > 0


@pytest.mark.parametrize(("method", "careless"), [("until_s", lambda *_: 0.0), ("answered", lambda *_: True)])
def test_without_either_half_of_the_quarantine_old_replies_do_pass(
    method: str, careless: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: these courses can tell a careful conversation from a careless one."""
    monkeypatch.setattr(Quarantine, method, careless)
    chance = random.Random(1)
    courses = [Course(partial(mood, chance), period_s, 300) for mood in MOODS.values() for period_s in (0.03, 0.1, 0.3)]
    assert sum(course.wrong for course in courses) > 0
