"""A line and its docks over simulated minutes, and all that the reporter tells of them, each with its second."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from simulated_site import Counter, Life, World, WorldClock, seeded
from site_text import HEAD

import config
from agent.uplink.contract import Json, Message
from agent.uplink.inbox import Command
from agent.uplink.outsized import Outsized
from agent.uplink.status import UplinkStatus
from config.device_settings import CounterRef

BEAT_S = 1.0
BUSY_S = 1200
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
{more}
"""


class Said(NamedTuple):
    """A message, and the second at which it went."""

    at_s: float
    tail: str
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
        self.said: list[Said] = []
        self.commands: list[Command] = []

    def wake(self) -> None: ...

    def status(self) -> UplinkStatus:
        return UplinkStatus(False, 0.0, None, "", 0, 0, 0, 0, (), 0, False, False, 0)

    def take_answers(self) -> Sequence[Json]:
        return ()

    def take_commands(self) -> Sequence[Command]:
        commands, self.commands = self.commands, []
        return commands

    def go_on(self, now_s: float) -> None:
        for position, record in self._spool.read(self._spool.acked, 100, 1 << 20):
            message = Message.decode(record)
            self.said.append(Said(now_s, message.tail, json.loads(message.payload or "{}")))
            self._spool.acknowledge(position + 1)


def told(
    seconds: int,
    report_s: float = 60.0,
    more: str = "",
    before: Callable[[int, Life, Hour], None] = lambda *_: None,
    machine: Path = Path("/nowhere"),
) -> list[Said]:
    """What was told in so many seconds; `more` is added to the site's TOML, `before` is called before each beat, and
    `machine` holds what the kernel tells."""
    report = config.check_text("hour.toml", (HEAD + SITE.format(report_s=report_s, more=more)).encode())
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    counters = {CounterRef("eye", name): Counter(1 << 32, 0) for name in ("in", "out")}
    clock = WorldClock()
    clock.booted_s = clock.true_s
    world = Hour(Random(7), report.settings, clock, counters, machine=machine)
    with seeded(world):
        life = Life(world, Reader)
        for second in range(seconds):
            before(second, life, world)
            world.work(BEAT_S)
            life.tick(clock.now())
    said: list[Said] = life.uplink.said
    return said
