"""Orders: each runs once, in its time and never beyond it, whatever is replayed, reordered, restarted or unknown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.load.instant import ClockQuality, Instant
from agent.orders.audit import Trail, entries
from agent.orders.order import KINDS, AlarmOrder, Deed, RefusedError, understood
from agent.orders.post import CommandPost, Rules
from agent.orders.trail_files import FILE
from agent.uplink.inbox import Command
from config.load_settings import Season

WALL_S = 1_800_000_000.0
DAY_MS = 86_400_000
SITE = "44/4401/gz-baiyun"


def at(seconds: float = 0.0, quality: ClockQuality = "ntp", boot: str = "boot-a") -> Instant:
    return Instant(boot, 1000.0 + seconds, WALL_S + seconds, quality)


def ms(seconds: float) -> int:
    return int(1000 * (WALL_S + seconds))


def mode(seq: int, name: str = "peak", **more: object) -> Command:
    fields = {"mode": name, "seq": seq, "by": "bureau-gz", "to": ms(3600), **more}
    return Command("mode", {key: value for key, value in fields.items() if value is not None}, retained=True)


class Desk:
    """A command post with what it said, which a restart brings down and up again."""

    def __init__(self, rules: Rules | None = None, folder: Path | None = None) -> None:
        self.rules = rules or Rules(SITE, ("north",))
        self.trail = Trail(folder) if folder else None
        self.rebased: list[tuple[int, str, str]] = []
        self.begin({}, at())

    def begin(self, kept: dict[str, object], now: Instant) -> None:
        self.post = CommandPost(self.rules, self.trail, lambda *_, **__: None)
        self.post.restore(json.loads(json.dumps(kept)), now)

    def restart(self, now: Instant) -> None:
        self.begin(self.post.kept(), now)

    def hear(self, *commands: Command, now: Instant) -> list[tuple[object, object]]:
        self.post.hear([one for one in commands if one.name in KINDS], now, self._do)
        self.post.advance(now)
        return [(said["outcome"], said.get("reason")) for said in self.post.take_answers()]

    def _do(self, deed: Deed, name: str) -> str:
        if isinstance(deed, AlarmOrder):
            return "" if deed.alarm == "smoke-1" else "no such alarm"
        self.rebased.append((deed.parcels, deed.by, name))
        return ""


def test_a_mode_stands_until_its_end_and_then_the_site_is_back_to_normal() -> None:
    desk = Desk()
    assert desk.hear(mode(1), now=at(0)) == [("accepted", None)]
    assert desk.post.steer.mode == "peak"
    assert desk.hear(now=at(3599)) == []
    assert desk.hear(now=at(3600)) == [("ended", None)]
    assert desk.post.steer.mode == "normal"


def test_the_very_same_command_again_is_silent_and_another_with_its_number_or_an_older_one_is_refused() -> None:
    desk = Desk()
    desk.hear(mode(5), now=at(0))
    assert desk.hear(mode(5), now=at(1)) == []
    assert desk.hear(mode(5, "emergency"), now=at(2)) == [("refused", "replayed")]
    assert desk.hear(mode(4, "emergency"), now=at(3)) == [("refused", "replayed")]
    desk.restart(at(4))
    assert desk.hear(mode(5), mode(4, "emergency"), now=at(5)) == [("refused", "replayed")]
    assert desk.post.steer.mode == "peak"


def test_a_window_waits_for_a_trusted_clock_and_is_judged_when_it_comes() -> None:
    desk = Desk()
    desk.begin({}, at(0, "rtc"))
    assert desk.hear(mode(1), now=at(0, "rtc")) == [("waits", None)]
    assert desk.post.steer.mode == "normal"
    desk.restart(at(10, "rtc"))
    assert [one["kind"] for one in desk.post.waiting()] == ["mode"]
    assert desk.hear(now=at(20, "ntp")) == [("accepted", None)]
    assert (desk.post.steer.mode, desk.post.waiting()) == ("peak", [])


def test_what_waited_beyond_its_end_is_refused() -> None:
    desk = Desk()
    desk.begin({}, at(0, "none"))
    desk.hear(mode(1), now=at(0, "none"))
    assert desk.hear(now=at(4000, "ntp")) == [("refused", "expired")]


def test_a_machine_whose_own_clock_is_to_be_trusted_obeys_without_a_time_server() -> None:
    desk = Desk(Rules(SITE, trust_rtc=True))
    assert desk.hear(mode(1), now=at(0, "rtc")) == [("accepted", None)]


def test_after_a_reboot_without_a_clock_an_order_stands_no_longer_than_it_might() -> None:
    desk = Desk()
    desk.hear(mode(1), now=at(0))
    rebooted = Instant("boot-b", 60.0, 1e9, "none")
    desk.restart(rebooted)
    desk.hear(now=rebooted)
    assert desk.post.steer.mode == "peak"
    assert desk.hear(now=Instant("boot-b", 3600.0, 1e9, "none")) == [("ended", None)]


def test_the_order_taken_last_is_in_force_and_the_one_before_again_when_it_ends() -> None:
    desk = Desk()
    desk.hear(mode(1, to=ms(86_400)), now=at(0))
    desk.post.order_here("mode", {"mode": "emergency", "by": "li", "to": ms(600), "exercise": True}, at(1))
    desk.hear(now=at(2))
    assert (desk.post.steer.mode, desk.post.steer.exercise) == ("emergency", True)
    assert desk.post.steer.conditions("north").exercise
    desk.hear(now=at(601))
    assert (desk.post.steer.mode, desk.post.steer.exercise) == ("peak", False)
    desk.hear(mode(2, "normal", to=None), now=at(602))
    assert desk.post.steer.mode == "normal"


def test_a_mode_of_next_week_leaves_the_one_of_today_alone_and_begins_by_itself() -> None:
    desk = Desk()
    desk.hear(mode(1, "emergency"), mode(2, "peak", **{"from": ms(1800), "to": ms(7200)}), now=at(0))
    assert desk.post.steer.mode == "emergency"
    desk.hear(now=at(1800))
    assert desk.post.steer.mode == "peak"


def test_a_mode_that_is_ordered_anew_each_hour_never_fills_the_book() -> None:
    desk = Desk()
    for hour in range(48):
        command = mode(hour + 1, to=ms(3600 * (hour + 12)))
        assert desk.hear(command, now=at(3600 * hour)) == [("accepted", None)]
    assert len(str(desk.post.kept()["standing"])) < 200


def test_a_suspension_names_its_reason_and_a_plan_its_capacity_for_its_line_alone() -> None:
    desk = Desk()
    plan = {"plan_id": "p-7", "type": "capacity", "line": "north", "capacity_override": 9000}
    command = Command("plan", {**plan, "seq": 1, "by": "gz", "to": ms(3600)}, retained=False)
    desk.hear(mode(1, "suspended", reason="epidemic"), command, now=at(0))
    assert (desk.post.steer.suspended, desk.post.steer.plan) == ("epidemic", "p-7")
    assert desk.post.steer.conditions("north").capacity_pph == 9000
    assert desk.post.steer.conditions("south").capacity_pph is None
    end = Command("plan", {"plan_id": "p-7", "type": "end", "seq": 2, "by": "gz"}, retained=False)
    assert desk.hear(end, now=at(1)) == [("accepted", None)]
    assert desk.post.steer.plan == ""


def test_a_stock_take_of_the_bureau_is_taken_over_once_and_not_without_a_clock() -> None:
    desk = Desk()
    command = Command("baseline", {"parcels": 180, "seq": 3, "by": "gz", "to": ms(600)}, retained=True)
    assert desk.hear(command, command, now=at(0)) == [("accepted", None)]
    assert desk.rebased == [(180, "gz", "bureau-3")]
    desk.begin({}, at(0, "rtc"))
    assert desk.hear(command, now=at(0, "rtc")) == [("refused", "clock")]


def test_an_alarm_is_acknowledged_by_the_bureau_where_there_is_one() -> None:
    desk = Desk()
    seen = Command("alarm", {"alarm": "smoke-1", "seq": 1, "by": "gz"}, retained=False)
    assert desk.hear(seen, seen, now=at(0, "none")) == [("accepted", None)]
    other = Command("alarm", {"alarm": "jam-1", "seq": 2, "by": "gz"}, retained=False)
    assert desk.hear(other, now=at(0)) == [("refused", "impossible")]


def test_the_mode_of_the_season_is_in_force_in_it_where_nobody_orders_another() -> None:
    today = int((WALL_S + 8 * 3600) // 86_400)
    desk = Desk(Rules(SITE, season=Season(today, today, "peak")))
    desk.hear(now=at(0))
    assert desk.post.steer.mode == "peak"
    desk.hear(mode(1, "normal"), now=at(1))
    assert desk.post.steer.mode == "normal"
    desk.hear(now=at(86_400 * 2))
    assert desk.post.steer.mode == "normal"


def test_whoever_ends_a_mode_is_named_until_another_is_in_force() -> None:
    desk = Desk()
    desk.hear(mode(1), now=at(0))
    assert (desk.post.steer.by, desk.post.steer.to_ms) == ("bureau-gz", ms(3600))
    desk.hear(mode(2, "normal", to=None, by="root"), now=at(1))
    assert (desk.post.steer.by, desk.post.steer.to_ms) == ("root", None)
    desk.hear(now=at(2))
    assert desk.post.steer.by == "root"
    desk.hear(mode(3), now=at(3))
    desk.hear(now=at(4000))
    assert (desk.post.steer.mode, desk.post.steer.by) == ("normal", "settings")


# what comes near its end


def plan(seq: int, name: str, to_s: float, **more: object) -> Command:
    fields = {"plan_id": name, "type": "temporary", "seq": seq, "by": "gz", "to": ms(to_s), **more}
    return Command("plan", fields, retained=True)


def ends(desk: Desk, *seconds: float) -> list[tuple[float, object, object]]:
    """What is said to end in beats at these seconds: when, in how many minutes, and what rules then."""
    found = []
    for second in seconds:
        desk.post.advance(at(second))
        found += [
            (second, one["left_min"], one["then"]) for one in desk.post.take_answers() if one["outcome"] == "ends"
        ]
    return found


def test_that_a_mode_ends_is_said_a_day_and_an_hour_before_once_also_over_a_restart(tmp_path: Path) -> None:
    desk = Desk(folder=tmp_path)
    desk.hear(mode(1, to=ms(3 * 86_400)), now=at(0))
    assert ends(desk, 2 * 86_400 - 1, 2 * 86_400, 2 * 86_400 + 1) == [(2 * 86_400, 1440, "normal")]
    desk.restart(at(2 * 86_400 + 2))
    assert ends(desk, 2 * 86_400 + 3, 3 * 86_400 - 3600, 3 * 86_400 - 1) == [(3 * 86_400 - 3600, 60, "normal")]
    assert [one["what"] for _, _, one in entries(tmp_path / FILE) if one].count("ends") == 2
    assert desk.hear(now=at(3 * 86_400)) == [("ended", None)]


def test_an_agent_that_was_away_says_on_its_return_how_little_is_left_and_no_more() -> None:
    desk = Desk()
    desk.hear(mode(1, to=ms(3 * 86_400)), now=at(0))
    desk.restart(at(3 * 86_400 - 600))
    assert ends(desk, 3 * 86_400 - 600, 3 * 86_400 - 590) == [(3 * 86_400 - 600, 10, "normal")]


@pytest.mark.parametrize(("lasts_s", "said"), [(3600, []), (3660, [60]), (86_400, [60]), (86_460, [1440, 60])])
def test_nobody_is_told_that_an_hour_ends_within_an_hour(lasts_s: int, said: list[int]) -> None:
    desk = Desk()
    desk.hear(mode(1, to=ms(lasts_s)), now=at(0))
    assert [left_min for _, left_min, _ in ends(desk, *range(0, lasts_s, 30))] == said


def test_what_is_ordered_anew_in_time_is_not_said_to_end_and_what_does_not_rule_neither() -> None:
    desk = Desk()
    desk.hear(mode(1, to=ms(7200)), now=at(0))
    desk.hear(mode(2, to=ms(9000)), now=at(60))
    assert ends(desk, 3600, 5399) == []
    desk.hear(mode(3, "emergency", to=ms(5400 + 600)), now=at(5399.5))
    assert ends(desk, 5400, 5999) == [], "the peak ends behind the emergency, and that was ordered for ten minutes"
    assert ends(desk, 6000) == [(6000, 50, "normal")], "now the peak rules again"


def test_what_rules_then_is_named() -> None:
    today = int((WALL_S + 8 * 3600) // 86_400)
    desk = Desk(Rules(SITE, season=Season(today, today + 1, "peak")))
    desk.hear(mode(1, "suspended", reason="weather", to=ms(7200)), plan(1, "p-1", 90_000), now=at(0))
    desk.hear(plan(2, "p-2", 7200), now=at(1))
    assert ends(desk, 3600) == [(3600, 60, "peak"), (3600, 60, "p-1")]
    desk.hear(mode(2, "emergency", to=ms(20_000)), now=at(3601))
    assert ends(desk, 7200, 16_400, 86_400) == [(7200, 1380, None), (16_400, 60, "peak"), (86_400, 60, None)]


def test_from_when_to_when_what_was_ordered_is_in_force_is_told_and_nothing_where_nothing_was() -> None:
    desk = Desk()
    assert desk.post.steer.window() == {}
    desk.hear(mode(1), plan(1, "p-1", 900, **{"from": ms(300)}), now=at(10))
    assert desk.post.steer.window() == {"mode_from": ms(10), "mode_to": ms(3600)}
    desk.restart(at(20))
    desk.hear(now=at(300))
    window = {"mode_from": ms(10), "mode_to": ms(3600), "plan_from": ms(300), "plan_to": ms(900)}
    assert desk.post.steer.window() == window


def test_a_book_of_an_earlier_release_is_gone_on_with() -> None:
    desk = Desk()
    desk.hear(mode(1), now=at(0))
    kept = desk.post.kept()
    standing = kept["standing"]
    assert isinstance(standing, list)
    desk.begin({**kept, "standing": [one[:4] for one in standing]}, at(10))
    assert (desk.post.steer.mode, desk.post.steer.window()) == ("peak", {"mode_to": ms(3600)})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"mode": "party", "to": 1}, "value"),
        ({"mode": 7}, "type"),
        ({}, "missing"),
        ({"mode": "peak"}, "missing"),
        ({"mode": "peak", "to": True}, "type"),
        ({"mode": "peak", "to": 1.5}, "type"),
        ({"mode": "peak", "to": 10**99}, "value"),
        ({"mode": "peak", "to": 5, "from": 9}, "value"),
        ({"mode": "suspended", "to": 5}, "missing"),
        ({"mode": "peak", "to": 5, "by": "a\nb"}, "value"),
        ({"mode": "peak", "to": 5, "exercise": "yes"}, "type"),
    ],
)
def test_what_is_missing_or_of_a_wrong_type_is_refused_by_its_name(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        understood("mode", {"by": "gz", **fields})
    assert refused.value.reason == reason


TEXT = st.text("a7 \n\ud800\u4e2d", max_size=6) | st.sampled_from(["peak", "suspended", "weather", "divert", "end"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
NAMES = ("mode", "reason", "from", "to", "by", "seq", "note", "plan_id", "type", "line", "capacity_override", "parcels")


@pytest.mark.fault("M1", "M2")
@settings(deadline=None)
@given(st.sampled_from([*KINDS, "reboot"]), st.dictionaries(st.sampled_from([*NAMES, "sig"]), JSON))
def test_whatever_a_command_holds_it_is_obeyed_or_refused_with_a_reason(name: str, fields: dict[str, object]) -> None:
    desk = Desk()
    said = desk.hear(Command(name, fields, retained=False), now=at(0))
    assert len(said) == (name in KINDS)
    json.dumps(desk.post.kept())


@settings(deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(NAMES), JSON))
def test_an_order_read_from_its_own_form_is_the_same(name: str, fields: dict[str, object]) -> None:
    kind = KINDS[name]
    try:
        order = understood(kind, fields)
    except RefusedError:
        return
    assert understood(kind, json.loads(json.dumps(order.form()))) == order


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ([2, "a"], True),
        ([1, "0"], True),
        ([1, "f" * 64], True),
        ([0, "a"], False),
        ([{}, "a"], False),
        ([3, None], False),
        ([], False),
        (7, False),
    ],
)
def test_a_trail_that_is_shorter_than_it_was_or_another_is_told_in_it(tmp_path: Path, kept: object, told: bool) -> None:
    desk = Desk(folder=tmp_path)
    desk.post.note("start", at(0))
    desk.begin(desk.post.kept() | {"audit": kept}, at(1))
    written = (tmp_path / FILE).read_text().splitlines()
    assert [json.loads(line)["what"] for line in written[1:]] == ["audit_shortened"] * told


@settings(deadline=None)
@given(JSON)
def test_an_order_book_of_any_other_form_is_refused_and_changes_nothing(kept: object) -> None:
    desk = Desk()
    desk.hear(mode(3), now=at(0))
    before = desk.post.kept()
    for name in ("seen", "standing", "waiting", "time", "local"):
        try:
            desk.post.restore({name: kept}, at(0))
        except ValueError:
            assert desk.post.kept() == before
        desk.begin(before, at(0))


class Commanding(RuleBasedStateMachine):
    """Against a plain model: numbers seen, and orders taken with their windows; the last that fits rules."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.now_s = 0.0
        self.last = 0
        self.sent: list[Command] = []
        self.standing: list[tuple[str, int, int]] = []
        self.refused: Command | None = None

    def hear(self, command: Command) -> list[tuple[object, object]]:
        said = [one for one in self.desk.hear(command, now=at(self.now_s)) if one[0] != "ended"]
        if "refused" in dict(said):
            self.refused = command
        return said

    @rule(
        name=st.sampled_from(["peak", "emergency"]),
        skip=st.integers(1, 3),
        begins_s=st.integers(-100, 900),
        lasts_s=st.integers(1, 2000),
    )
    def order(self, name: str, skip: int, begins_s: int, lasts_s: int) -> None:
        begin, end = ms(self.now_s + begins_s), ms(self.now_s + begins_s + lasts_s)
        command = mode(self.last + skip, name, **{"from": begin, "to": end})
        self.last += skip
        said = self.hear(command)
        self.standing = [one for one in self.standing if one[2] > ms(self.now_s)]
        if end <= ms(self.now_s):
            assert said == [("refused", "expired")]
        else:
            now = ms(self.now_s)
            left = [one for one in self.standing if not (begin <= max(one[1], now) and one[2] <= end)]
            assert said == ([("accepted", None)] if len(left) < 8 else [("refused", "full")])
            self.standing = [*left, (name, begin, end)] if len(left) < 8 else self.standing
        self.sent.append(command)

    @rule()
    def end_all(self) -> None:
        self.last += 1
        command = mode(self.last, "normal", to=None)
        assert self.hear(command) == [("accepted", None)]
        self.standing = []
        self.sent.append(command)

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 100))
    def replay(self, which: int) -> None:
        command = self.sent[which % len(self.sent)]
        silent = command in self.sent[-16:] or command == self.refused
        assert self.hear(command) == ([] if silent else [("refused", "replayed")])

    @rule(by_s=st.integers(1, 1500))
    def time_goes_by(self, by_s: int) -> None:
        self.now_s += by_s

    @rule()
    def restart(self) -> None:
        self.desk.restart(at(self.now_s))
        self.refused = None

    @invariant()
    def the_last_order_whose_time_it_is_rules(self) -> None:
        self.desk.hear(now=at(self.now_s))
        due = [name for name, begin, end in self.standing if begin <= ms(self.now_s) < end]
        assert self.desk.post.steer.mode == (due[-1] if due else "normal")


