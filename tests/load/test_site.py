"""The site: its lines together, its docks and floor, steered like a line; and what all of them remember."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from load_hub import DOCK_IN, DOCK_OUT, FLOOR, Hub, line

from agent.load import memory
from agent.load.conditions import ORDINARY, Conditions
from agent.load.instant import Instant
from agent.load.machine import Transition
from agent.load.site import SiteModel
from agent.load.tally import Record
from config.device_settings import CounterRef
from config.load_settings import Floor, LoadSettings


def test_a_site_is_its_lines_and_its_docks() -> None:
    hub = Hub()
    load = hub.run(1000, north=2, south=1, dock_in=4, dock_out=3)
    assert load.in_pph == load.out_pph == pytest.approx(3 * 3600)
    assert (load.lines, load.room.capacity_eff_pph) == (2, 20_000.0)
    assert load.load_ratio_in == pytest.approx(4 * 3600 / 20_000)
    assert load.load_ratio_out == pytest.approx(3 * 3600 / 20_000)
    assert load.backlog == pytest.approx(1000, abs=5)
    assert load.fill_ratio == pytest.approx(0.1, abs=0.001)
    assert load.backlog_hours == pytest.approx(0.05, abs=0.001)
    assert load.room.headroom_pph == pytest.approx(20_000 - 14_400)
    assert load.room.headroom_parcels == pytest.approx(9500 - 1000, abs=5)
    assert load.load_index == pytest.approx(72)
    assert load.balance_index == pytest.approx(1 - 0.5 / 1.5, abs=0.01)
    assert load.steered.tts_min == pytest.approx(9000 / 60, abs=1)
    assert load.steered.tts_lo_min is not None and load.steered.tts_lo_min < load.steered.tts_min
    assert load.steered.state == "NORMAL"


def test_a_site_that_drains_knows_when_it_will_be_empty() -> None:
    hub = Hub()
    hub.run(3, dock_in=1)
    hub.site.backlog.rebase(hub.at, 7200, "li", "r")
    load = hub.run(1200, north=1, dock_in=1, dock_out=3)
    assert load.steered.tts_min is None
    assert load.steered.clear_min == pytest.approx((7200 - 2400) / 2 / 60, abs=1)


def test_the_most_loaded_part_is_the_sites_index() -> None:
    load = Hub().run(950, north=2, south=1, dock_in=1, dock_out=1)
    assert load.load_index == pytest.approx(72), "the north line"


def test_a_site_without_docks_is_its_lines_and_has_no_backlog() -> None:
    load = Hub(Floor()).run(950, north=2, south=1)
    assert (load.backlog, load.fill_ratio, load.unload, load.steered.tts_min) == (None, None, None, None)
    assert load.load_ratio_in == pytest.approx(3 * 3600 / 20_000)
    assert load.load_index == pytest.approx(72)


def test_a_line_that_counts_its_discharge_only_leaves_the_site_its_index() -> None:
    north, south = line("north"), replace(line("south"), induct=())
    load = Hub(Floor(), north, south).run(950, north=2, south=1)
    assert load.load_index == pytest.approx(72)
    assert load.steered.state == "NORMAL"
    assert load.in_pph is None, "nobody counts what comes onto the south line"


def test_a_line_or_dock_that_is_silent_leaves_the_site_without_a_calm_number() -> None:
    hub = Hub()
    hub.run(950, north=2, south=1, dock_in=1, dock_out=1)
    hub.silent = {CounterRef("south", "in")}
    load = hub.run(60, north=2, south=1, dock_in=1, dock_out=1)
    assert (load.load_index, load.in_pph, load.steered.state, load.steered.cause) == (
        None,
        None,
        "UNKNOWN",
        "no_figures",
    )
    assert load.quality == "partial"
    hub.silent = {DOCK_OUT}
    load = hub.run(60, north=2, south=1, dock_in=1, dock_out=1)
    assert (load.backlog, load.fill_ratio, load.load_index, load.quality) == (None, None, None, "partial")


def test_a_site_without_lines_or_docks_is_unsupported_and_unknown() -> None:
    site = SiteModel(LoadSettings(), [], {})
    load = site.advance(Instant("a", 1.0, 0.0, "none"), {})
    assert (load.quality, load.steered.state, load.load_index, load.in_pph) == ("unsupported", "UNKNOWN", None, None)


def test_a_belt_that_is_said_to_stand_and_still_counts_is_not_called_stopped() -> None:
    hub = Hub(Floor())
    hub.run(950, north=1, south=1)
    said = hub.run(600, Conditions(run=False), north=1, south=1)
    assert said.steered.state == "NORMAL"
    assert hub.run(300, Conditions(run=False)).steered.state == "STOPPED"


def test_everything_a_site_remembers_outlives_the_process_and_makes_no_transition() -> None:
    hub = Hub(FLOOR, line("north", buffer_parcels=1000))
    hub.run(130, dock_in=1, dock_out=1)
    hub.site.backlog.rebase(hub.at, 9990, "li", "r")
    before = hub.run(1900, north=2, dock_in=2, dock_out=2)
    assert (before.steered.state, hub.models[0].steering.machine.state) == ("SATURATED", "NORMAL")
    kept = json.loads(json.dumps(memory.kept(hub.at, {"north": hub.models[0]}, hub.site)))
    states = {ref: meter.state() for ref, meter in hub.meters.items()}

    again = Hub(FLOOR, line("north", buffer_parcels=1000))
    again.raw, again.now_s = dict(hub.raw), hub.now_s + 5
    lost: list[str] = []
    for ref, meter in again.meters.items():
        meter.restore(states[ref])
    memory.restore(kept, again.at, {"north": again.models[0]}, again.site, lambda name, reason: lost.append(name))
    load = again.run(600, north=2, dock_in=2, dock_out=2)
    told = [*again.models[0].steering.take_events(), *again.site.steering.take_events()]
    assert lost == []
    assert [one for one in told if isinstance(one, Transition)] == []
    assert load.steered.state == before.steered.state
    assert load.backlog == before.backlog == 9990
    assert load.steered.state_s == pytest.approx(before.steered.state_s + 605, abs=6)


@pytest.mark.parametrize("kept", [{}, {"at": 3}, {"at": ["a", 1.0, 2.0, "ntp"], "site": {"stock": 5}, "lines": 3}])
def test_a_memory_that_is_none_is_told_and_changes_nothing(kept: dict[str, object]) -> None:
    hub = Hub()
    lost: list[str] = []
    memory.restore(kept, hub.at, {"north": hub.models[0]}, hub.site, lambda name, reason: lost.append(name))
    assert bool(lost) == bool(kept)
    assert hub.run(950, north=1, south=1, dock_in=1, dock_out=1).steered.state == "NORMAL"


def test_a_plan_can_give_the_site_another_capacity() -> None:
    conditions = replace(ORDINARY, capacity_pph=5000.0)
    assert Hub().run(950, conditions, north=1, dock_in=2, dock_out=2).load_index == pytest.approx(144)


def recorded(hub: Hub) -> list[Record]:
    return [one for one in hub.site.steering.take_events() if isinstance(one, Record)]


def test_a_site_that_counts_what_is_unloaded_only_records_that_and_what_its_lines_discharge() -> None:
    hub = Hub(Floor(unload=(DOCK_IN,)))
    hub.run(7300, north=2, south=1, dock_in=7)
    assert recorded(hub)[-1].counted == {"unload": 7 * 3600, "out": 3 * 3600}
    assert hub.draw().so_far.hour == pytest.approx(7 * (hub.now_s % 3600), abs=35)


def test_what_a_line_rejects_is_no_discharge_of_the_site() -> None:
    hub = Hub(Floor(), line("north", reject=(CounterRef("north", "reject"),)))
    hub.run(7300, north=2)
    assert recorded(hub)[-1].counted == {"in": 7200, "out": 7200}


def test_a_role_that_not_every_line_counts_is_not_recorded_as_if_the_others_were_all() -> None:
    hub = Hub(Floor(), line("north"), replace(line("south"), induct=()))
    hub.run(7300, north=2, south=1)
    assert recorded(hub)[-1].counted == {"out": 3 * 3600}
    site = SiteModel(LoadSettings(), [], {})
    for now_s in range(0, 8000, 5):
        site.sample(Instant("a", now_s, 1.8e9 + now_s, "ntp"))
    assert site.steering.take_events() == [], "a site that counts no parcels did not count none"


def test_a_guess_on_a_line_is_in_the_record_of_the_site_too() -> None:
    hub = Hub(Floor())
    hub.run(7300, north=2, south=1)
    recorded(hub)
    hub.raw[CounterRef("north", "in")] = 5
    hub.run(3600, north=2, south=1)
    (record,) = recorded(hub)
    assert (record.sure, record.complete) == (False, True)


def test_docks_that_answer_with_what_cannot_be_true_are_bad_and_silent_ones_stale() -> None:
    hub = Hub(FLOOR)
    hub.run(60, north=1, south=1, dock_in=1, dock_out=1)
    hub.raw[DOCK_IN] = hub.raw[DOCK_OUT] = 2**40
    assert hub.run(10, north=1, south=1).quality == "bad"
    hub.silent = {DOCK_IN, DOCK_OUT}
    assert hub.run(20, north=1, south=1).quality == "stale"


def test_a_floor_that_takes_weeks_to_empty_is_told_so_and_not_cut_short() -> None:
    hub = Hub(Floor(unload=(DOCK_IN,), load=(DOCK_OUT,)))
    hub.run(3, dock_in=1)
    hub.site.backlog.rebase(hub.at, 10_000_000, "li", "r")
    load = hub.run(1200, north=1, dock_in=1, dock_out=3)
    assert load.steered.clear_min == pytest.approx(10_000_000 / 2 / 60, rel=0.01)


def test_what_no_counter_ever_told_is_not_told_as_0() -> None:
    hub = Hub(FLOOR)
    hub.silent = {DOCK_IN, CounterRef("north", "in"), CounterRef("north", "out")}
    load = hub.run(7300, north=2, south=1, dock_in=7, dock_out=6)
    north = hub.models[0].advance(hub.at)
    assert (north.induct, north.discharge, north.so_far.hour, north.so_far.day) == (None, None, None, None)
    assert [one for one in hub.models[0].steering.take_events() if isinstance(one, Record)] == []
    assert (load.unload, load.so_far.hour) == (None, None)
    assert load.load is not None
    record = recorded(hub)[-1]
    assert (record.counted, record.complete) == ({"load": 6 * 3600}, False)
    hub.silent = set()
    hub.run(10, north=2, dock_in=7, dock_out=6)
    north = hub.models[0].advance(hub.at)
    assert north.induct is not None
    assert (north.induct.total, north.so_far.hour) == (18, 10), "from the first look at it"


def test_a_floor_of_which_only_the_arrivals_are_counted_leaves_the_site_its_index() -> None:
    hub = Hub(Floor(unload=(DOCK_IN,), buffer_parcels=10_000))
    load = hub.run(950, north=2, south=1, dock_in=4)
    assert (load.fill_ratio, load.backlog) == (None, None)
    assert load.load_index == pytest.approx(72)
    assert load.steered.state == "NORMAL"
