"""Lockers as the operator describes them: boards, which channel is which compartment, and what counts as overdue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Size = Literal["s", "m", "l", "xl"]
SIZES: tuple[Size, ...] = get_args(Size)
"""Classes of compartments, the smallest first."""


@dataclass(frozen=True, slots=True)
class Compartment:
    """A compartment by the number on its door: which channel of the board it is, and its size, None where not said."""

    number: int
    channel: int
    size: Size | None


@dataclass(frozen=True, slots=True)
class Board:
    """A lock control board on a bus. `id` is unique among devices and boards: `<locker>_<board>`.

    `channels` is how many are read, of which those of `compartments` are wired. `inverted` and `item_inverted`: closed
    and present are the other way round than its language documents. `item_sensor` None: as the board has it. What was
    not heard for `silent_s` is unknown.
    """

    id: str
    bus: str
    language: str
    address: int
    period_s: float
    channels: int
    compartments: tuple[Compartment, ...]
    inverted: bool = False
    item_sensor: bool | None = None
    item_inverted: bool = False
    silent_s: float = 10.0

    @property
    def unit(self) -> int:
        """The address, as every device on a bus has one."""
        return self.address


@dataclass(frozen=True, slots=True)
class Locker:
    """A locker and its boards. A parcel is overdue after `overdue_h`. `door_events`: the bureau is told of each door.

    A door is believed after `door_steady_s`, a sensor of parcels after `item_steady_s`; an open door is ajar after
    `ajar_s`.
    """

    id: str
    name_zh: str
    name_en: str
    overdue_h: float
    door_events: bool
    door_steady_s: float
    item_steady_s: float
    ajar_s: float
    boards: tuple[Board, ...]
