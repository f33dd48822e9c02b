"""The links of the hub's devices on a played day: when each could truly be heard, and what was told of that.

A line that stands is still available: its devices answer. Drives do not without mains, a gauge's radio fails in a
storm, any cable comes loose, and once a day the agent itself is away. Polls go the product's way from there: what they
brought, who is present, the register that adds it up and outlives the process, the messages of each hour.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import NamedTuple

import config
from agent.assembling import device_plan
from agent.bus import Answered, Missed, Outcome
from agent.bus.plans import ABSENT_PERIODS
from agent.intake import Intake, Presence
from agent.load.attendance import Register
from agent.load.instant import Instant
from agent.report.equipment import EquipmentReport
from agent.twin.script import Script
from agent.uplink.contract import Head, Message
from config.settings import Settings
from drivers import Batch

BEAT_S = 5.0
AWAY_S = ABSENT_PERIODS * BEAT_S
"""A device that is asked each beat is called away when it was silent for so long."""

HOUR_S = 3600.0
DAY_S = 86_400.0
DEVICES = ("plc", "drive-north", "drive-south", "gauge")
SITE_TOML = """
[site]
id = "d"
province = "44"
city = "4401"
level = "hub"
[bureau]
host = "127.0.0.1"
tls = false
[bus.b]
tcp = "192.0.2.1:502"
"""

LOOSE_EVERY_S = 4 * HOUR_S
LOOSE_S = (2.0, 2400.0)
RADIO_EVERY_S, RADIO_S = (300.0, 1800.0), (5.0, 900.0)
DARK_FROM_S, DARK_S = (2 * HOUR_S, 7 * HOUR_S), (60.0, 900.0)
APART_S = 60.0
"""Two outages with less between them are one."""


class Span(NamedTuple):
    """From second to second of the day."""

    begin_s: float
    end_s: float


class Hour(NamedTuple):
    """What an hour's record of a device said; it began at that second of the day."""

    device: str
    begin_s: float
    answered_s: float
    away_s: float
    away_n: int


def outages(device: str, script: Script, rng: Random) -> list[Span]:
    """When that device cannot be heard."""
    found = list(_loose(rng))
    if device.startswith("drive"):
        found += [Span(one.begin_s, one.end_s) for one in script.of("mains")]
    if device == "gauge":
        found += [one for storm in script.of("storm") for one in _radio(rng, Span(storm.begin_s, storm.end_s))]
    return list(_merged(sorted(found)))


def _loose(rng: Random) -> Iterator[Span]:
    at_s = rng.expovariate(1.0 / LOOSE_EVERY_S)
    while at_s < DAY_S:
        lasts_s = LOOSE_S[0] * (LOOSE_S[1] / LOOSE_S[0]) ** rng.random()
        yield Span(at_s, at_s + lasts_s)
        at_s += lasts_s + rng.expovariate(1.0 / LOOSE_EVERY_S)


def _radio(rng: Random, storm: Span) -> Iterator[Span]:
    at_s = storm.begin_s + rng.uniform(*RADIO_EVERY_S)
    while at_s < storm.end_s:
        lasts_s = rng.uniform(*RADIO_S)
        yield Span(at_s, at_s + lasts_s)
        at_s += lasts_s + rng.uniform(*RADIO_EVERY_S)


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Those that touch, as one."""
    last: Span | None = None
    for one in spans:
        if last is not None and one.begin_s < last.end_s + APART_S:
            last = Span(last.begin_s, max(last.end_s, one.end_s))
            continue
        if last is not None:
            yield last
        last = one
    if last is not None:
        yield last


@dataclass
class Equipment:
    """The part of a site that is reported."""

    intake: Intake
    register: Register

    def presence(self) -> dict[str, Presence]:
        return self.intake.presence


class DayLinks:
    """Whoever plays the day lets time go by; `told` grows. `down` is the truth, `dark` when the agent is away."""

    def __init__(self, script: Script, seed: int, now: Instant) -> None:
        rng = Random(f"{seed} {script.kind} links")
        self.down = {device: outages(device, script, rng) for device in DEVICES}
        dark_s = rng.uniform(*DARK_FROM_S)
        self.dark = Span(dark_s, dark_s + rng.uniform(*DARK_S))
        self.told: list[Hour] = []
        self._began, self._now = now, now
        self._kept: object = None
        self._life: tuple[Equipment, EquipmentReport] | None = None
        self._seq = 0

    def advance(self, now: Instant) -> None:
        """A beat each BEAT_S until `now`, but for while the agent is away."""
        while self._now.boot_s < now.boot_s:
            then = self._now
            self._now = Instant(then.boot_id, then.boot_s + BEAT_S, then.wall_s + BEAT_S, then.quality)
            at_s = self._now.boot_s - self._began.boot_s
            if self.dark.begin_s <= at_s < self.dark.end_s:
                self._life = None
            else:
                self._beat(at_s)

    def _beat(self, at_s: float) -> None:
        site, report = self._life = self._life or self._start()
        for outcome in self._polls(site.intake, at_s):
            site.intake.hear(outcome, self._now)
        for message in report.news(self._now):
            self._hear(message)
        self._kept = json.loads(json.dumps(site.register.kept(self._now.boot_s)))

    def _start(self) -> tuple[Equipment, EquipmentReport]:
        """The agent's process begins, and knows what an earlier one has kept."""
        settings, register = hub(), Register(DEVICES)
        register.restore(self._kept)
        plans = [device_plan(settings, device) for device in settings.devices]
        site = Equipment(Intake(plans, {}, _nobody, self._now.boot_s), register)
        return site, EquipmentReport(site, self._head)  # type: ignore[arg-type]

    def _polls(self, intake: Intake, at_s: float) -> Iterator[Outcome]:
        for device, plan in intake.plans.items():
            is_down = any(one.begin_s <= at_s < one.end_s for one in self.down[device])
            for number, ask in plan.asks.items():
                if is_down:
                    yield Missed(device, number, "timeout", self._now.boot_s)
                else:
                    yield Answered(device, number, Batch((0,) * len(ask.points), self._now.boot_s))

    def _head(self, at: Instant) -> Head:
        self._seq += 1
        return Head(at, "1.d", self._seq)

    def _hear(self, message: Message) -> None:
        match message.tail.split("/"):
            case ["dev", device, "hour"]:
                said = json.loads(message.payload)
                begin_s = said["from"] / 1000.0 - self._began.wall_s
                self.told.append(Hour(device, begin_s, said["answered_s"], said["away_s"], said["away_n"]))
            case _:
                pass


def _nobody(device: str) -> None:
    raise AssertionError(f"{device} need not be asked otherwise")


@cache
def hub() -> Settings:
    """The settings of a hub with these devices."""
    devices = (
        f'[device.{name}]\nbus = "b"\nunit = {unit}\nperiod_s = {BEAT_S}\n'
        f'[device.{name}.point.status]\narea = "holding"\naddress = 0\ntype = "u16"\n'
        for unit, name in enumerate(DEVICES, start=1)
    )
    report = config.check_text("links.toml", (SITE_TOML + "".join(devices)).encode())
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    return report.settings
