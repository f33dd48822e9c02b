"""How a read that is refused is tried otherwise: shorter, one address lower or higher, in the sister area."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.commission import NoValueError, Reader
from config.device_settings import Area
from drivers import Value
from drivers.modbus_frames import FUNCTIONS, MOST_BITS, MOST_REGISTERS, Read

SISTER: dict[Area, Area] = {"holding": "input", "input": "holding", "coil": "discrete", "discrete": "coil"}
REFUSALS = ("exception_1", "exception_2", "exception_3")
_LENGTHS = (2, 1)


@dataclass(slots=True)
class Attempts:
    """What was tried in turn: `refused` with the reasons, then the read that was answered, None when none was."""

    refused: list[tuple[Read, str]] = field(default_factory=list)
    read: Read | None = None
    values: Sequence[Value] = ()


def attempt(reader: Reader, wanted: Read) -> Attempts:
    """Read as wanted, or where it is refused as near to it as the device answers. Raises NoValueError on silence."""
    made = Attempts()
    for read in _tries(wanted):
        if _hopeless(made, read):
            continue
        try:
            values = reader(read)
        except NoValueError as fault:
            if fault.reason not in REFUSALS:
                raise
            made.refused.append((read, fault.reason))
        else:
            made.read, made.values = read, values
            break
    return made


def image(reader: Reader, unit: int, area: Area, first: int, last: int) -> dict[int, Value]:
    """Every register from `first` to `last` that the device lets read, by address; halved where it refuses.

    Raises NoValueError on silence.
    """
    try:
        values = reader(Read(unit, area, first, last - first + 1))
    except NoValueError as fault:
        if fault.reason not in REFUSALS:
            raise
        if fault.reason == "exception_1" or first == last:
            return {}
        middle = first + max(1, (last - first + 1) // 4 * 2)  # an even number: some devices refuse odd ones
        middle = min(middle, last)
        return image(reader, unit, area, first, middle - 1) | image(reader, unit, area, middle, last)
    return dict(enumerate(values, first))


def _tries(wanted: Read) -> Iterator[Read]:
    at = wanted.address
    lengths: Sequence[int] = (wanted.quantity, *(length for length in _LENGTHS if length < wanted.quantity))
    places: Sequence[tuple[Area, int, Sequence[int]]] = (
        (wanted.area, at, lengths),
        *((wanted.area, near, lengths[-2:]) for near in (at - 1, at + 1) if 0 <= near <= 65535),
        (SISTER[wanted.area], at, lengths[-2:]),
    )
    for area, address, of_lengths in places:
        most = MOST_BITS if FUNCTIONS[area] <= 2 else MOST_REGISTERS
        for length in of_lengths:
            if address + length <= 65536 and length <= most:
                yield Read(wanted.unit, area, address, length)


def _hopeless(made: Attempts, read: Read) -> bool:
    """A function that the device does not know needs no second try."""
    return any(one.area == read.area and reason == "exception_1" for one, reason in made.refused)
