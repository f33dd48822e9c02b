"""A device that another master asks is present while it is asked, at whatever pace, and points left out are named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from slaves import counter_point, unit_device

from agent.bus import Answered, Missed
from agent.bus.heard_plan import NOT_ASKED, PATIENCE_LEAST_S, HeardPlan
from agent.intake import Intake
from agent.load.instant import Instant
from config.device_settings import Fingerprint
from drivers import Batch

POINTS = [counter_point("in", 100), counter_point("out", 102)]
START_S = 1000.0


class Beats:
    """An intake of one device, and the beats of its daemon."""

    def __init__(self, fingerprint: Fingerprint | None = None) -> None:
        device = replace(unit_device("plc", "line", 1, 1.0, POINTS), fingerprint=fingerprint)
        self.plan = HeardPlan(device, START_S)
        self.intake = Intake([self.plan], {}, pytest.fail, START_S)

    def beat(self, at_s: float) -> tuple[bool | None, str, tuple[str, ...]]:
        self.intake.retry(at_s)
        seen = self.intake.presence["plc"]
        return seen.online, seen.reason, seen.unasked

    def hear(self, at_s: float, *parts: int) -> None:
        for part in parts:
            self.intake.hear(Answered("plc", part, Batch((1,), at_s)), instant(at_s))

    def miss(self, at_s: float, reason: str) -> None:
        self.intake.hear(Missed("plc", 0, reason, at_s), instant(at_s))


def instant(at_s: float) -> Instant:
    return Instant("boot", at_s, at_s, "ntp")


def test_a_point_that_is_not_asked_for_is_named_while_the_device_is_present() -> None:
    beats = Beats()
    for second in range(1, 10):
        beats.hear(START_S + second, 0)
        assert beats.beat(START_S + second) == (True, "answers", ())
    assert beats.beat(START_S + PATIENCE_LEAST_S) == (True, NOT_ASKED, ("out",))
    beats.hear(START_S + 11, 0, 1)
    assert beats.beat(START_S + 11) == (True, "answers", ())


def test_a_fingerprint_that_nobody_asks_for_is_neither_believed_nor_missed() -> None:
    beats = Beats(Fingerprint(counter_point("serial", 0), 7))
    beats.miss(START_S + 1, "exception_2")
    beats.hear(START_S + 2, 0, 1)
    assert beats.beat(START_S + 2) == (True, "answers", ())


def test_a_device_that_nobody_asks_is_absent_for_that_reason() -> None:
    beats = Beats()
    assert beats.beat(START_S + 1)[0] is None
    assert beats.beat(START_S + PATIENCE_LEAST_S)[:2] == (False, NOT_ASKED)


def test_a_device_is_absent_when_its_master_stops_and_present_again_when_it_asks() -> None:
    beats = Beats()
    beats.hear(START_S + 1, 0, 1)
    assert beats.beat(START_S + 1)[0] is True
    assert beats.beat(START_S + 1 + PATIENCE_LEAST_S)[:2] == (False, NOT_ASKED)
    beats.hear(START_S + 60, 0, 1)
    assert beats.beat(START_S + 60)[:2] == (True, "answers")


@pytest.mark.parametrize("reason", ["timeout", "exception_2", "link_down", "garbage"])
def test_why_a_device_that_is_asked_brings_nothing_is_told(reason: str) -> None:
    beats = Beats()
    beats.hear(START_S + 1, 0, 1)
    for second in range(2, 13):
        beats.miss(START_S + second, reason)
        seen = beats.beat(START_S + second)
    assert seen[:2] == (False, reason)


def test_a_master_that_asks_once_a_minute_keeps_a_device_of_a_second_present() -> None:
    beats = Beats()
    for minute in range(1, 4):
        beats.hear(START_S + 60 * minute, 0, 1)
    for second in range(0, 180, 10):
        assert beats.beat(START_S + 180 + second)[0] is True
    assert beats.beat(START_S + 180 + 180)[0] is False


def test_a_master_that_asks_so_rarely_that_counters_would_be_stale_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    beats = Beats()
    for minute in range(1, 5):
        beats.hear(START_S + 60 * minute, 0, 1)
        beats.beat(START_S + 60 * minute)
    assert [one.getMessage() for one in caplog.records if "rarely" in one.getMessage()] == [
        'device_asked_rarely device=plc every_s=60.0 write="that as period_s"'
    ]


def test_one_long_pause_makes_nobody_more_patient() -> None:
    beats = Beats()
    for second in (1, 2, 3, 3600, 3601):
        beats.hear(START_S + second, 0, 1)
    assert beats.beat(START_S + 3601 + PATIENCE_LEAST_S)[0] is False
