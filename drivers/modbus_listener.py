"""What another master's Modbus reads tell of our devices: each value that stands whole within one reply."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from config.bus_settings import LineFraming
from config.device_settings import Area, Device
from drivers import Batch, Overheard
from drivers.modbus_ascii_tap import AsciiTap
from drivers.modbus_dialogue import GARBLED_BYTES, Frame
from drivers.modbus_doubt import Doubt
from drivers.modbus_shapes import address, quantity
from drivers.modbus_tap import RtuTap
from drivers.plan import Run, parts, spread
from drivers.registers import Decode, bit_decoder, register_decoder
from drivers.wire import Wire

AREAS: Mapping[int, Area] = MappingProxyType({1: "coil", 2: "discrete", 3: "holding", 4: "input", 23: "holding"})
"""What a function reads; its request has address and quantity in the same places, also in 23."""

_DATA_AT = 2  # behind function and count
_KNOWN_MOST = 1024

Part = tuple[int, Decode]
"""The number of a part of a device, and how it is read out of a reply."""


class ModbusListener:
    """A `Listener` of one line. Ask number n of a device is part n of `drivers.plan.parts`."""

    def __init__(self, devices: Sequence[Device], wire: Wire, framing: LineFraming = "rtu") -> None:
        self._tap = AsciiTap(wire.char_s) if framing == "ascii" else RtuTap(wire.char_s)
        self._names = {device.unit: device.id for device in devices}
        self._runs = {device.unit: tuple(enumerate(parts(device))) for device in devices}
        self._doubts: dict[int, Doubt] = defaultdict(Doubt)
        self._covered: dict[tuple[int, bytes], tuple[Part, ...]] = {}
        self._counts: Counter[str] = Counter()

    @property
    def alarm_s(self) -> float:
        """When `hear` must be called without bytes if none come before."""
        return self._tap.alarm_s

    def hear(self, octets: bytes, at_s: float) -> list[Overheard]:
        """Take in what was read at `at_s`."""
        return [heard for frame in self._tap.hear(octets, at_s) for heard in self._told(frame)]

    def counts(self) -> Mapping[str, int]:
        """By the names of the health topic; `asked` are the other master's questions, `writes` those that write."""
        return self._counts

    def _told(self, frame: Frame) -> Iterator[Overheard]:
        self._count(frame)
        match frame.verdict:
            case "reply":
                yield from self._answered(frame)
            case "exception":
                yield from self._missed(frame.request, f"exception_{frame.pdu[1]}", frame.at_s)
            case "unanswered":
                self._doubts[_unit(frame)].unanswered(frame)
                yield from self._missed(frame, "garbage" if frame.spoilt else "timeout", frame.at_s)
            case "orphan":
                self._doubts[_unit(frame)].stray(frame.at_s)
            case _:
                return

    def _answered(self, frame: Frame) -> Iterator[Overheard]:
        request, unit = frame.request, _unit(frame)
        assert request is not None
        if frame.spoilt:
            yield from self._missed(request, "garbage", frame.at_s)
            return
        if not self._doubts[unit].believes(frame):
            self._counts["late"] += 1
            yield from self._missed(request, "late", frame.at_s)
            return
        reply = bytearray(frame.pdu)
        for number, decode in self._parts_of(request):
            yield Overheard(self._names[unit], number, Batch(decode(reply), frame.at_s), frame.at_s)

    def _missed(self, request: Frame | None, reason: str, at_s: float) -> Iterator[Overheard]:
        assert request is not None
        for number, _ in self._parts_of(request):
            yield Overheard(self._names[_unit(request)], number, reason, at_s)

    def _parts_of(self, request: Frame) -> tuple[Part, ...]:
        """What of the unit's device lies whole within that read."""
        key = _unit(request), request.pdu[:5]
        if key not in self._covered:
            if len(self._covered) >= _KNOWN_MOST:
                self._covered.clear()
            self._covered[key] = tuple(self._covering(request))
        return self._covered[key]

    def _covering(self, request: Frame) -> Iterator[Part]:
        area = AREAS.get(request.pdu[0])
        if area is None:
            return
        first, count = address(request.pdu), quantity(request.pdu)
        for number, run in self._runs.get(_unit(request), ()):
            begin, length = spread(run)
            if run[0].area == area and first <= begin and begin + length <= first + count:
                yield number, _decoder(run, first)

    def _count(self, frame: Frame) -> None:
        counts = self._counts
        counts["writes"] += frame.writes
        match frame.verdict:
            case "request" | "broadcast":
                counts["asked"] += 1
            case "reply":
                counts["answered"] += 1
            case "unanswered":
                counts["timeout"] += 1
            case "garbage":
                counts["extra"] += len(frame.octets)
                counts["crc"] += len(frame.octets) >= GARBLED_BYTES
            case "exception":
                counts["exception"] += 1
            case "orphan" | "foreign":
                counts["foreign"] += 1


def _decoder(run: Run, first: int) -> Decode:
    return (bit_decoder if run[0].type == "bit" else register_decoder)(run, first, _DATA_AT)


def _unit(frame: Frame) -> int:
    assert frame.unit is not None, "only garbage has no unit"
    return frame.unit
