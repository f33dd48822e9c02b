"""What a device's registers show: each counter's truth in its type, word order and modulus, one whole image a read."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Protocol

from pymodbus.constants import ExcCodes
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.twin.flow import Gate
from config.device_settings import Area, Device, Fingerprint, Point, ValueType

_READS: Mapping[int, Area] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
_BITS: Mapping[ValueType, int] = {
    "bit": 1,
    "u16": 16,
    "i16": 16,
    "bcd16": 16,
    "u32": 32,
    "i32": 32,
    "f32": 32,
    "bcd32": 32,
    "u64": 64,
    "i64": 64,
    "f64": 64,
}
_SMALL_MODULUS = 10**6
_PLANS_KEPT = 64


def words(point: Point, number: float) -> tuple[int, ...]:
    """The registers of `number` as the point's type and word order want them (64-bit CDAB: words in reverse)."""
    size = _BITS[point.type] // 8
    if point.type in ("f32", "f64"):
        image = struct.pack(">f" if size == 4 else ">d", number)
    elif point.type in ("bcd16", "bcd32"):
        image = bytes.fromhex(f"{int(number):0{2 * size}d}")
    else:
        image = (int(number) % (1 << 8 * size)).to_bytes(size, "big")
    if point.word_order in ("BADC", "DCBA"):
        image = b"".join(image[at : at + 2][::-1] for at in range(0, size, 2))
    registers = struct.unpack(f">{size // 2}H", image)
    return registers[::-1] if point.word_order in ("CDAB", "DCBA") else registers


class Face:
    """What one point shows. Only counters move by themselves."""

    def __init__(self, point: Point) -> None:
        self.point = point
        self.area = point.area
        self.first = point.address
        self.width = max(1, _BITS[point.type] // 16)
        low = point.high if point.low is None else point.low
        high = point.low if point.high is None else point.high
        middle = 0.0 if low is None or high is None else (low + high) / 2.0 / point.scale
        self._still = () if point.type == "bit" else words(point, middle)

    def registers(self) -> tuple[int, ...]:
        """What a read served now gets."""
        return self._still

    def served(self) -> None:
        """Called when a read that covers the whole point was answered."""

    def show(self, value: float) -> None:
        """Show the scaled `value` from now on."""
        self._still = words(self.point, round(value / self.point.scale))


class BitFace(Face):
    """A contact: what somebody set it to, else what `calm` says at the moment it is read."""

    def __init__(self, point: Point, calm: Callable[[], bool] = lambda: False) -> None:
        super().__init__(point)
        self._calm = calm
        self._set: bool | None = None

    def show(self, value: float) -> None:
        self._set = bool(value)

    @property
    def on(self) -> bool:
        """Whether it is closed."""
        return self._calm() if self._set is None else self._set

    def pack(self, registers: list[int]) -> None:
        """Put it among the bits of an area, sixteen to a register, the first in the lowest."""
        at, mask = self.first // 16, 1 << self.first % 16
        registers[at] = registers[at] | mask if self.on else registers[at] & ~mask


class MarkFace(Face):
    """What the device is known by: what is expected of it, or any number where that is to be learned."""

    def __init__(self, fingerprint: Fingerprint, rng: Random) -> None:
        super().__init__(fingerprint.point)
        expect = fingerprint.expect
        self._still = words(fingerprint.point, rng.randint(1, 9999) if expect is None else expect)


class CounterFace(Face):
    """A counter as its device shows it: the gate's count from some start, cut at the modulus.

    `lost` is what the device counted that no read saw before a reset took it; no reader can ever know it.
    """

    def __init__(self, point: Point, gate: Gate, rng: Random) -> None:
        super().__init__(point)
        if point.modulus is None:
            raise ValueError(f"{point.name} is no counter")
        self.modulus = point.modulus
        self.gate = gate
        self.lost = 0
        self._seen = 0
        self._tears = 0
        self._when_read: Callable[[], None] | None = None
        self._offset = _start(self.modulus, rng)
        self._shown: tuple[int, tuple[int, ...]] | None = None

    @property
    def raw(self) -> int:
        """The number in the registers, 0 to modulus - 1."""
        return (self._offset + self.gate.count) % self.modulus

    def preset(self, raw: int) -> None:
        """Show `raw` from now on; what was counted since the last read is lost to every reader."""
        self._when_read = None
        self.lost += self.gate.count - self._seen
        self._seen = self.gate.count
        self._offset = raw - self.gate.count

    def reset_after_read(self, then: Callable[[], None] | None) -> None:
        """Start again at 0 right after the next read, so that nothing is lost, and call `then`; None: do not."""
        self._when_read = then

    def tear(self, times: int) -> None:
        """Let the next reads see a carry half done: the high word new, the low word old."""
        self._tears = times

    def registers(self) -> tuple[int, ...]:
        raw = self.raw
        if self._tears:
            self._tears -= 1
            return words(self.point, raw + (1 << 16))
        if self._shown is None or self._shown[0] != raw:
            self._shown = (raw, words(self.point, raw))
        return self._shown[1]

    def served(self) -> None:
        self._seen = self.gate.count
        if then := self._when_read:
            self.preset(0)
            then()


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
        calm: Mapping[str, Callable[[], bool]] = MappingProxyType({}),
    ) -> None:
        """`calm` says what contacts show by themselves, by their names."""
        self.device = device
        self.writes = 0
        self.reads = 0
        self._world = world
        self.counters = {
            point.name: CounterFace(point, gates[point.name], rng) for point in device.points if point.name in gates
        }
        others = [point for point in device.points if point.name not in self.counters]
        self.shown: dict[str, Face] = {
            point.name: BitFace(point, calm.get(point.name, lambda: False)) if point.kind == "bit" else Face(point)
            for point in others
        }
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


def _start(modulus: int, rng: Random) -> int:
    """Where a counter stands when the twin starts: small ones shortly before they wrap, so that every run sees it."""
    if modulus <= _SMALL_MODULUS:
        return modulus - min(rng.randint(3, 9), modulus)
    return rng.randrange(modulus // 2)
