"""Which points share a read: the cheapest plan within what the device allows, and what its refusals teach.

A cut is a place that no read goes over: points below its address and points at or above it are read apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from config.device_settings import Area, Device, Point
from drivers.modbus_frames import FUNCTIONS, MOST_BITS
from drivers.registers import width
from drivers.wire import Price

Cut = tuple[Area, int]
Run = tuple[Point, ...]
"""The points of one read, by address."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a device's refusals taught: where to part its reads, and points it does not have."""

    cuts: frozenset[Cut] = frozenset()
    unsupported: frozenset[str] = frozenset()


NOTHING = Learned()


@dataclass(frozen=True, slots=True)
class _Atom:
    """Points that are never parted: one point, or all of one snapshot. `end` is behind its last register."""

    points: Run
    first: int
    end: int

    @classmethod
    def of(cls, points: Sequence[Point]) -> _Atom:
        ordered = tuple(sorted(points, key=_by_address))
        return cls(ordered, ordered[0].address, max(point.address + width(point) for point in ordered))


def plan(device: Device, price: Price, learned: Learned = NOTHING) -> tuple[Run, ...]:
    """The reads of `device` that cost least at `price`, by area (coil, discrete, holding, input) and address.

    Every point but the unsupported is in exactly one read, whole, together with all of its snapshot. A read of
    several keeps to `max_read_registers` (2000 bits), to one readable stretch and to one side of every cut;
    registers between points are read where that costs less than a read more.
    """
    wanted = [point for point in device.points if point.name not in learned.unsupported]
    by_area: dict[Area, list[Point]] = {area: [] for area in FUNCTIONS}
    for point in wanted:
        by_area[point.area].append(point)
    return tuple(
        tuple(sorted((point for atom in run for point in atom.points), key=_by_address))
        for area, points in by_area.items()
        if points
        for run in _cheapest(_atoms(tuple(points)), _Bounds(device, area, learned), price)
    )


def parts(device: Device) -> tuple[Run, ...]:
    """What of `device` is never parted: each snapshot, and each point that is in none; by area and address."""
    areas = {area: tuple(point for point in device.points if point.area == area) for area in FUNCTIONS}
    return tuple(atom.points for points in areas.values() for atom in _atoms(points))


def spread(points: Sequence[Point]) -> tuple[int, int]:
    """First address and number of registers (or bits) of the read of these points."""
    atom = _Atom.of(points)
    return atom.first, atom.end - atom.first


def value_bytes(area: Area, quantity: int) -> float:
    """Bytes that so many registers or bits take in a reply, before rounding up."""
    return quantity / 8 if FUNCTIONS[area] <= 2 else 2 * quantity


def run_s(run: Run, price: Price) -> float:
    """Seconds that the read of this run keeps the bus busy."""
    return price.of(value_bytes(run[0].area, spread(run)[1]))


def holes(run: Run) -> tuple[Cut, ...]:
    """The cuts that would part this run at everything it reads between points; none inside a snapshot."""
    found, end = list[Cut](), run[0].address
    for atom in _atoms(run):
        if atom.first > end:
            found.append((run[0].area, atom.first))
        end = max(end, atom.end)
    return tuple(found)


def refused(run: Run, learned: Learned) -> Learned:
    """What it teaches that the device refuses the read of `run` for its address or length.

    Holes are the first suspects, all of them. Without any the read is parted in the middle, until it is known
    which point, or snapshot, the device does not have.
    """
    suspects: tuple[Cut, ...] = holes(run)
    atoms = _atoms(run)
    starts = [atom.first for before, atom in pairwise(atoms) if atom.first > before.first]
    if not suspects and starts:
        suspects = ((run[0].area, starts[len(starts) // 2]),)
    if suspects:
        return replace(learned, cuts=learned.cuts | set(suspects))
    return replace(learned, unsupported=learned.unsupported | {point.name for point in run})


class _Bounds:
    """How far a read of one area may go."""

    def __init__(self, device: Device, area: Area, learned: Learned) -> None:
        self._most = MOST_BITS if FUNCTIONS[area] <= 2 else device.max_read_registers
        self._readable = [one for one in device.readable if one.area == area]
        self._cuts = sorted(address for of_area, address in learned.cuts if of_area == area)

    def last(self, first: int) -> tuple[int, int]:
        """For a read from `first`: before which address its points must begin, and where it must end."""
        before = next((cut for cut in self._cuts if cut > first), 0x10000)
        ends = [one.last + 1 for one in self._readable if one.first <= first <= one.last]
        stretch = max(ends) if ends else (0 if self._readable else 0x10000)
        return before, min(first + self._most, stretch)


def _by_address(point: Point) -> tuple[int, int, str]:
    return point.address, width(point), point.name


def _atoms(points: Iterator[Point] | Run) -> list[_Atom]:
    """The points of one area as atoms, by address."""
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        key = (point.snapshot, "") if point.snapshot else ("", point.name)
        groups.setdefault(key, []).append(point)
    atoms = [_Atom.of(group) for group in groups.values()]
    return sorted(atoms, key=lambda atom: (atom.first, atom.end, atom.points[0].name))


def _cheapest(atoms: Sequence[_Atom], bounds: _Bounds, price: Price) -> Iterator[Sequence[_Atom]]:
    """The atoms cut into runs at least cost: the shortest way from the first atom to behind the last."""
    ways: dict[int, tuple[float, int, int]] = {0: (0.0, 0, 0)}  # to each start: seconds, reads, the start before
    for start in range(len(atoms)):
        if start not in ways:
            continue
        cost_s, reads, _ = ways[start]
        for stop, end in _stops(atoms, start, bounds):
            read_s = price.of(value_bytes(atoms[0].points[0].area, end - atoms[start].first))
            way = (cost_s + read_s, reads + 1, start)
            ways[stop] = min(ways.get(stop, way), way)
    yield from reversed(list(_way_back(atoms, ways)))


def _way_back(atoms: Sequence[_Atom], ways: dict[int, tuple[float, int, int]]) -> Iterator[Sequence[_Atom]]:
    stop = len(atoms)
    while stop:
        start = ways[stop][2]
        yield atoms[start:stop]
        stop = start


def _stops(atoms: Sequence[_Atom], start: int, bounds: _Bounds) -> Iterator[tuple[int, int]]:
    """Where a run from `start` can sensibly stop, each with its end.

    To stop between neighbours is never cheaper than to go on, so a device of 2000 bits is planned at once.
    """
    before, furthest = bounds.last(atoms[start].first)
    end = atoms[start].end
    for stop in range(start + 1, len(atoms)):
        longer = max(end, atoms[stop].end)
        if atoms[stop].first >= before or longer > furthest:
            yield stop, end
            return
        overlapped = stop + 1 < len(atoms) and atoms[stop + 1].first < atoms[stop].end
        if atoms[stop].first != end or overlapped:
            yield stop, end
        end = longer
    yield len(atoms), end
