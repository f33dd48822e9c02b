"""A device's points as Modbus reads: each run of its plan as a request, and each reply as a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from config.bus_settings import Framing
from config.device_settings import Device
from drivers import Batch
from drivers.modbus_ascii import AsciiFrames
from drivers.modbus_frames import Frames, Read, RtuFrames, TcpFrames
from drivers.plan import NOTHING, Learned, Run, plan, spread
from drivers.registers import Decode, bit_decoder, register_decoder
from drivers.wire import NO_HOLES, Price

_FRAMES: Mapping[Framing, Callable[[Read], Frames]] = MappingProxyType(
    {"tcp": TcpFrames, "rtu": RtuFrames, "ascii": AsciiFrames}
)


@dataclass(frozen=True, slots=True)
class ReadAsk:
    """One read of one unit, an `Ask` of the driver contract. It can ask nothing but what its `Read` says.

    `unit` and `reply_length` (bytes of a good reply with its framing) are looked at with every turn: no properties.
    """

    read: Read
    frames: Frames
    points: tuple[str, ...]
    decode: Decode
    unit: int
    reply_length: int

    def request(self, turn: int) -> bytes:
        """The frame to send; on TCP `turn` (its low 16 bits) is the transaction number."""
        return self.frames.request(turn)

    def answer(self, buffer: bytearray, turn: int, at_s: float) -> Batch | None:
        """Take the reply off the front of `buffer`; None and FrameError consume nothing, DeviceError its reply."""
        frames = self.frames
        reply = frames.arrived(buffer, turn)
        if reply is None:
            return None
        values = self.decode(reply)
        del buffer[: frames.reply_length]
        return Batch(values, at_s)


def asks(device: Device, framing: Framing, price: Price = NO_HOLES, learned: Learned = NOTHING) -> tuple[ReadAsk, ...]:
    """All reads of `device` as `plan` makes them, by area (coil, discrete, holding, input) and then address.

    A point wider than `max_read_registers` is a read of its own. Raises ValueError for one that no read can reach.
    """
    return tuple(read_ask(device.unit, run, framing) for run in plan(device, price, learned))


def read_ask(unit: int, points: Run, framing: Framing) -> ReadAsk:
    """The read of these points."""
    first, quantity = spread(points)
    read = Read(unit, points[0].area, first, quantity)
    frames = _FRAMES[framing](read)
    decoder = bit_decoder if points[0].type == "bit" else register_decoder
    names = tuple(point.name for point in points)
    return ReadAsk(read, frames, names, decoder(points, first, frames.data_at), unit, frames.reply_length)
