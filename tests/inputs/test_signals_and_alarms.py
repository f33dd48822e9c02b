"""Inputs are believed after they held, silence is unknown and never calm, and a restart is no event."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from some_inputs import PATIENCE_S, an_input

from agent.inputs.signal import Signal, State
from agent.inputs.site import News, SiteInputs
from agent.load.instant import Instant
from config.input_settings import Input, Limit


def at(seconds: float) -> Instant:
    return Instant("boot-a", seconds, 1.8e9 + seconds, "ntp")


class Panel:
    """The inputs of a site and what they told."""

    def __init__(self, *inputs: Input, now_s: float = 0.0) -> None:
        self.of = inputs
        self.wall_back_s = self.booted_s = 0.0
        self.begin(now_s)

    def begin(self, now_s: float) -> None:
        self.site = SiteInputs(self.of, {one.id: PATIENCE_S for one in self.of}, now_s)

    def restart(self, now_s: float, shift_s: float = 0.0) -> None:
        kept = json.loads(json.dumps(self.site.kept()))
        self.begin(now_s)
        self.site.restore(kept, shift_s)

    def reboot(self, at_s: float) -> None:
        """The boot clock begins anew, five seconds before."""
        before_s, self.booted_s = self.booted_s, at_s - 5.0
        self.restart(5.0, before_s - self.booted_s)

    def hear(self, at_s: float, **values: object) -> list[News]:
        points = [name.replace("_", "-") for name in values]
        now = Instant("boot-a", at_s - self.booted_s, 1.8e9 + at_s - self.wall_back_s, "ntp")
        self.site.hear("plc", points, list(values.values()), now)
        self.site.advance(now)
        return self.site.take_news()


def stages(news: list[News]) -> list[tuple[str, str | None]]:
    return [(one.input.id, one.stage) for one in news]


def test_an_alarm_begins_after_it_held_and_ends_after_it_was_gone_for_its_time() -> None:
    panel = Panel(an_input())
    panel.hear(0, jam=False)
    assert [stages(panel.hear(t, jam=True)) for t in (1, 2, 3)] == [[], [], [("jam", "began")]]
    assert panel.site.alarms.active["jam"].onset_ms == int(1000 * (1.8e9 + 1))
    assert stages(panel.hear(4, jam=False)) == []
    assert stages(panel.hear(5, jam=True)) == []
    assert [stages(panel.hear(t, jam=False)) for t in (6, 9, 11)] == [[], [], [("jam", "ended")]]
    assert panel.site.alarms.active == {}
    assert panel.site.alarms.unacknowledged == 1


def test_the_alarm_that_came_first_is_named_in_those_that_follow_in_its_place_alone() -> None:
    panel = Panel(
        an_input("motor_fault", on_s=3.0),
        an_input("estop", on_s=0.0),
        an_input("door", line="south", on_s=0.0),
    )
    panel.hear(0, motor_fault=False, estop=False, door=False)
    panel.hear(1, motor_fault=True, estop=False, door=True)
    panel.hear(2, motor_fault=True, estop=True, door=True)
    assert panel.site.alarms.active["estop"].first == "estop", "nothing else was known when it was told"
    news = panel.hear(4, motor_fault=True, estop=True, door=True)
    assert stages(news) == [("motor-fault", "began"), ("estop", "corrected")]
    active = panel.site.alarms.active
    assert active["motor-fault"].first == "motor-fault", "told later, but it was seen before"
    assert active["estop"].first == "motor-fault"
    assert active["door"].first == "door"


MANY = (
    an_input("estop", on_s=0.0, off_s=2.0),
    an_input("jam", on_s=3.0, off_s=5.0),
    an_input("motor_fault", on_s=9.0, off_s=0.0),
    an_input("smoke", line="", on_s=1.0, off_s=4.0),
    an_input("wind", line="", on_s=6.0, off_s=0.0),
    an_input("door", line="south", on_s=0.0, off_s=0.0),
)


class Troubles:
    """The obvious model: the alarms of a place since none of them stood; the earliest is the first."""

    def __init__(self) -> None:
        self.told: dict[str, list[tuple[float, int, str]]] = {}
        self.standing: dict[str, dict[str, str]] = {}
        """By place what each alarm that stands was last said to have begun with."""

    def hear(self, news: News, booted_s: float) -> None:
        if news.alarm is None:
            return
        place, standing = news.input.line, self.standing.setdefault(news.input.line, {})
        if news.stage == "ended":
            del standing[news.input.id]
            return
        if news.stage == "began":
            assert news.change is not None
            told = self.told[place] = self.told[place] if standing else []
            told.append((booted_s + news.change.onset_s, len(told), news.input.id))
        else:
            assert news.stage == "corrected"
            assert standing[news.input.id] != news.alarm.first
        standing[news.input.id] = news.alarm.first

    def check(self) -> None:
        for place, standing in self.standing.items():
            assert set(standing.values()) <= {min(self.told[place])[2]}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([one.id for one in MANY]),
            st.integers(1, 12),
            st.sampled_from(["nothing", "nothing", "restart", "reboot", "clock set back"]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_of_any_alarms_the_first_of_a_place_is_named_in_those_that_follow_until_all_are_over(
    play: list[tuple[str, int, str]],
) -> None:
    """One contact after the other changes and stays so for some seconds, now and then the agent or the machine starts
    again or the wall clock is set back."""
    panel, model, at_s = Panel(*MANY), Troubles(), 0.0
    on = dict.fromkeys((one.id for one in MANY), False)
    for name, seconds, happens in play:
        on[name] = not on[name]
        match happens:
            case "restart":
                panel.restart(at_s - panel.booted_s)
            case "reboot":
                panel.reboot(at_s)
            case "clock set back":
                panel.wall_back_s += 3600.0
            case _:
                pass
        for _ in range(seconds):
            at_s += 1.0
            for news in panel.hear(at_s, **on):
                model.hear(news, panel.booted_s)
            model.check()


def test_what_an_earlier_release_kept_of_alarms_stands_on_and_came_before_all_that_follows() -> None:
    panel = Panel(an_input("jam"), an_input("estop", on_s=0.0))
    jam = ["jam", 1_800_000_000_000, None, "motor-2", False, True, "li", None]
    alarms = [[jam], [[*jam[:7], 1_800_000_009_000]]]
    panel.site.restore({"signals": {"jam": ["on", -9.0, "on"]}, "alarms": alarms}, 0.0)
    active = panel.site.alarms.active
    assert (active["jam"].acked_by, active["jam"].first, len(panel.site.alarms.over)) == ("li", "motor-2", 1)
    assert stages(panel.hear(1, jam=True, estop=True)) == [("estop", "began")]
    assert active["estop"].first == "motor-2"


def test_whether_a_line_runs_is_not_known_after_a_restart_until_its_input_is_heard() -> None:
    panel = Panel(an_input("run", on_s=0.0, off_s=0.0), an_input("estop", on_s=0.0, off_s=0.0))
    panel.hear(0, run=True, estop=False)
    assert panel.site.run("north") is True
    panel.restart(36_000.0)
    assert panel.site.run("north") is None, "it ran ten hours ago"
    panel.hear(36_001, run=True, estop=True)
    panel.restart(72_000.0)
    panel.site.advance(at(72_003.0))
    told = panel.site.of("north")
    assert told is not None
    assert (told.run, told.stop_s) == (None, 0.0)
    assert panel.hear(72_004, run=True, estop=False) != []
    assert panel.site.run("north") is True


def test_time_in_which_the_agent_was_held_up_is_no_time_in_which_a_line_stood() -> None:
    panel = Panel(an_input("run", on_s=0.0, off_s=0.0))
    for second in range(11):
        panel.hear(second, run=False)
    panel.hear(611, run=True)
    told = panel.site.of("north")
    assert told is not None and told.stop_s == 10.0


def test_what_happens_in_a_drill_is_not_in_the_counts_of_what_happened() -> None:
    panel = Panel(an_input("estop", on_s=0.0, off_s=0.0))
    panel.hear(0, estop=False)
    panel.site.exercise = True
    panel.hear(1, estop=True)
    panel.hear(2, estop=False)
    panel.site.exercise = False
    told = panel.site.of("north")
    assert told is not None and told.estop_n == 0
    panel.hear(3, estop=True)
    told = panel.site.of("north")
    assert told is not None and told.estop_n == 1


def test_a_silent_input_is_unknown_and_its_alarm_stands_in_doubt() -> None:
    panel = Panel(an_input("smoke", on_s=0.0))
    panel.hear(0, smoke=True)
    news = panel.hear(PATIENCE_S + 1)
    assert stages(news) == [("smoke", "unknown")]
    assert panel.site.signals["smoke"].state == "unknown"
    assert not panel.site.alarms.active["smoke"].known
    assert stages(panel.hear(20, smoke=True)) == [("smoke", "known")]
    panel.hear(30)
    assert stages(panel.hear(31, smoke=False)) == [], "the all-clear must hold, too"


def test_a_read_without_a_value_is_no_all_clear() -> None:
    panel = Panel(an_input("smoke", on_s=0.0))
    panel.hear(0, smoke=True)
    for second in range(1, 20):
        panel.hear(second, smoke=None)
    assert panel.site.signals["smoke"].state == "unknown"
    assert "smoke" in panel.site.alarms.active


@pytest.mark.parametrize(("above", "values"), [(True, (34, 38, 36, 35, 34)), (False, (4, 0, 2, 3, 4))])
def test_a_gauge_has_two_limits_so_that_it_does_not_flicker(above: bool, values: tuple[float, ...]) -> None:
    limit = Limit(38.0, 35.0, above) if above else Limit(0.0, 3.0, above)
    panel = Panel(an_input("temperature", limit=limit, on_s=0.0, off_s=0.0))
    states = []
    for second, value in enumerate(values):
        panel.hear(second, temperature=value)
        states.append(panel.site.signals["temperature"].state)
    assert states == ["off", "on", "on", "off", "off"]


def test_a_line_runs_by_its_run_inputs_and_stands_by_its_estop() -> None:
    panel = Panel(an_input("run", on_s=0.0, off_s=0.0), an_input("estop", on_s=0.0))
    assert panel.site.run("north") is None
    panel.hear(0, run=True, estop=False)
    assert panel.site.run("north") is True
    panel.hear(1, run=True, estop=True)
    assert panel.site.run("north") is False
    panel.hear(5, run=True, estop=True)
    told = panel.site.of("north")
    assert told is not None
    assert (told.run, told.stop_s, told.estop_n, told.jam_n) == (False, 4.0, 1, None)
    panel.hear(20)
    assert panel.site.run("north") is None, "silence does not run"


def test_an_acknowledgement_is_taken_once_for_what_stands_or_is_over() -> None:
    panel = Panel(an_input("jam", on_s=0.0, off_s=0.0))
    assert not panel.site.acknowledge("jam", "li")
    panel.hear(0, jam=True)
    assert panel.site.acknowledge("jam", "li")
    assert not panel.site.acknowledge("jam", "wang")
    assert stages(panel.site.take_news()) == [("jam", "acknowledged")]
    panel.hear(1, jam=False)
    panel.hear(2, jam=True)
    panel.hear(3, jam=False)
    assert panel.site.alarms.unacknowledged == 1
    assert panel.site.acknowledge("jam", "wang")
    assert panel.site.alarms.unacknowledged == 0


def test_an_acknowledgement_that_says_an_onset_is_of_no_other_alarm() -> None:
    panel = Panel(an_input("jam", on_s=0.0, off_s=0.0))
    panel.hear(0, jam=True)
    seen_ms = panel.site.alarms.active["jam"].onset_ms
    panel.hear(1, jam=False)
    panel.hear(2, jam=True)
    assert not panel.site.acknowledge("jam", "li", seen_ms + 1)
    assert panel.site.acknowledge("jam", "li", seen_ms)
    assert not panel.site.acknowledge("jam", "li", seen_ms)
    assert [one.acked_by for one in (*panel.site.alarms.over, *panel.site.alarms.active.values())] == ["li", ""]
    assert panel.site.acknowledge("jam", "li", panel.site.alarms.active["jam"].onset_ms)


def test_what_begins_in_a_drill_is_marked_as_that_and_an_input_that_went_is_cleared() -> None:
    panel = Panel(an_input("smoke", on_s=0.0))
    panel.site.exercise = True
    panel.hear(0, smoke=True)
    assert panel.site.alarms.active["smoke"].exercise
    kept = panel.site.kept()
    panel.of = (an_input("jam"),)
    panel.begin(5)
    panel.site.restore(kept, 0.0)
    assert panel.site.gone == ["smoke"]
    assert panel.site.alarms.active == {}


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["on", "off", "jam"]),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["jam", "x"]), inner, max_size=2),
        max_leaves=8,
    )
)
def test_whatever_the_spool_holds_inputs_go_on_or_begin_anew(kept: object) -> None:
    panel = Panel(an_input())
    for form in (
        {"signals": kept},
        {"alarms": kept, "signals": {}},
        {"signals": {"jam": kept}, "alarms": [[], [], []]},
    ):
        panel.begin(0)
        try:
            panel.site.restore(form, 0.0)
        except ValueError:
            continue
        panel.hear(1, jam=True)


class Sampling(RuleBasedStateMachine):
    """Against a plain model that keeps every sample: on and off only after an unbroken run of samples long enough."""

    def __init__(self) -> None:
        super().__init__()
        self.panel = Panel(an_input())
        self.now_s = 0.0
        self.heard_s = 0.0
        self.run: list[tuple[float, bool]] = []
        self.state: State = "unknown"
        self.last: State = "off"
        self.began = self.ended = 0

    def _note(self, news: list[News]) -> None:
        self.began += sum(one.stage == "began" for one in news)
        self.ended += sum(one.stage == "ended" for one in news)

    @rule(value=st.booleans(), after_s=st.sampled_from([0.5, 1.0, 2.0, 6.5]))
    def sample(self, value: bool, after_s: float) -> None:
        self.now_s += after_s
        self._note(self.panel.hear(self.now_s, jam=value))
        if self.run and (self.run[-1][1] != value or self.now_s - self.heard_s > PATIENCE_S):
            self.run = []
        self.heard_s = self.now_s
        self.run.append((self.now_s, value))
        seen: State = "on" if value else "off"
        hold_s = 0.0 if seen == self.last else 2.0 if value else 5.0
        if self.state != seen and self.now_s - self.run[0][0] >= hold_s:
            self.state = self.last = seen

    @rule(after_s=st.sampled_from([1.0, 7.0]))
    def silence(self, after_s: float) -> None:
        self.now_s += after_s
        self._note(self.panel.hear(self.now_s))
        if self.now_s - self.heard_s > PATIENCE_S:
            self.state = "unknown"

    @rule()
    def restart(self) -> None:
        self.panel.restart(self.now_s)
        self.heard_s, self.run = self.now_s, []

    @invariant()
    def the_state_is_that_of_the_model_and_alarms_go_with_it(self) -> None:
        assert self.panel.site.signals["jam"].state == self.state
        assert ("jam" in self.panel.site.alarms.active) == (self.last == "on")
        assert self.began - self.ended == (self.last == "on")


TestSampling = Sampling.TestCase
TestSampling.settings = settings(
    max_examples=80, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_bit_that_means_it_when_it_is_zero_is_read_so() -> None:
    signal = Signal(an_input("mains", on_s=0.0), PATIENCE_S, 0.0)
    assert signal.hear(True, 1.0) is not None
    assert signal.state == "off"
    assert signal.hear(False, 2.0) is not None
    assert signal.state == "on"
