"""Availability is of known time: what an oracle saw second by second is what the records of hours and days say."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.load.attendance import Attendance, Register
from agent.load.instant import ClockQuality, Instant
from agent.load.metric_rows import EQUIPMENT
from agent.uplink import reports
from agent.uplink.contract import Head

MIDNIGHT_S = 1_800_028_800 - 1_800_028_800 % 86_400 - 8 * 3600
"""A local midnight, UTC+8."""

BOOT_S = 5000.0
AHEAD_S = MIDNIGHT_S - BOOT_S


def at(second: float, quality: ClockQuality = "ntp") -> Instant:
    """So many seconds after local midnight."""
    return Instant("boot", BOOT_S + second, AHEAD_S + BOOT_S + second if quality == "ntp" else 86_400.0, quality)


@dataclass
class Site:
    """One device's true presence, second by second, and the register that is told of it."""

    register: Register = field(default_factory=lambda: Register(["plc"]))
    over: list[Attendance] = field(default_factory=list)
    second: int = 0
    online: bool | None = None
    dated: bool = False
    seen: dict[int, list[int]] = field(default_factory=dict)
    """By hour the seconds that it was known to answer, and those that it was known not to."""
    undated: dict[int, list[int]] = field(default_factory=dict)
    """The same, while nobody knew the hour: it may be learned in time, or not."""

    def run(self, seconds: int, quality: ClockQuality = "ntp") -> None:
        for _ in range(seconds):
            if self.online is not None:
                seen = self.seen if self.dated else self.undated
                seen.setdefault(self.second // 3600, [0, 0])[0 if self.online else 1] += 1
            self.second += 1
            self.over += self.register.advance(at(self.second, quality))
            self.dated = self.dated or quality == "ntp"

    def turn(self, online: bool) -> None:
        self.register.wake(at(self.second))
        if online != self.online:
            self.register.note("plc", online, BOOT_S + self.second)
            self.online = online

    def stand_still(self, seconds: int) -> None:
        """No beat for so long; what is noted next is noted in the one that comes late."""
        self.second += seconds

    def restart(self, away_s: int) -> None:
        kept = json.loads(json.dumps(self.register.kept(BOOT_S + self.second)))
        self.register, self.online, self.dated = Register(["plc"]), None, False
        self.register.restore(kept)
        self.second += away_s

    def hours(self) -> dict[int, tuple[float, float]]:
        """What the records say, added up by hour."""
        found: dict[int, tuple[float, float]] = {}
        for one in self.over:
            if one.kind == "hour" and one.device == "plc":
                hour, told = (one.period.begin_s - MIDNIGHT_S) // 3600, one.attended
                before = found.get(hour, (0.0, 0.0))
                found[hour] = (before[0] + told.answered_s, before[1] + told.away_s)
        return found


def test_an_hour_tells_how_long_a_device_answered_and_how_often_it_ceased_to() -> None:
    site = Site()
    site.run(1)
    site.turn(online=True)
    site.run(1799)
    site.turn(online=False)
    site.run(900)
    site.turn(online=True)
    site.run(901)
    of_device, of_all = site.over
    told = of_device.attended
    assert (told.answered_s, told.away_s, told.away_n) == (2699, 900, 1)
    assert told.avail_pct == pytest.approx(100 * 2699 / 3599)
    assert told.known_pct == pytest.approx(100 * 3599 / 3600)
    assert (of_all.device, of_all.attended.avail_pct, of_all.attended.devices) == (None, told.avail_pct, 1)


def test_time_without_the_agent_is_unknown_and_never_available() -> None:
    site = Site()
    site.run(1)
    site.turn(online=True)
    site.run(999)
    site.restart(away_s=1600)
    site.run(1)
    site.turn(online=True)
    site.run(1000)
    told = site.over[0].attended
    assert (told.answered_s, told.away_s, told.away_n) == (1998, 0, 0)
    assert told.avail_pct == 100.0
    assert told.known_pct == pytest.approx(100 * 1998 / 3600)


def test_a_device_of_which_nothing_is_known_has_no_availability() -> None:
    register = Register(["plc", "silent"])
    register.advance(at(0))
    register.note("plc", True, BOOT_S)
    over = [one for second in range(30, 3601, 30) for one in register.advance(at(second))]
    assert [(one.device, one.attended.avail_pct, one.attended.known_pct) for one in over] == [
        ("plc", 100.0, 100.0),
        ("silent", None, 0.0),
        (None, 100.0, 50.0),
    ]
    said = [json.loads(reports.attendance(Head(at(3600), "1-abcdef", 1), one).payload) for one in over]
    assert [one["q"] for one in said] == ["good", "stale", "partial"]
    assert "avail_pct" not in said[1]
    assert (said[2]["devices"], said[0]["from"], said[0]["to"]) == (2, 1000 * MIDNIGHT_S, 1000 * (MIDNIGHT_S + 3600))


def test_a_beat_that_stood_still_knows_nothing_of_the_time_between() -> None:
    site = Site()
    site.run(1)
    site.turn(online=True)
    site.run(99)
    site.second += 600
    site.run(2901)
    told = site.over[0].attended
    assert told.answered_s == pytest.approx(99 + 2899)
    assert told.known_pct is not None and told.known_pct < 84


def test_a_device_that_is_missed_in_the_beat_after_a_standstill_answered_for_none_of_it() -> None:
    site = Site()
    site.run(1)
    site.turn(online=True)
    site.run(99)
    site.stand_still(600)
    site.turn(online=False)
    site.run(2901)
    told = site.over[0].attended
    assert (told.answered_s, told.away_s, told.away_n) == (99, 2900, 1)


@settings(deadline=None)
@given(st.lists(st.integers(1, 23), max_size=4))
def test_a_day_that_is_lived_again_after_the_clock_was_set_back_is_remembered_over_a_restart(back_h: list[int]) -> None:
    register, second, ahead_s = Register(["plc"]), 0, AHEAD_S

    def live(hours: int) -> None:
        nonlocal second
        for _ in range(hours * 180):
            second += 20
            register.advance(Instant("boot", BOOT_S + second, ahead_s + BOOT_S + second, "ntp"))

    live(1)
    register.note("plc", True, BOOT_S + second)
    live(22)
    for hours in back_h:
        ahead_s -= 3600 * hours
        live(hours)
    kept = json.loads(json.dumps(register.kept(BOOT_S + second)))
    again = Register(["plc"])
    again.restore(kept)
    assert again.kept(BOOT_S) == kept
    assert kept["of"]["plc"][3] == 3600 * (22 + sum(back_h))


def test_nothing_is_dated_before_a_time_server_vouched_and_the_border_holds_after_it_was_lost() -> None:
    site = Site()
    site.turn(online=True)
    site.run(100, "none")
    undated = EQUIPMENT.fields(site.register.draw(at(100, "none")))
    assert undated == {"devices": 1, "devices_online": 1}, "what is not known is left out, and never 0"
    site.run(1000)
    site.run(2500, "none")
    told = site.over[0].attended
    assert told.answered_s == pytest.approx(3600)
    assert site.register.draw(at(3600, "none")).known_pct == pytest.approx(100.0)


def test_a_day_adds_up_its_hours() -> None:
    register = Register(["plc"])
    register.advance(at(0))
    register.note("plc", True, BOOT_S)
    over: list[Attendance] = []
    for second in range(20, 86_401, 20):
        if second in {30_000, 50_000}:
            register.note("plc", second == 50_000, BOOT_S + second)
        over += register.advance(at(second))
    hours = [one.attended for one in over if one.kind == "hour" and one.device]
    (day,) = (one.attended for one in over if one.kind == "day" and one.device)
    assert len(hours) == 24
    assert (day.answered_s, day.away_s, day.away_n) == (66_400, 20_000, 1)
    assert sum(one.away_s for one in hours) == pytest.approx(day.away_s)
    assert sum(one.answered_s for one in hours) == pytest.approx(day.answered_s)


@pytest.mark.parametrize(
    "kept", [[], {"of": 1}, {"hour": 1, "day": 1, "of": {"plc": [1]}}, {"hour": -1, "day": 0, "of": {}},
             {"hour": 0, "day": 0, "of": {"plc": [1, 1, 1, 1, 1, float("nan")]}}]
)  # fmt: skip
def test_what_is_no_memory_of_a_register_is_refused(kept: object) -> None:
    with pytest.raises(ValueError, match="no attendance"):
        Register(["plc"]).restore(kept)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(1, 1500)),
        st.tuples(st.just("turn"), st.booleans()),
        st.tuples(st.just("restart"), st.integers(1, 5000)),
        st.tuples(st.just("untrusted"), st.integers(1, 500)),
        st.tuples(st.just("stand_still"), st.integers(31, 4000)),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(STEPS)
def test_whatever_happens_an_hour_says_what_was_seen_and_no_second_more(steps: list[tuple[str, int]]) -> None:
    site = Site()
    for kind, much in steps:
        match kind:
            case "run":
                site.run(much)
            case "turn":
                site.turn(bool(much))
            case "restart":
                site.restart(much)
            case "stand_still":
                site.stand_still(much)
            case _:
                site.run(much, "none")
    site.run(3601)
    told = site.hours()
    lost_s = 60.0 * sum(kind == "restart" for kind, _ in steps)
    lost_s += sum(kind == "stand_still" for kind, _ in steps)  # the second that ends with the late beat is part of it
    for hour, (answered_s, away_s) in told.items():
        seen = site.seen.get(hour, [0, 0])
        undated = site.undated.get(hour, [0, 0])
        assert seen[0] - lost_s - 1 <= answered_s <= seen[0] + undated[0] + 1
        assert seen[1] - lost_s - 1 <= away_s <= seen[1] + undated[1] + 1
        assert answered_s + away_s <= 3600 + 1
