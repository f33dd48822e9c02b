"""Whatever the spool's state holds, the models take it over or begin anew: they go on, and what they say is sound."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from load_hub import FLOOR, Hub, line
from spoilt_documents import ANYTHING, changed, places

from agent.load import memory
from agent.load.tally import Record
from agent.uplink import reports, site_reports
from agent.uplink.contract import Head
from config.device_settings import CounterRef
from config.load_settings import Floor


def remembered() -> tuple[dict[str, Any], Hub]:
    hub = Hub(FLOOR, line("north", capacity_observed=True))
    hub.run(60, north=1, dock_in=2, dock_out=1)
    hub.site.backlog.rebase(hub.at, 400, "li", "r")
    hub.run(1300, north=1, dock_in=2, dock_out=1)
    kept: dict[str, Any] = json.loads(json.dumps(memory.kept(hub.at, {"north": hub.models[0]}, hub.site)))
    return kept, hub


KEPT, BEFORE = remembered()


def goes_on(kept: Any) -> list[str]:
    """What could not be taken over. The models go on, and everything that they say can be written."""
    hub = Hub(FLOOR, line("north", capacity_observed=True))
    hub.now_s, hub.raw = BEFORE.now_s + 5, dict(BEFORE.raw)
    for ref, meter in hub.meters.items():
        meter.restore(BEFORE.meters[ref].state())
    lost: list[str] = []
    memory.restore(kept, hub.at, {"north": hub.models[0]}, hub.site, lambda name, reason: lost.append(name))
    load = hub.run(12, north=1, dock_in=1, dock_out=1)
    head = Head(hub.at, "1-abcdef", 1)
    reports.line_state(head, "north", hub.models[0].advance(hub.at))
    site_reports.site_state(head, load)
    for name, steering in (("north", hub.models[0].steering), (None, hub.site.steering)):
        for event in steering.take_events():
            site_reports.event(head, name, event)
    json.dumps(memory.kept(hub.at, {"north": hub.models[0]}, hub.site), allow_nan=False)
    return lost


def test_what_was_kept_is_taken_over_whole() -> None:
    assert goes_on(KEPT) == []


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(places(KEPT)), ANYTHING)
def test_a_document_with_anything_anywhere_is_taken_over_or_told_and_the_models_go_on(
    place: tuple[Any, ...], new: Any
) -> None:
    document = changed(KEPT, place, new)
    if isinstance(document, dict):
        goes_on(document)


def test_a_line_that_counts_by_other_counters_begins_anew_and_says_so() -> None:
    other = replace(line("north", capacity_observed=True), discharge=(CounterRef("north", "other"),))
    hub = Hub(FLOOR, other)
    lost: list[tuple[str, str]] = []
    for ref, meter in hub.meters.items():
        meter.restore(BEFORE.meters[ref].state() if ref in BEFORE.meters else [])
    memory.restore(KEPT, hub.at, {"north": hub.models[0]}, hub.site, lambda name, why: lost.append((name, why)))
    assert lost == [("north", "it counted by other counters then")], "the docks are the same"
    assert hub.models[0].steering.machine.state == "UNKNOWN"


def test_a_line_one_of_whose_counters_lost_its_count_begins_anew_and_its_hour_is_never_below_nothing() -> None:
    lost_one = CounterRef("north", "in")
    hub = Hub(Floor(), line("north", capacity_observed=True))
    hub.run(3000, north=2)
    kept = json.loads(json.dumps(memory.kept(hub.at, {"north": hub.models[0]}, hub.site)))
    again = Hub(Floor(), line("north", capacity_observed=True))
    again.now_s, again.raw = hub.now_s + 5, dict(hub.raw)
    for ref, meter in again.meters.items():
        meter.restore([] if ref == lost_one else hub.meters[ref].state())
    lost: list[str] = []
    memory.restore(kept, again.at, {"north": again.models[0]}, again.site, lambda name, why: lost.append(name))
    assert lost == ["site", "north"]
    site = again.run(4000, north=2)
    so_far = again.models[0].advance(again.at).so_far
    assert so_far.hour is not None and so_far.hour > 0
    assert site.so_far.hour == so_far.hour
    told = [*again.models[0].steering.take_events(), *again.site.steering.take_events()]
    hours = [one for one in told if isinstance(one, Record)]
    assert len(hours) >= 2
    assert min(min(one.counted.values()) for one in hours) >= 0
