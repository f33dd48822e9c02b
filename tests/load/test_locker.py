"""What a locker is said to be, from what its boards say."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from locker_world import BOOT, MORNING_S, SILENT_S, STEADY_ITEM_S, World, asked, locker
from spoilt_documents import ANYTHING, changed, places

from agent.load.instant import Instant
from agent.load.locker import LockerModel

CLOSED_FREE = ("closed", "absent", "none", "free")
CLOSED_FULL = ("closed", "present", "none", "occupied")


def settled(**options: object) -> World:
    world = World(**options)  # type: ignore[arg-type]
    world.run(STEADY_ITEM_S + 5)
    return world


def test_a_delivery_and_a_collection_are_seen_counted_and_timed() -> None:
    world = settled()
    world.deliver(2)
    assert world.statuses() == [CLOSED_FREE, CLOSED_FREE, CLOSED_FULL, CLOSED_FREE]
    world.run(3 * 3600)
    world.collect(2)
    load = world.model.draw(world.at)
    assert world.counted == world.truth
    assert (load.dwell_p50_h, load.dwell_p90_h, load.dwell_max_h) == (3.0, 3.0, 3.0)
    assert (load.all.occupied, load.all.free, load.all.total) == (0, 4, 4)
    assert load.quality == "good"
    assert load.all.turnover_day == 0.25


def test_a_door_that_is_closed_says_nothing_of_a_parcel() -> None:
    world = World(items=False)
    world.run(10)
    load = world.model.draw(world.at)
    assert load.quality == "unsupported"
    assert (load.all.occupied, load.all.free, load.all.overdue, load.occupancy, load.dwell_max_h) == (None,) * 5
    assert (load.all.faulty, load.all.unknown, load.all.door_open) == (0, 0, 0)
    world.open(0)
    world.run(3)
    assert world.model.draw(world.at).all.door_open == 1


def test_how_many_doors_are_open_is_not_known_of_a_locker_that_is_not_heard() -> None:
    world = World()
    assert world.model.draw(world.at).all.door_open is None
    world.run(10)
    assert world.model.draw(world.at).all.door_open == 0


def test_nothing_is_said_of_parcels_before_it_has_lasted() -> None:
    world = World()
    world.run(3)
    assert world.statuses()[0] == ("closed", "unknown", "none", "unknown")
    world.run(STEADY_ITEM_S)
    assert world.statuses()[0] == CLOSED_FREE


@pytest.mark.fault("B18")
def test_a_lock_pulse_is_no_open_door() -> None:
    world = settled(step_s=0.1)
    world.open(1)
    world.run(0.3)
    world.close(1)
    world.run(2)
    assert world.counted["door.opened"] == 0


def test_an_open_door_is_ajar_after_a_while_and_the_compartment_is_faulty_until_it_is_closed() -> None:
    world = settled()
    world.open(1)
    world.run(110)
    assert world.statuses()[1] == ("open", "absent", "none", "free")
    world.run(20)
    assert world.statuses()[1] == ("ajar", "absent", "door_ajar", "faulty")
    assert world.model.draw(world.at).all.door_open == 1
    world.close(1)
    world.run(3)
    assert world.statuses()[1] == CLOSED_FREE


def test_a_board_that_is_not_heard_makes_its_compartments_unknown_and_not_what_they_last_were() -> None:
    world = settled()
    world.deliver(0)
    world.answers = False
    world.run(SILENT_S + 2)
    assert world.statuses() == [("unknown", "unknown", "board_offline", "unknown")] * 4
    load = world.model.draw(world.at)
    assert load.quality == "stale"
    assert (load.all.unknown, load.all.occupied, load.all.free, load.occupancy) == (4, 0, 0, None)


def test_a_board_that_says_what_nobody_understands_is_a_comm_error() -> None:
    world = settled()
    world.pass_(SILENT_S + 1)
    world.model.boards["west_1"].missed("crc")
    world.model.advance(world.at)
    assert world.statuses()[0] == ("unknown", "unknown", "comm_error", "unknown")


def test_a_channel_of_which_the_board_knows_nothing_is_a_comm_error_of_that_compartment_alone() -> None:
    world = settled()
    values = list(world.values())
    values[1] = None  # type: ignore[call-overload]
    world.model.hear("west_1", world.points, tuple(values), world.now_s + 1)
    assert world.statuses()[1] == ("unknown", "absent", "comm_error", "unknown")
    assert world.statuses()[0] == CLOSED_FREE


@pytest.mark.parametrize("full", [True, False])
def test_a_board_away_for_an_hour_comes_back_without_phantom_deliveries(full: bool) -> None:
    world = settled()
    if full:
        world.deliver(1)
    before = world.counted
    world.answers = False
    world.run(3600)
    world.answers = True
    world.run(2)
    assert world.statuses()[1] == (CLOSED_FULL if full else CLOSED_FREE), "what is as before is known at once"
    world.run(60)
    assert world.counted == before
    assert world.model.draw(world.at).stay_quality == "partial"


def test_a_parcel_put_in_while_the_board_was_away_is_one_delivery_of_which_the_time_is_not_known() -> None:
    world = settled()
    world.answers = False
    world.run(3600)
    world.present[2] = True
    world.answers = True
    world.run(STEADY_ITEM_S + 5)
    assert world.counted["parcel.delivered"] == 1
    assert world.model.draw(world.at).stay_quality == "partial"
    world.run(7200)
    world.collect(2)
    assert world.model.draw(world.at).dwell_max_h is None, "a stay whose beginning nobody saw has no length"


def test_a_dirty_sensor_behind_a_closed_door_delivers_nothing() -> None:
    world = settled()
    world.run(60)
    world.dirty[0] = True
    world.run(STEADY_ITEM_S + 5)
    assert world.counted["parcel.delivered"] == 0
    assert world.statuses()[0] == ("closed", "unknown", "sensor_conflict", "faulty")
    world.dirty[0] = False
    world.run(3)
    assert world.statuses()[0] == CLOSED_FREE


def test_a_conflict_ends_when_the_door_has_been_opened_and_nothing_is_counted_of_it() -> None:
    world = settled()
    world.run(60)
    world.dirty[0] = True
    world.run(STEADY_ITEM_S + 5)
    world.open(0)
    world.run(4)
    world.close(0)
    world.run(STEADY_ITEM_S + 5)
    assert world.statuses()[0] == CLOSED_FULL
    assert world.counted["parcel.delivered"] == 0


def test_parcels_that_come_and_go_behind_a_door_that_never_moves_tell_of_its_contact() -> None:
    world = settled()
    world.run(60)
    for dirty in (True, False, True):
        world.dirty[0] = dirty
        world.run(STEADY_ITEM_S + 5)
    assert world.statuses()[0][2] == "lock_no_change"


@pytest.mark.fault("B18")
def test_a_door_contact_that_never_rests_is_a_conflict_and_opens_no_doors() -> None:
    world = settled()
    for _ in range(15):
        world.closed[3] = not world.closed[3]
        world.run(1)
    assert world.statuses()[3] == ("unknown", "absent", "sensor_conflict", "faulty")
    counted = world.counted["door.opened"]
    for _ in range(20):
        world.closed[3] = not world.closed[3]
        world.run(2)
    assert world.counted["door.opened"] == counted
    world.closed[3] = True
    world.run(70)
    assert world.statuses()[3] == CLOSED_FREE


def test_overdue_is_counted_from_the_moment_the_parcel_came() -> None:
    world = settled(of=locker(overdue_h=2.0))
    world.deliver(0)
    world.run(2 * 3600 - 60)
    assert world.model.draw(world.at).all.overdue == 0
    world.run(120)
    load = world.model.draw(world.at)
    assert load.all.overdue == 1
    assert load.by_size["s"].overdue == 1
    assert load.by_size["m"].overdue == 0


def test_a_parcel_stays_over_restarts_and_reboots() -> None:
    world = settled(of=locker(overdue_h=2.0))
    world.deliver(0)
    world.restart()
    world.run(60)
    world.restart(3600, rebooted=True)
    world.run(60)
    assert world.counted == world.truth
    assert world.model.draw(world.at).all.overdue == 0
    world.run(3600)
    load = world.model.draw(world.at)
    assert load.all.overdue == 1
    assert load.stay_quality == "partial"
    assert load.all.turnover_day == 0.25


def test_after_a_reboot_without_a_clock_parcels_are_dated_when_the_clock_is_right() -> None:
    world = settled(of=locker(overdue_h=5.0))
    world.deliver(0)
    world.quality = "ntp"
    kept_wall_s = world.wall_s
    world.restart(6 * 3600, rebooted=True)
    right_s, world.quality, world.wall_s = world.wall_s, "none", 0.0
    model = world._model()
    model.restore(world.model.state(world.at), world.at)
    world.run(30)
    assert kept_wall_s < right_s
    assert world.model.draw(world.at).all.turnover_day is not None, "the day of before stands until a clock tells"


def test_the_clock_that_comes_late_makes_a_parcel_overdue() -> None:
    world = settled(of=locker(overdue_h=5.0))
    world.deliver(0)
    kept = world.model.state(world.at)
    world.pass_(6 * 3600)
    right_s = world.wall_s
    world.boot_id, world.now_s, world.quality, world.wall_s = "boot-2", 30.0, "none", 0.0
    world.model = world._model()
    world.model.restore(kept, world.at)
    world.run(30)
    assert world.model.draw(world.at).all.overdue == 0
    world.quality, world.wall_s = "ntp", right_s + 30
    world.run(1)
    assert world.model.draw(world.at).all.overdue == 1


def test_the_day_begins_anew_at_local_midnight() -> None:
    world = settled()
    world.deliver(0)
    world.run(15.5 * 3600)
    load = world.model.draw(world.at)
    assert load.all.turnover_day == 0.0
    assert load.dwell_max_h is None


def test_state_of_another_wiring_begins_anew_and_delivers_nothing() -> None:
    world = settled()
    kept = world.model.state(world.at)
    world.locker = locker(inverted=True)
    world.closed = [True] * 4
    world.model = world._model()
    assert world.model.restore(json.loads(json.dumps(kept)), world.at) == ["west_1"]
    world.run(60)
    assert not world.counted


@pytest.mark.parametrize(
    "kept",
    [None, [], {}, {"at": 3}, {"at": ["b", 1.0, 2.0, "ntp"], "boards": [], "day": None}],
)
def test_what_is_no_state_is_told_and_changes_nothing(kept: object) -> None:
    world = World()
    with pytest.raises(ValueError, match="not"):
        world.model.restore(kept, world.at)
    world.run(20)
    assert world.statuses() == [CLOSED_FREE] * 4


def test_a_report_that_nobody_asked_for_is_news_of_its_channel_only() -> None:
    world = settled()
    world.model.hear("west_1", ("door.2",), (False,), world.now_s + 0.1)
    world.now_s += 0.6
    world.model.hear("west_1", ("door.2",), (False,), world.now_s)
    assert [status[0] for status in world.statuses()] == ["closed", "open", "closed", "closed"]
    world.run(3)
    assert [status[0] for status in world.statuses()] == ["closed"] * 4, "the next answer counts"


def test_the_parts_add_up_whatever_is_wrong() -> None:
    world = settled()
    world.deliver(0)
    world.open(1)
    world.run(200)
    load = world.model.draw(world.at)
    for share in (load.all, *load.by_size.values()):
        assert share.occupied is not None
        assert share.free is not None
        assert share.occupied + share.free + share.faulty + share.unknown == share.total
    assert load.occupancy == pytest.approx(1 / 3)


def test_a_conflict_that_outlasts_an_outage_or_a_restart_is_no_delivery() -> None:
    world = settled()
    world.run(60)
    world.dirty[0] = True
    world.run(STEADY_ITEM_S + 5)
    world.silence(3600)
    world.run(STEADY_ITEM_S + 5)
    world.restart()
    world.run(STEADY_ITEM_S + 5)
    assert world.counted["parcel.delivered"] == 0


def test_a_lock_that_its_host_orders_to_open_and_that_stays_closed_does_not_work() -> None:
    world = settled()
    world.model.order("west_1", ("door.2",), world.now_s)
    world.run(5)
    assert world.statuses()[1] == CLOSED_FREE
    world.run(10)
    assert world.statuses()[1] == ("closed", "absent", "lock_no_change", "faulty")
    world.open(1)
    world.run(3)
    world.close(1)
    world.run(3)
    assert world.statuses()[1] == CLOSED_FREE
    world.model.order("west_1", ("door.2",), world.now_s)
    world.open(1)
    world.run(12)
    assert world.statuses()[1][2] == "none", "it opened as it was told"


def test_doors_are_known_again_where_only_the_query_of_the_items_went_unanswered() -> None:
    of = locker(2)
    doors, items = asked(2, items=False), ("item.1", "item.2")
    model = LockerModel(of, {"west_1": [doors, items]}, 0.0)

    def run(begin_s: float, end_s: float, *, sees_items: bool) -> set[tuple[str | None, ...]]:
        for now_s in range(int(begin_s), int(end_s)):
            model.hear("west_1", doors, (True, True), float(now_s))
            if sees_items:
                model.hear("west_1", items, (False, False), float(now_s))
            model.advance(Instant(BOOT, float(now_s), MORNING_S + now_s, "ntp"))
        return {tuple(one.status) for one in model.compartments(float(end_s))}

    assert run(0, 30, sees_items=True) == {CLOSED_FREE}
    assert run(30, 60, sees_items=False) == {("closed", "unknown", "comm_error", "unknown")}
    assert run(60, 90, sees_items=True) == {CLOSED_FREE}
    assert model.draw(Instant(BOOT, 90.0, MORNING_S + 90, "ntp")).streams == {}


def lived() -> World:
    """A locker with a past: parcels delivered, collected and still there."""
    world = settled()
    world.deliver(0)
    world.deliver(1)
    world.run(3600)
    world.collect(0)
    return world


LIVED = lived()
KEPT = json.loads(json.dumps(LIVED.model.state(LIVED.at)))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(places(KEPT)), ANYTHING)
@example(("day", 2, 0, 1), 0)
@example(("day", 2, 0, 1), 10**9 - 1)
@example(("boards", "west_1", 3, 0, 1), float("nan"))
@example(("at", 1), 10**400)
def test_whatever_was_kept_of_a_locker_it_is_taken_over_or_begins_anew_and_goes_on(
    place: tuple[Any, ...], new: Any
) -> None:
    model = LockerModel(LIVED.locker, {"west_1": [LIVED.points]}, LIVED.now_s)
    with suppress(ValueError):
        model.restore(changed(KEPT, place, new), LIVED.at)
    model.hear("west_1", LIVED.points, LIVED.values(), LIVED.now_s)
    load = model.draw(LIVED.at)
    assert load.all.turnover_day is None or load.all.turnover_day >= 0
    json.dumps(model.state(LIVED.at), allow_nan=False)
