"""How the uplink waits, which MQTT it speaks next, and when it gives a message up."""

from __future__ import annotations

import pytest

from agent.uplink.backoff import Backoff
from agent.uplink.dialect import Dialect
from agent.uplink.suspicion import Suspicion
from agent.uplink.window import Sent

FIRST, OTHER = Sent("line/a/telemetry", (7,), True, 100, 0.0), Sent("line/a/telemetry", (8,), True, 100, 0.0)
DOCUMENT = Sent("meta", (), False, 100, 0.0)
TOO_LARGE, BUSY = 0x95, 0x89


def upper(_low_s: float, high_s: float) -> float:
    return high_s


def test_the_bound_doubles_to_two_minutes_and_the_delay_lies_anywhere_below() -> None:
    backoff = Backoff(upper)
    assert [backoff.delay_s() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 64, 120, 120]
    assert all(0 <= Backoff().delay_s() <= 1 for _ in range(100))


def test_only_a_minute_of_health_clears_the_record() -> None:
    backoff = Backoff(upper)
    backoff.delay_s()
    backoff.ended(59.9)
    assert backoff.delay_s() == 2
    backoff.ended(60.0)
    assert backoff.delay_s() == 1


@pytest.mark.fault("N9")
def test_where_somebody_else_uses_our_name_we_connect_once_a_minute_at_most() -> None:
    assert Backoff(lambda low_s, _high_s: low_s).delay_s(taken_over=True) >= 60


def test_mqtt_5_is_tried_again_after_a_while() -> None:
    dialect = Dialect()
    assert dialect.choose(0.0) == "5"
    assert dialect.refused("5", 0.0, plainly=True)
    assert dialect.choose(3599.0) == "3.1.1"
    assert not dialect.is_outgrown("3.1.1", 3599.0)
    assert dialect.is_outgrown("3.1.1", 3600.0)
    assert not dialect.is_outgrown("5", 3600.0)
    assert dialect.choose(3600.0) == "5"


def test_silence_makes_3_1_1_worth_a_try_and_is_forgotten_later_each_time() -> None:
    dialect = Dialect()
    assert dialect.refused("5", 0.0, plainly=False)
    assert (dialect.choose(599.0), dialect.choose(600.0)) == ("3.1.1", "5")
    assert dialect.refused("5", 600.0, plainly=False)
    assert (dialect.choose(1799.0), dialect.choose(1800.0)) == ("3.1.1", "5")


def test_a_broker_that_once_took_mqtt_5_is_not_doubted_for_its_silence() -> None:
    dialect = Dialect()
    dialect.accepted("5")
    assert not dialect.refused("5", 0.0, plainly=False)
    assert dialect.choose(1.0) == "5"
    assert dialect.refused("5", 1.0, plainly=True)


def test_a_near_broker_is_not_waited_for_long_before_3_1_1_is_tried() -> None:
    dialect = Dialect()
    assert dialect.answer_s("5", 0.001, 10.0) == 3.0
    assert dialect.answer_s("5", 0.7, 10.0) == 7.0
    assert dialect.answer_s("5", 5.0, 10.0) == 10.0
    assert dialect.answer_s("3.1.1", 0.001, 10.0) == 10.0
    dialect.accepted("5")
    assert dialect.answer_s("5", 0.001, 10.0) == 10.0


def test_where_3_1_1_does_not_do_either_it_was_not_the_version() -> None:
    dialect = Dialect()
    dialect.refused("5", 0.0, plainly=False)
    assert not dialect.refused("3.1.1", 1.0, plainly=False)
    assert dialect.choose(2.0) == "5"


def test_three_disconnects_that_name_the_message_set_it_aside() -> None:
    suspicion = Suspicion()
    assert suspicion.ended(FIRST, TOO_LARGE) is None
    assert suspicion.suspect == 7
    assert suspicion.ended(FIRST, TOO_LARGE) is None
    assert suspicion.ended(FIRST, TOO_LARGE) == 7
    assert suspicion.suspect is None


def test_a_bad_line_costs_no_message() -> None:
    suspicion = Suspicion()
    assert all(suspicion.ended(FIRST, None) is None for _ in range(9))
    suspicion.passed(7)
    assert suspicion.suspect is None
    assert all(suspicion.ended(FIRST, None) is None for _ in range(9))
    assert suspicion.ended(FIRST, None) == 7


def test_another_suspect_begins_anew_and_a_busy_broker_accuses_nobody() -> None:
    suspicion = Suspicion()
    suspicion.ended(FIRST, TOO_LARGE)
    suspicion.ended(FIRST, TOO_LARGE)
    assert suspicion.ended(FIRST, BUSY) is None
    assert suspicion.ended(None, TOO_LARGE) is None
    assert suspicion.ended(OTHER, TOO_LARGE) is None
    assert suspicion.suspect == 8
    assert suspicion.ended(FIRST, TOO_LARGE) is None


def test_a_retained_document_can_be_the_culprit_too() -> None:
    suspicion = Suspicion()
    assert [suspicion.ended(DOCUMENT, TOO_LARGE) for _ in range(3)] == [None, None, "meta"]
