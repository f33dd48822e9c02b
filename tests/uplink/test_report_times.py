"""When what is told, over simulated minutes: at once what changed, each minute how everything stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from reported_hour import Hour, Said, told
from simulated_site import Life

from agent.bus import Answered
from agent.load.instant import Instant
from agent.load.line import LineModel
from agent.load.line_load import LineLoad
from agent.load.locker import LockerLoad, LockerModel
from agent.lockers.site import SiteLockers
from agent.uplink.inbox import Command
from drivers import Batch

BEFORE = Callable[[int, Life, Hour], None]


def at(said: list[Said], tail: str) -> list[float]:
    return [one.at_s for one in said if one.tail == tail]


def last(said: list[Said], tail: str) -> Said:
    """What the broker keeps there."""
    return [one for one in said if one.tail == tail][-1]


def ordered(at_s: int, capacity_pph: int) -> BEFORE:
    """The bureau orders a plan at that second."""
    plan = {"plan_id": "p1", "type": "capacity", "line": "east", "capacity_override": capacity_pph}

    def before(second: int, life: Life, world: Hour) -> None:
        if second == at_s:
            until_ms = int(1000 * (world.clock.now().wall_s + 3000))
            life.uplink.commands = [Command("plan", {**plan, "seq": 1, "by": "gz", "to": until_ms}, retained=False)]

    return before


@pytest.mark.parametrize("second", [962, 966])
def test_what_is_retained_after_an_order_is_judged_by_it_at_once(second: int) -> None:
    said = told(second + 3, before=ordered(second, 20_000))
    line, site = (last(said, tail) for tail in ("line/east/state", "state"))
    assert line.fields["plan"] == site.fields["plan"] == "p1"
    by_plan = 100 * site.fields["in_pph_900"] / 20_000
    assert line.fields["load_index"] == site.fields["load_index"] == pytest.approx(by_plan, abs=0.1)
    assert line.at_s == site.at_s == second + 1


@pytest.mark.parametrize(("report_s", "apart_s"), [(5, 30), (45, 60), (60, 60), (100, 60), (600, 60)])
def test_health_and_states_are_told_each_minute_however_seldom_figures_are(report_s: int, apart_s: int) -> None:
    said = told(700, report_s)
    for tail in ("health", "state", "line/east/state"):
        times = at(said, tail)[-6:]
        assert {later - earlier for earlier, later in pairwise(times)} == {apart_s}, tail
    figures = at(said, "line/east/telemetry")
    assert {later - earlier for earlier, later in pairwise(figures)} == {report_s}


def test_a_line_whose_device_falls_silent_says_so_at_once_and_when_it_is_back() -> None:
    def before(second: int, life: Life, world: Hour) -> None:
        world.silent = {"eye"} if 305 <= second < 345 else set()

    said = told(400, before=before)
    trusted = [(one.at_s, one.fields["q"]) for one in said if one.tail == "line/east/state"]
    [stale_s] = [at_s for at_s, quality in trusted if quality == "stale"][:1]
    [back_s] = [at_s for at_s, quality in trusted if quality == "estimated" and at_s > stale_s][:1]
    away_s, answers_s = at(said, "dev/eye/state")[-2:]
    assert 0 <= stale_s - away_s <= 5
    assert 0 <= back_s - answers_s <= 5


def test_a_beat_without_news_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: Counter[float] = Counter()
    advance = LineModel.advance

    def counted(model: LineModel, now: Instant) -> LineLoad:
        drawn[now.boot_s] += 1
        return advance(model, now)

    monkeypatch.setattr(LineModel, "advance", counted)
    said = told(600)
    spoken = {one.at_s for one in said if one.tail.startswith("line/") or one.tail in {"state", "event"}}
    assert set(drawn) <= spoken
    ordinary = [times for at_s, times in drawn.items() if at_s in set(at(said, "health"))]
    assert ordinary.count(1) >= len(ordinary) - 2, "figures and states together, but for a state that changed"


LOCKERS = 15
BOARD = """
[locker.k{n}]
name_zh = "柜"
name_en = "K"
[locker.k{n}.board.1]
bus = "west"
language = "kerong_cu16"
address = {n}
compartments = "1-8"
silent_s = 5
"""
WEST = '[bus.west]\nserial = "/dev/serial/by-path/port0"\nbaud = 19200\n'


def answer(lockers: SiteLockers, boards: Sequence[int], at_s: float) -> None:
    """These boards answer that all is closed, and half of it full."""
    for board in boards:
        asked = lockers.asking[board][1]
        for number, ask in enumerate(asked):
            values = tuple(point.startswith("door") or int(point.split(".")[1]) % 2 == 0 for point in ask.points)
            lockers.hear(Answered(lockers.asking[board][0].id, number, Batch(values, at_s)))


@pytest.fixture(scope="module")
def beside_lockers() -> tuple[list[Said], Counter[float]]:
    """What was told beside the lockers, of which the first falls silent at 205; and how many were drawn in a beat."""
    drawn: Counter[float] = Counter()
    draw = LockerModel.draw

    def counted(model: LockerModel, now: Instant) -> LockerLoad:
        drawn[now.boot_s] += 1
        return draw(model, now)

    def before(second: int, life: Life, world: Hour) -> None:
        assert life.lockers is not None
        answer(life.lockers, range(second >= 205, LOCKERS), world.clock.boot_s())

    more = WEST + "".join(BOARD.format(n=n) for n in range(1, LOCKERS + 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LockerModel, "draw", counted)
        return told(330, more=more, before=before), drawn


def test_a_lockers_state_is_told_soon_after_it_changed_whenever_the_next_report_is(
    beside_lockers: tuple[list[Said], Counter[float]],
) -> None:
    said, _ = beside_lockers
    silent = last(said, "locker/k1/state")
    assert silent.fields["q"] == "stale"
    assert silent.at_s <= last(said, "dev/k1_1/state").at_s + 10


def test_lockers_of_which_nothing_is_new_are_told_in_turns_each_half_minute(
    beside_lockers: tuple[list[Said], Counter[float]],
) -> None:
    said, drawn = beside_lockers
    for n in range(2, LOCKERS + 1):
        times = at(said, f"locker/k{n}/telemetry")
        assert {later - earlier for earlier, later in pairwise(times) if later > 100} == {30.0}
    settled = [count for at_s, count in drawn.items() if at_s > 100]
    assert max(settled) <= LOCKERS / 3 + 1, "and one of which something is new"