TestCommanding = Commanding.TestCase
TestCommanding.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


def unset(seconds: float) -> Instant:
    """After a reboot, before any time server answered."""
    return at(seconds, "none", "boot-b")


def test_orders_that_wait_for_the_time_are_all_kept_and_rule_one_after_the_other() -> None:
    desk = Desk()
    assert desk.hear(mode(1, "peak"), mode(2, "emergency", to=ms(1800)), now=unset(0)) == [("waits", None)] * 2
    desk.restart(unset(2))
    assert desk.hear(now=at(10, boot="boot-b")) == [("accepted", None)] * 2
    assert desk.post.steer.mode == "emergency"
    desk.hear(now=at(1800, boot="boot-b"))
    assert desk.post.steer.mode == "peak"


def test_an_order_that_is_refused_takes_none_away_that_waits() -> None:
    desk = Desk()
    desk.hear(mode(1, to=ms(10)), now=at(0))
    desk.hear(now=at(10))
    desk.restart(unset(20))
    assert desk.hear(mode(2, "peak"), now=unset(21)) == [("waits", None)]
    assert desk.hear(mode(3, "emergency", to=ms(-60)), now=unset(22)) == [("refused", "expired")]
    assert desk.hear(now=at(30, boot="boot-b")) == [("accepted", None)]
    assert desk.post.steer.mode == "peak"


