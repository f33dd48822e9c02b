"""Everything the twin can be told to do: what each command does to it, with which words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from agent.twin.command_words import Command, CommandError, Reply, Word, flag, number, text, whole
from agent.twin.scanners import ScannerPlay
from agent.twin.servers import Wire
from agent.twin.site import Twin

FASTEST = 1000.0
LONGEST_S = 86_400.0
MOST_PARCELS = 100_000


async def _truth(twin: Twin) -> Reply:
    return {
        "truth": twin.truth(),
        "docks": twin.docks(),
        "day": twin.day.truth(),
        "scans": twin.scanners.truth(),
        "lockers": twin.lockers.truth(),
        "lost": twin.lost(),
        "flows": twin.flows(),
        "running": twin.pace.running,
    }


async def _state(twin: Twin) -> Reply:
    return {
        "buses": twin.buses(),
        "devices": twin.devices(),
        "scanners": twin.scanners.states(),
        "lockers": {name: {"heard": twin.lockers.heard(name)} for name in twin.lockers.people},
        "speed": twin.pace.speed,
        "at_s": twin.pace.now_s,
    }


async def _freeze(twin: Twin) -> Reply:
    twin.freeze()
    return {}


async def _go(twin: Twin) -> Reply:
    twin.go()
    return {}


async def _speed(twin: Twin, speed: float) -> Reply:
    twin.set_speed(speed)
    return {}


async def _jam(twin: Twin, line: str, seconds: float) -> Reply:
    twin.jam(line, seconds)
    return {}


async def _set(twin: Twin, input: str, value: float) -> Reply:  # noqa: A002 - the word that is said
    twin.show(input, value)
    return {}


async def _preset(twin: Twin, counter: str, value: int) -> Reply:
    face = twin.counter(counter)
    if value >= face.modulus:
        raise CommandError(f"{counter} wraps at {face.modulus}")
    twin.preset(face, value)
    return {}


async def _wrap(twin: Twin, counter: str, before: int) -> Reply:
    face = twin.counter(counter)
    return await _preset(twin, counter, max(0, face.modulus - before))


async def _reset(twin: Twin, device: str, point: str | None, clean: bool) -> Reply:
    if clean:
        await twin.reset_clean(device, point)
    else:
        twin.reset(device, point)
    return {}


async def _reboot(twin: Twin, device: str, seconds: float) -> Reply:
    await twin.reboot(device, seconds)
    return {}


async def _tear(twin: Twin, counter: str, times: int) -> Reply:
    face = twin.counter(counter)
    if face.width == 1:
        raise CommandError(f"{counter} has one register, it cannot tear")
    face.tear(times)
    return {}


async def _unplug(twin: Twin, bus: str | None, scanner: str | None) -> Reply:
    await _cable(twin, bus, scanner).unplug()
    return {}


async def _plug(twin: Twin, bus: str | None, scanner: str | None) -> Reply:
    await _cable(twin, bus, scanner).plug()
    return {}


def _cable(twin: Twin, bus: str | None, scanner: str | None) -> Wire | ScannerPlay:
    if bus is not None and scanner is None:
        return twin.wires[bus]
    if scanner is not None and bus is None:
        return twin.scanners.plays[scanner]
    raise CommandError("name a bus or a scanner")


async def _garbage(twin: Twin, scanner: str, share: float) -> Reply:
    tunnel = twin.scanners.plays[scanner].tunnel
    tunnel.eyes = replace(tunnel.eyes, garbage=share)
    return {}


async def _burst(twin: Twin, scanner: str, parcels: int) -> Reply:
    twin.scanners.plays[scanner].tunnel.burst(parcels)
    return {}


async def _door(twin: Twin, locker: str, compartment: int, closed: bool) -> Reply:
    twin.lockers.people[locker].move(compartment, closed=closed)
    return {}


async def _dirt(twin: Twin, locker: str, compartment: int, dirty: bool) -> Reply:
    twin.lockers.people[locker].soil(compartment, dirty=dirty)
    return {}


async def _silence(twin: Twin, device: str) -> Reply:
    twin.set_silent(device, silent=True)
    return {}


async def _speak(twin: Twin, device: str) -> Reply:
    twin.set_silent(device, silent=False)
    return {}


async def _delay(twin: Twin, device: str, seconds: float) -> Reply:
    twin.set_delay(device, seconds)
    return {}


async def _stop(twin: Twin) -> Reply:
    asyncio.get_running_loop().call_soon(twin.stopped.set)
    return {}


_NAME = Word(text)
_CABLE = {"bus": Word(text, None), "scanner": Word(text, None)}
_COMPARTMENT = {"locker": _NAME, "compartment": Word(whole(1, 9999))}
_SECONDS = Word(number(0.0, LONGEST_S))

COMMANDS: Mapping[str, Command] = {
    "truth": Command({}, _truth),
    "state": Command({}, _state),
    "freeze": Command({}, _freeze),
    "go": Command({}, _go),
    "speed": Command({"speed": Word(number(0.01, FASTEST))}, _speed),
    "jam": Command({"line": _NAME, "seconds": _SECONDS}, _jam),
    "set": Command({"input": _NAME, "value": Word(number(-1e9, 1e9))}, _set),
    "preset": Command({"counter": _NAME, "value": Word(whole(0, (1 << 64) - 1))}, _preset),
    "wrap": Command({"counter": _NAME, "before": Word(whole(1, 1 << 32), 5)}, _wrap),
    "reset": Command({"device": _NAME, "point": Word(text, None), "clean": Word(flag, False)}, _reset),
    "reboot": Command({"device": _NAME, "seconds": Word(number(0.0, LONGEST_S), 2.0)}, _reboot),
    "tear": Command({"counter": _NAME, "times": Word(whole(1, 1000), 1)}, _tear),
    "unplug": Command(_CABLE, _unplug),
    "plug": Command(_CABLE, _plug),
    "garbage": Command({"scanner": _NAME, "share": Word(number(0.0, 1.0))}, _garbage),
    "burst": Command({"scanner": _NAME, "parcels": Word(whole(1, MOST_PARCELS), 1000)}, _burst),
    "door": Command({**_COMPARTMENT, "closed": Word(flag)}, _door),
    "dirt": Command({**_COMPARTMENT, "dirty": Word(flag, True)}, _dirt),
    "silence": Command({"device": _NAME}, _silence),
    "speak": Command({"device": _NAME}, _speak),
    "delay": Command({"device": _NAME, "seconds": _SECONDS}, _delay),
    "stop": Command({}, _stop),
}
