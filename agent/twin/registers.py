"""All registers of one simulated device: every read is answered from one whole image of this moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Protocol

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.twin.faces import BitFace, CounterFace, Face, MarkFace, face_of
from agent.twin.flow import Gate
from config.device_settings import Area, Device

_READS: Mapping[int, Area] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
_PLANS_KEPT = 64


class World(Protocol):
    """What a device must know of the world around it when it is read."""

    def catch_up(self) -> None:
        """Bring every count up to this moment."""
        ...

    def answers(self, device: Device) -> bool:
        """Whether the device's reply will go out at all."""
        ...


class Image:
    """All registers of one device. A read brings the truth up to now and is answered from one moment.

    Writes are refused (exception 1) and counted in `writes`.
    """

    def __init__(
        self,
        device: Device,
        gates: Mapping[str, Gate],
        rng: Random,
        world: World,
        day: Mapping[str, Callable[[], float]] = MappingProxyType({}),
    ) -> None:
        """`day` says what inputs show by themselves, by the names of their points."""
        self.device = device
        self.writes = 0
        self.reads = 0
        self._world = world
        self.counters = {
            point.name: CounterFace(point, gates[point.name], rng) for point in device.points if point.name in gates
        }
        others = [point for point in device.points if point.name not in self.counters]
        self.shown: dict[str, Face] = {point.name: face_of(point, day.get(point.name)) for point in others}
        self._faces: list[Face] = [self.counters.get(one.name) or self.shown[one.name] for one in device.points]
        if device.fingerprint is not None:
            self._faces.append(MarkFace(device.fingerprint, rng))
        self._plans: dict[tuple[int, int, int], list[tuple[Face, int]]] = {}

    def sim_device(self) -> SimDevice:
        """The device for a pymodbus server; addresses without a point answer with exception 2."""
        areas: tuple[Area, ...] = ("coil", "discrete", "holding", "input")
        coils, discretes, holdings, inputs = (self._blocks(area) for area in areas)
        return SimDevice(self.device.unit, (coils, discretes, holdings, inputs), action=self._serve)

    def _blocks(self, area: Area) -> list[SimData]:
        used = {at for face in self._faces if face.area == area for at in range(face.first, face.first + face.width)}
        if area in ("coil", "discrete"):
            return [SimData(0, values=[False] * (max(used, default=0) + 1), datatype=DataType.BITS)]
        # pymodbus wants a block in every area; one at the far end is as good as none
        starts = sorted(at for at in used if at - 1 not in used)
        ends = sorted(at + 1 for at in used if at + 1 not in used)
        runs = list(zip(starts, ends, strict=True)) or [(0xFFFF, 0x10000)]
        return [SimData(start, values=[0] * (end - start), datatype=DataType.REGISTERS) for start, end in runs]

    async def _serve(  # noqa: PLR0913, PLR0917, pymodbus's signature
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        set_values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Fill in the registers of one read; pymodbus cuts its answer out of them without a pause in between."""
        if set_values is not None or function not in _READS:
            self.writes += 1
            return ExcCodes.ILLEGAL_FUNCTION
        self._world.catch_up()
        self.reads += 1
        if function <= 2:
            self._contacts(_READS[function], registers)
        else:
            self._fill(self._plan(function, address, count), start, address + count, registers)
        return None

    def _contacts(self, area: Area, registers: list[int]) -> None:
        for face in self.shown.values():
            if isinstance(face, BitFace) and face.area == area:
                face.pack(registers)

    def _fill(self, plan: list[tuple[Face, int]], start: int, end: int, registers: list[int]) -> None:
        heard = self._world.answers(self.device)
        for face, address in plan:
            at = address - start
            registers[at : at + face.width] = face.registers()
            if heard and address + face.width <= end:
                face.served()

    def _plan(self, function: int, address: int, count: int) -> list[tuple[Face, int]]:
        key = (function, address, count)
        if key not in self._plans:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            area, end = _READS[function], address + count
            touched = (one for one in self._faces if one.area == area)
            self._plans[key] = [
                (one, one.first) for one in touched if one.first < end and one.first + one.width > address
            ]
        return self._plans[key]
