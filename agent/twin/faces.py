"""What one point of a device shows: a counter's truth in its type and modulus, a contact, a gauge, a mark."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from random import Random

from agent.twin.flow import Gate
from config.device_settings import Fingerprint, Point, ValueType

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


class GaugeFace(Face):
    """A gauge of an input: what somebody set it to, else what the `day` says at the moment it is read."""

    def __init__(self, point: Point, day: Callable[[], float]) -> None:
        super().__init__(point)
        self._day = day
        self._set = False

    def show(self, value: float) -> None:
        super().show(value)
        self._set = True

    def registers(self) -> tuple[int, ...]:
        return super().registers() if self._set else words(self.point, self._raw(self._day()))

    def _raw(self, value: float) -> float:
        """Nothing that the point cannot say."""
        raw = value / self.point.scale
        if self.point.type in ("f32", "f64"):
            return raw
        return float(round(raw)) if self.point.type.startswith("i") else float(max(0, round(raw)))


class BitFace(Face):
    """A contact: what somebody set it to, else what the `day` says at the moment it is read."""

    def __init__(self, point: Point, day: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__(point)
        self._day = day
        self._set: bool | None = None

    def show(self, value: float) -> None:
        self._set = bool(value)

    @property
    def on(self) -> bool:
        """Whether it is closed."""
        return bool(self._day()) if self._set is None else self._set

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
        self._seen = gate.count
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


def face_of(point: Point, day: Callable[[], float] | None) -> Face:
    """The face of a point that is no counter; `day` is what an input shows by itself."""
    if point.kind == "bit":
        return BitFace(point) if day is None else BitFace(point, day)
    return Face(point) if day is None else GaugeFace(point, day)


def _start(modulus: int, rng: Random) -> int:
    """Where a counter stands when the twin starts: small ones shortly before they wrap, so that every run sees it."""
    if modulus <= _SMALL_MODULUS:
        return modulus - min(rng.randint(3, 9), modulus)
    return rng.randrange(modulus // 2)
