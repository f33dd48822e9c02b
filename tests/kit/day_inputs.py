"""The hub's contacts and gauges on a played day, read each second and judged as the agent judges them.

They are as bad as real ones: contacts bounce, eyes see parcels go by, wind comes in gusts. What is told is taken from
the messages that the bureau gets.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from site_text import HEAD

import config
from agent.helm import Helm, site_inputs
from agent.load.instant import Instant
from agent.orders.post import CommandPost, Rules
from agent.twin.panel import Panel, reading
from agent.twin.script import Script
from agent.uplink.contract import Head, Message
from config.input_settings import Input, InputKind
from config.settings import Settings

SITE_TOML = (
    HEAD
    + """\
[bus.b]
tcp = "192.0.2.1:502"
[device.io]
bus = "b"
unit = 1
"""
)
SITE_BITS: tuple[InputKind, ...] = ("mains", "ups", "smoke", "door")
LINE_BITS: tuple[InputKind, ...] = ("run", "jam", "estop", "chute_full", "motor_fault")
GAUGES = {"wind": (17.2, 13.9), "rain": (16.0, 8.0), "water": (10.0, 5.0), "temperature": (38.0, 35.0)}
"""Gale force 8, heavy rain in mm/h, centimetres of water, degrees: where each is an alarm, and where no more."""

GUSTS = 0.05
GUST_S = 8.0
BLINK_EVERY_S = 180


class Told(NamedTuple):
    """What the bureau heard of an alarm, in seconds of the day."""

    at_s: float
    alarm: str
    what: str
    first: str


@dataclass
class Truth:
    """An alarm as it is: from second to second, None at the end of what was played."""

    of: Input
    begin_s: float
    end_s: float | None = None


class DayInputs:
    """Whoever plays the day lets time go by; `true`, `told` and `gasps` grow."""

    def __init__(self, script: Script, lines: tuple[str, ...], now: Instant) -> None:
        self.inputs = hub(lines).inputs
        post = CommandPost(Rules("44/4401/d", lines), None, lambda *_, **__: None)
        self.helm = Helm(hub(lines), post, site_inputs(hub(lines), now))
        self.true: list[Truth] = []
        self.told: list[Told] = []
        self.gasps: list[float] = []
        self._panel = Panel(script, lines)
        self._points = [of.point.point for of in self.inputs]
        self._began, self._now = now, now
        self._truly: dict[str, tuple[bool, float]] = {of.id: (of.kind == "run", -math.inf) for of in self.inputs}
        self._seq = 0

    def advance(self, now: Instant) -> None:
        """Read everything once a second until `now`."""
        while self._now.boot_s < now.boot_s:
            then = self._now
            self._now = Instant(then.boot_id, then.boot_s + 1.0, then.wall_s + 1.0, then.quality)
            self._read(self._now)

    def _read(self, at: Instant) -> None:
        at_s = at.boot_s - self._began.boot_s
        values = [self._value(of, at_s) for of in self.inputs]
        self.helm.inputs.hear("io", self._points, values, at)
        self.helm.inputs.advance(at)
        for message in self.helm.news(lambda: self._head(at), lambda: Message("gasp", b"{}")):
            self._hear(message, at_s)

    def _head(self, at: Instant) -> Head:
        self._seq += 1
        return Head(at, "1.d", self._seq)

    def _hear(self, message: Message, at_s: float) -> None:
        if message.tail == "gasp":
            self.gasps.append(at_s)
        elif message.tail.endswith("event") and (said := json.loads(message.payload))["event"] == "alarm":
            self.told.append(Told(at_s, said["input"], said["what"], said["first"]))

    def _value(self, of: Input, at_s: float) -> float:
        """What it shows at this second, with its flaws; what is true is noted."""
        strength, (was, since_s) = self._panel.strength(of, at_s), self._truly[of.id]
        shown = None if of.limit is None else reading(of.limit, strength)
        truly = strength >= 0.5 if shown is None else _beyond(of, shown, was)
        if truly != was:
            self._truly[of.id] = truly, at_s
            self._note(of, truly, at_s)
        if of.limit is not None and shown is not None:
            gusts = GUSTS * (reading(of.limit, 1.0) - reading(of.limit, 0.0))
            return shown + gusts * math.sin(2.0 * math.pi * at_s / GUST_S)
        bounces = at_s - since_s == 1.0
        blinks = of.kind in {"jam", "chute_full"} and at_s % BLINK_EVERY_S < of.on_s
        return float(((truly != bounces) or blinks) == of.active)

    def _note(self, of: Input, truly: bool, at_s: float) -> None:
        if not of.is_alarm:
            return
        if truly:
            self.true.append(Truth(of, at_s))
        else:
            next(one for one in reversed(self.true) if one.of.id == of.id).end_s = at_s


def _beyond(of: Input, value: float, was: bool) -> bool:
    """Whether a gauge is beyond its limit, from which it comes back only below the other one."""
    assert of.limit is not None
    return value > of.limit.off if was else value >= of.limit.on


@cache
def hub(lines: tuple[str, ...]) -> Settings:
    """The settings of a hub with these lines and a panel that has an input of every kind."""
    report = config.check_text("days.toml", "".join(_toml(lines)).encode())
    assert report.settings is not None, [fault.render("en") for fault in report.faults]
    return report.settings


def _toml(lines: tuple[str, ...]) -> Iterator[str]:
    yield SITE_TOML
    bits = [("", kind) for kind in SITE_BITS] + [(line, kind) for line in lines for kind in LINE_BITS]
    for address, (line, kind) in enumerate(bits):
        name = f"{kind}-{line or 'site'}".replace("_", "-")
        yield f'[device.io.point.{name}]\narea = "discrete"\naddress = {address}\n'
        yield f'[input.{name}]\npoint = "io.{name}"\nas = "{kind}"\n' + (f'line = "{line}"\n' if line else "")
    for address, (kind, (above, clear)) in enumerate(GAUGES.items()):
        yield f'[device.io.point.{kind}]\narea = "input"\naddress = {address}\ntype = "i16"\nscale = 0.1\n'
        yield f'[input.{kind}]\npoint = "io.{kind}"\nas = "{kind}"\nabove = {above}\nclear = {clear}\n'
    for address, line in enumerate(lines):
        yield f'[device.io.point.{line}]\narea = "input"\naddress = {100 + 2 * address}\n'
        yield 'type = "u32"\nkind = "counter"\n'
        yield f'[line.{line}]\ndischarge = ["io.{line}"]\ncapacity_pph = 1000\nbuffer_parcels = 100\n'
