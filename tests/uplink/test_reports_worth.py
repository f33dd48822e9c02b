"""The reporter over most of an hour: what moved is told with the next report, what did not at its heartbeat.

The same hour is played twice: once every report goes, once with a deadband. So what was left out is known.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

import pytest
from simulated_site import Counter, Life, World, WorldClock, seeded
from twins import HEAD

import config
from agent.uplink.contract import Json, Message
from agent.uplink.outsized import Outsized
from agent.uplink.status import UplinkStatus
from agent.uplink.worth import ALWAYS
from config.device_settings import CounterRef
from config.reporting_settings import DEADBANDS

REPORT_S, HEARTBEAT_S = 10.0, 120.0
BEAT_S = 1.0
BUSY_S, PLAYED_S = 1200, 1500
SITE = """
report_s = {report_s:g}
[bus.eyes]
tcp = "127.0.0.1:502"
[device.eye]
bus = "eyes"
unit = 1
period_s = 1
point.in = {{ area = "input", address = 0, type = "u32", kind = "counter", max_rate_per_s = 90 }}
point.out = {{ area = "input", address = 2, type = "u32", kind = "counter", max_rate_per_s = 90 }}
[line.east]
induct = ["eye.in"]
discharge = ["eye.out"]
capacity_pph = 8000
buffer_parcels = 600
[floor]
unload = ["eye.in"]
load = ["eye.out"]
buffer_parcels = 900
[reporting]
heartbeat_s = {heartbeat_s:g}
{bands}
"""
BANDS = {"in_pph": 300.0, "out_pph": 300.0, "load_index": 3.0, "fill_ratio": 0.02, "wip": 20.0, "headroom_pph": 300.0}
BANDS |= {"headroom_parcels": 25.0, "tts_min": 15.0, "backlog": 20.0}
PLACES = ("line/east/telemetry", "telemetry")


class Said(NamedTuple):
    """A report of a place, and the second of the hour at which it went."""

    at_s: float
    fields: dict[str, Any]


class Hour(World):
    """Parcels come in two waves and then no more; a little less can leave."""

    def work(self, seconds: float) -> None:
        self.clock.true_s += seconds
        at_s = self.clock.boot_s()
        dice = Random(round(at_s))
        came, went = (self.counters[CounterRef("eye", name)] for name in ("in", "out"))
        if at_s < BUSY_S:
            came.count(int(2.0 + 1.2 * math.sin(at_s / 190.0) + dice.random()))
        went.count(min(came.truth - went.truth, dice.choice((1, 2, 3))))


class Reader:
    """Takes the place of the uplink: reads what is in the spool, and forgets it."""

    def __init__(self, life: Life) -> None:
        self._spool = life.spool
        self.outsized = Outsized()
        self.said: dict[str, list[Said]] = {place: [] for place in PLACES}

    def wake(self) -> None: ...

    def status(self) -> UplinkStatus:
        return UplinkStatus(False, 0.0, None, "", 0, 0, 0, 0, (), 0, False, False, 0)

    def take_answers(self) -> Sequence[Json]:
        return ()

    def take_commands(self) -> Sequence[Any]:
        return ()

    def go_on(self, now_s: float) -> None:
        for position, record in self._spool.read(self._spool.acked, 100, 1 << 20):
            message = Message.decode(record)
            if message.tail in self.said:
                self.said[message.tail].append(Said(now_s, json.loads(message.payload)))
            self._spool.acknowledge(position + 1)


@cache
def played(*, metric: str = "") -> dict[str, list[Said]]:
    """What was said in the hour, with a deadband for that metric alone, "" without one."""
    bands = f"[reporting.deadband]\n{metric} = {BANDS[metric]}" if metric else ""
    toml = HEAD + SITE.format(report_s=REPORT_S, heartbeat_s=HEARTBEAT_S, bands=bands)
    report = config.check_text("hour.toml", toml.encode())
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    counters = {CounterRef("eye", name): Counter(1 << 32, 0) for name in ("in", "out")}
    clock = WorldClock()
    clock.booted_s = clock.true_s
    world = Hour(Random(7), report.settings, clock, counters)
    with seeded(world):
        life = Life(world, Reader)
        for _ in range(PLAYED_S):
            world.work(BEAT_S)
            life.tick(clock.now())
    return life.uplink.said


def moved(before: Said, now: Said, metric: str) -> bool:
    """Whether the metric is further from what was told than its band, or something else must be told at once."""
    old, new = before.fields.get(metric), now.fields.get(metric)
    if any(before.fields.get(name) != now.fields.get(name) for name in (*ALWAYS, "q")):
        return True
    return abs(new - old) > BANDS[metric] if old is not None and new is not None else old != new


def test_every_metric_with_a_deadband_is_tried() -> None:
    assert set(BANDS) == set(DEADBANDS)
    told = {name for place in PLACES for one in played()[place] for name in one.fields}
    assert set(DEADBANDS) <= told


@pytest.mark.parametrize("place", PLACES)
def test_without_a_deadband_each_report_goes(place: str) -> None:
    times = [one.at_s for one in played()[place]]
    assert {later - earlier for earlier, later in pairwise(times[1:])} == {REPORT_S}
    assert len(times) >= PLAYED_S / REPORT_S


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("metric", DEADBANDS)
def test_what_moves_is_told_with_the_next_report_and_what_rests_at_its_heartbeat(metric: str, place: str) -> None:
    """Each report that would have gone is held against the one that was told last."""
    told = {one.at_s: one for one in played(metric=metric)[place]}
    last = told[min(told)]
    for now in played()[place]:
        if now.at_s <= last.at_s:
            continue
        due = moved(last, now, metric) or now.at_s - last.at_s >= HEARTBEAT_S
        assert (now.at_s in told) == due, (now.at_s, last.fields.get(metric), now.fields.get(metric))
        if due:
            same = {name: value for name, value in now.fields.items() if name in (*DEADBANDS, "counts", "q", "state")}
            assert same.items() <= told[now.at_s].fields.items()
            last = told[now.at_s]
    assert set(told) <= {one.at_s for one in played()[place]}, "never between two reports"
    assert len(told) < len(played()[place]) / 2


@pytest.mark.parametrize("place", PLACES)
def test_what_a_report_says_of_its_window_reaches_back_to_the_one_before(place: str) -> None:
    """Whatever is left out, the windows of those that go add up to all the time, their parcels to all parcels."""
    said = played(metric="load_index")[place]
    for before, now in pairwise(said):
        assert now.fields["win"] == pytest.approx(now.at_s - before.at_s, abs=0.1)
