"""A whole simulated site from its settings: parcels, devices and wires, and everything that can happen to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from agent.capacity import listens
from agent.twin.certificates import Certificates
from agent.twin.day import Day
from agent.twin.faces import CounterFace
from agent.twin.host import Host
from agent.twin.lockers import Lockers
from agent.twin.pace import Pace
from agent.twin.panel import Panel
from agent.twin.registers import Image
from agent.twin.scanners import Scanners
from agent.twin.script import DayKind, script
from agent.twin.servers import Manners, SerialWire, TcpWire, Wire
from config.bus_settings import Bus, TcpBus
from config.device_settings import CounterRef, Device
from config.input_settings import Input
from config.settings import Settings

READ_WITHIN_S = 15.0
"""A clean reset that no read follows within this time is an error."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """How the day is played: which one, how often as fast as the wall clock, from which of its seconds on, and whether
    it begins at once."""

    seed: int = 1
    speed: float = 1.0
    kind: DayKind = "normal"
    running: bool = True
    begin_s: float = 0.0


class Twin:
    """Serves every device of `settings`. `folder` gets the names of the serial lines, `tty-<bus>`.

    Build it in a running event loop, `start` it, and `close` it when `stopped` is set. Names that the site
    has not raise KeyError.
    """

    def __init__(self, settings: Settings, folder: Path, scenario: Scenario) -> None:
        self.settings = settings
        self.stopped = asyncio.Event()
        self.pace = Pace(scenario.speed, running=scenario.running, begin_s=scenario.begin_s)
        rates = {CounterRef(device.id, name): rate for device in settings.devices for name, rate in _rates(device)}
        self.script = script(scenario.kind, scenario.seed)
        self.panel = Panel(self.script, [line.id for line in settings.lines])
        self.day = Day(settings.lines, rates, scenario.seed, self.script, settings.load.floor)
        self.day.advance(scenario.begin_s)
        self.day.pace(scenario.speed)
        self.images = {device.id: self._image(device, scenario.seed) for device in settings.devices}
        self.certificates = Certificates(folder / "tls")
        self.lockers = Lockers(settings, folder, scenario.seed)
        self.wires: dict[str, Wire] = {bus.id: self._wire(bus, folder) for bus in settings.buses}
        self.scanners = Scanners(settings, self.day.flows, folder, scenario.seed)

    async def start(self) -> None:
        """Open every wire. Raises OSError where an address cannot be had; what was opened is closed again."""
        try:
            for wire in self.wires.values():
                await wire.start()
            await self.scanners.start(self._parcels_move)
            self.lockers.start(
                lambda: self.pace.speed if self.pace.running else 0.0,
                lambda: self.script.holds(self.pace.now_s, "rush"),
            )
        except OSError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close every wire and take the names of the lines away."""
        self.lockers.close()
        await self.scanners.close()
        for wire in self.wires.values():
            await wire.close()

    def catch_up(self) -> None:
        """Let happen all parcels that are due."""
        self.day.advance(self.pace.now_s)

    def _parcels_move(self) -> bool:
        self.catch_up()
        return self.pace.running

    def answers(self, device: Device) -> bool:
        wire = self.wires[device.bus]
        return wire.plugged and wire.manners.answers(device.unit)

    # --- what is true ---

    def truth(self) -> dict[str, dict[str, dict[str, int]]]:
        """For each line and role, what each counter counted since the start, exactly."""
        self.catch_up()
        return {
            name: {role: {str(ref): self.day.gates[ref].count for ref in refs} for role, refs in roles.items()}
            for name, roles in self.day.roles.items()
        }

    def docks(self) -> dict[str, dict[str, int]]:
        """For each direction what each counter at the docks counted."""
        self.catch_up()
        gates = self.day.gates
        return {role: {str(ref): gates[ref].count for ref in refs} for role, refs in self.day.docks().items()}

    def lost(self) -> dict[str, int]:
        """What each counter counted that a reset took before any read saw it; only those with a loss."""
        return {f"{device}.{name}": face.lost for device, name, face in self._faces() if face.lost}

    def flows(self) -> dict[str, dict[str, int]]:
        """Where each line's parcels are now: `waiting` before induction, `wip` on the sorter."""
        self.catch_up()
        return {name: {"waiting": flow.waiting, "wip": flow.wip} for name, flow in self.day.flows.items()}

    def buses(self) -> dict[str, dict[str, object]]:
        """Each bus: where it is reached, and whether it is plugged."""
        return {bus: {"address": wire.address, "plugged": wire.plugged} for bus, wire in self.wires.items()}

    def devices(self) -> dict[str, dict[str, object]]:
        """Each device: what its counters show, how often it was read, and how often somebody tried to write."""
        self.catch_up()
        return {
            name: {
                "counters": {point: face.raw for point, face in image.counters.items()},
                "reads": image.reads,
                "writes": image.writes,
                "answers": self.answers(image.device),
            }
            for name, image in self.images.items()
        }

    # --- what can happen ---

    def freeze(self) -> None:
        """No parcel moves any more, until `go`."""
        self.pace.change(running=False)
        self.catch_up()

    def go(self) -> None:
        self.pace.change(running=True)

    def set_speed(self, speed: float) -> None:
        self.pace.change(speed=speed)
        self.catch_up()
        self.day.pace(speed)

    def jam(self, line: str, duration_s: float) -> None:
        """Stop a line for so long; afterwards it catches up."""
        self.catch_up()
        self.day.flows[line].jam(duration_s)

    def preset(self, counter: CounterFace, raw: int) -> None:
        """Let a counter show `raw` from now on, as a replaced device does."""
        self.catch_up()
        counter.preset(raw)

    def show(self, point: str, value: float) -> None:
        """Let a contact (0 or 1) or a gauge `device.point` show that from now on."""
        device, _, name = point.partition(".")
        self.images[device].shown[name].show(value)

    async def reset_clean(self, device: str, point: str | None) -> None:
        """Start one counter or all of a device at 0 right after its next read. Raises TimeoutError when none comes."""
        faces = self._faces_of(device, point)
        reads = [asyncio.Event() for _ in faces]
        for face, read in zip(faces, reads, strict=True):
            face.reset_after_read(read.set)
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                await asyncio.gather(*(read.wait() for read in reads))
        finally:
            for face in faces:
                face.reset_after_read(None)

    def reset(self, device: str, point: str | None) -> None:
        """Start one counter or all of a device at 0 now; what was not yet read is `lost`."""
        self.catch_up()
        for face in self._faces_of(device, point):
            face.preset(0)

    async def reboot(self, device: str, duration_s: float) -> None:
        """Power off and on: silent for so long, then all its counters at 0."""
        unit, manners = self._unit(device)
        manners.silent.add(unit)
        await asyncio.sleep(duration_s)
        self.reset(device, None)
        manners.silent.discard(unit)

    def set_silent(self, device: str, *, silent: bool) -> None:
        unit, manners = self._unit(device)
        (manners.silent.add if silent else manners.silent.discard)(unit)

    def set_delay(self, device: str, delay_s: float) -> None:
        """From now on every reply of the device leaves so much later."""
        unit, manners = self._unit(device)
        manners.delays_s[unit] = delay_s

    def counter(self, name: str) -> CounterFace:
        """The counter `device.point`."""
        device, _, point = name.partition(".")
        return self.images[device].counters[point]

    # --- building ---

    def _image(self, device: Device, seed: int) -> Image:
        gates = {name: self.day.gates[CounterRef(device.id, name)] for name, _ in _rates(device)}
        rng = Random(f"{seed} {device.id}")  # noqa: S311, a simulation is meant to be repeatable
        return Image(device, gates, rng, self, self._inputs(device))

    def _inputs(self, device: Device) -> dict[str, Callable[[], float]]:
        """What the device's inputs show by themselves."""
        return {
            one.point.point: partial(self._shows, one) for one in self.settings.inputs if one.point.device == device.id
        }

    def _shows(self, of: Input) -> float:
        """What happens on the day, and a jam that nobody planned: the belt runs and nothing moves on it."""
        at_s, flow = self.pace.now_s, self.day.flows.get(of.line)
        if of.kind == "jam" and of.limit is None and flow is not None:
            return float((flow.stands and self.panel.runs(of.line, at_s)) == of.active)
        return self.panel.shows(of, at_s)

    def _wire(self, bus: Bus, folder: Path) -> Wire:
        if bus.id in self.lockers.wires:
            return self.lockers.wires[bus.id]
        devices = [self.images[device.id].sim_device() for device in self.settings.devices if device.bus == bus.id]
        if isinstance(bus, TcpBus):
            return TcpWire(bus, devices, self.certificates)
        asked = [device for device in self.settings.devices if device.bus == bus.id]
        return SerialWire(bus, devices, folder / f"tty-{bus.id}", Host(bus, asked) if listens(bus) else None)

    # --- looking up ---

    def _faces(self) -> list[tuple[str, str, CounterFace]]:
        return [(device, name, face) for device, image in self.images.items() for name, face in image.counters.items()]

    def _faces_of(self, device: str, point: str | None) -> list[CounterFace]:
        counters: Mapping[str, CounterFace] = self.images[device].counters
        return list(counters.values()) if point is None else [counters[point]]

    def _unit(self, device: str) -> tuple[int, Manners]:
        for board in self.settings.boards:
            if board.id == device:
                return board.unit, self.wires[board.bus].manners
        known = self.images[device].device
        return known.unit, self.wires[known.bus].manners


def _rates(device: Device) -> list[tuple[str, float]]:
    """The device's counters with the rate that is plausible for each."""
    return [(point.name, point.max_rate_per_s) for point in device.points if point.kind == "counter" and point.modulus]
