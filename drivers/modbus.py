"""A device's points as Modbus reads: which registers go into one request, and each reply as a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from config.settings import Device, Point
from drivers import Batch
from drivers.modbus_frames import FUNCTIONS, MOST_BITS, Framing, Read, RtuFrames, TcpFrames
from drivers.registers import Decode, bit_decoder, register_decoder, width


@dataclass(frozen=True, slots=True)
class ReadAsk:
    """One read of one unit, an `Ask` of the driver contract. It can ask nothing but what its `Read` says."""

    read: Read
    frames: TcpFrames | RtuFrames
    points: tuple[str, ...]
    decode: Decode

    @property
    def unit(self) -> int:
        return self.read.unit

    @property
    def reply_length(self) -> int:
        """Bytes of a good reply with its framing."""
        return self.frames.reply_length

    def request(self, turn: int) -> bytes:
        """The frame to send; on TCP `turn` (its low 16 bits) is the transaction number."""
        return self.frames.request(turn)

    def answer(self, buffer: bytearray, turn: int, at_s: float) -> Batch | None:
        """Take the reply off the front of `buffer`; None and FrameError consume nothing, DeviceError its reply."""
        frames = self.frames
        if not frames.arrived(buffer, turn):
            return None
        values = self.decode(buffer)
        del buffer[: frames.reply_length]
        return Batch(values, at_s)


def asks(device: Device, framing: Framing) -> tuple[ReadAsk, ...]:
    """All reads of `device`, by area (coil, discrete, holding, input) and then address.

    Neighbouring points share a read of at most `max_read_registers` registers or 2000 bits; a hole is not
    read, and a point is never split: one wider than `max_read_registers` is a read of its own.
    Raises ValueError for a point that no read can reach.
    """
    points = sorted(device.points, key=lambda point: (FUNCTIONS[point.area], point.address, width(point), point.name))
    return tuple(
        _ask(device.unit, run, framing)
        for _, of_area in groupby(points, key=lambda point: point.area)
        for run in _runs(list(of_area), device.max_read_registers)
    )


def _runs(points: Sequence[Point], max_read_registers: int) -> Iterator[list[Point]]:
    """Points of one area in order of address, cut where a hole or the limit comes."""
    most = MOST_BITS if points[0].type == "bit" else max_read_registers
    run: list[Point] = []
    end = 0
    for point in points:
        longer = max(end, point.address + width(point))
        if run and (point.address > end or longer - run[0].address > most):
            yield run
            run, longer = [], point.address + width(point)
        run.append(point)
        end = longer
    yield run


def _ask(unit: int, points: Sequence[Point], framing: Framing) -> ReadAsk:
    first = points[0].address
    quantity = max(point.address + width(point) for point in points) - first
    read = Read(unit, points[0].area, first, quantity)
    frames = TcpFrames(read) if framing == "tcp" else RtuFrames(read)
    decoder = bit_decoder if points[0].type == "bit" else register_decoder
    return ReadAsk(read, frames, tuple(point.name for point in points), decoder(points, first, frames.data_at))
