"""Which known model a unit is: by what it says of itself, else by every register of the profile being there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.commission import NoValueError, Reader
from config import profiles
from config.device_settings import Device
from config.profiles import Profile
from drivers import Value
from drivers.identity import Identity
from drivers.modbus_frames import FUNCTIONS, Read
from drivers.plan import Run, plan, spread
from drivers.registers import register_decoder
from drivers.wire import NO_HOLES

_MOST = 3


@dataclass(frozen=True, slots=True)
class Match:
    """The profile that fits, None when none or several do; `others` are those that could be it, the likely first."""

    profile: str | None
    others: tuple[str, ...] = ()


UNKNOWN = Match(None)


def match(reader: Reader, unit: int, identity: Identity, transport: profiles.Transport) -> Match:
    """The model of `unit`, which is asked for registers of the models known. Raises NoValueError when it falls silent.

    A device that lets any register be read fits every profile: then only what it says of itself counts.
    """
    known = [one for one in _known() if transport in one.transports and one.points]
    named = [one for one in known if _says(identity, one)]
    if named:
        return Match(named[0].name if len(named) == 1 else None, tuple(one.name for one in named[:_MOST]))
    looks = _Memory(reader)
    if looks.everywhere(unit):
        return UNKNOWN
    fitting = [one for one in known if _fits(looks, unit, one)]
    fitting.sort(key=lambda one: -len(one.points))
    return Match(fitting[0].name if len(fitting) == 1 else None, tuple(one.name for one in fitting[:_MOST]))


def _known() -> Iterator[Profile]:
    return (profiles.load(name) for name in profiles.names())


def _says(identity: Identity, profile: Profile) -> bool:
    """Whether the device says the model's name, whatever the dashes; a short name needs its maker too."""
    said = _plain(str(identity))
    model, maker = _plain(profile.model), _plain(profile.maker)
    return bool(model) and model in said and (len(model) > 4 or maker in said)


def _plain(text: str) -> str:
    return re.sub("[^0-9a-z]", "", text.casefold())


class _Memory:
    """Reads each place once: profiles ask for the same registers again and again."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[Read, Sequence[Value] | None] = {}

    def look(self, read: Read) -> Sequence[Value] | None:
        """The values, None where the device refuses. Raises NoValueError when it is silent."""
        if read not in self._known:
            try:
                self._known[read] = self._reader(read)
            except NoValueError as fault:
                if not fault.reason.startswith("exception"):
                    raise
                self._known[read] = None
        return self._known[read]

    def everywhere(self, unit: int) -> bool:
        """Whether the unit has registers where no device has any: the very last of both areas."""
        return all(self.look(Read(unit, area, 65533, 1)) is not None for area in ("holding", "input"))


def _fits(looks: _Memory, unit: int, profile: Profile) -> bool:
    """Whether every point of the profile is there and within its limits."""
    points = tuple(profile.points.values())
    device = Device("probed", "", unit, 1.0, profile.name, profile.max_read_registers, points, profile.readable)
    return all(_plausible(looks, unit, run) for run in plan(device, NO_HOLES))


def _plausible(looks: _Memory, unit: int, run: Run) -> bool:
    first, quantity = spread(run)
    values = looks.look(Read(unit, run[0].area, first, quantity))
    if values is None or FUNCTIONS[run[0].area] <= 2:
        return values is not None
    reply = bytearray(b"".join(int(value).to_bytes(2, "big") for value in values))
    return None not in register_decoder(run, first, 0)(reply)