def test_no_more_orders_wait_than_may_stand() -> None:
    desk = Desk()
    told = [desk.hear(mode(seq), now=unset(seq)) for seq in range(1, 10)]
    assert told == [[("waits", None)]] * 8 + [[("refused", "full")]]
    assert desk.hear(mode(10, "normal", to=None), now=unset(10)) == [("accepted", None)]
    assert desk.hear(now=at(20, boot="boot-b")) == [], "an end of all modes ends also those that wait"
    assert desk.post.steer.mode == "normal"


def test_no_order_stands_for_longer_than_400_days_also_where_it_names_no_beginning() -> None:
    desk = Desk()
    assert desk.hear(mode(1, to=ms(401 * 86_400)), now=at(0)) == [("refused", "value")]
    assert desk.hear(mode(2, to=2**53 - 1), now=at(0, "none", boot="boot-c")) == [("waits", None)]
    assert desk.hear(now=at(1, boot="boot-c")) == [("refused", "value")]
    assert desk.hear(mode(3, to=ms(399 * 86_400)), now=at(0)) == [("accepted", None)]


def test_a_stock_take_of_another_time_is_refused() -> None:
    desk = Desk()
    later = {"parcels": 5, "seq": 1, "by": "li", "from": ms(600), "to": ms(1200)}
    assert desk.hear(Command("baseline", later, retained=False), now=at(0)) == [("refused", "value")]
    now = later | {"seq": 2, "from": ms(-600)}
    assert desk.hear(Command("baseline", now, retained=False), now=at(0)) == [("accepted", None)]
    assert [parcels for parcels, _, _ in desk.rebased] == [5]
