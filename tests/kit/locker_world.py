"""An obvious locker: doors and parcels as they truly are, and what a board of it says; no debounce, no memory."""

from __future__ import annotations

from collections import Counter

from agent.load.instant import Instant
from agent.load.locker import LockerModel
from config.locker_settings import Board, Compartment, Locker

STEADY_ITEM_S = 10.0
SILENT_S = 7.0
BOOT = "boot-1"
MORNING_S = 1_800_000_000.0 - 1_800_000_000.0 % 86_400 + 3600.0  # 09:00 in China


def locker(
    compartments: int = 4, *, inverted: bool = False, item_sensor: bool | None = None, overdue_h: float = 24.0
) -> Locker:
    """A locker of one board; the sizes go s, m, l, xl."""
    sizes = ("s", "m", "l", "xl")
    wired = tuple(Compartment(n, n, sizes[(n - 1) % 4]) for n in range(1, compartments + 1))  # type: ignore[arg-type]
    board = Board("west_1", "b", "any", 1, 2.0, compartments, wired, inverted, item_sensor, silent_s=SILENT_S)
    return Locker("west", "西柜", "West", overdue_h, False, 0.5, STEADY_ITEM_S, 120.0, (board,))


def asked(compartments: int = 4, *, items: bool = True) -> tuple[str, ...]:
    kinds = ("door", "item") if items else ("door",)
    return tuple(f"{kind}.{channel}" for kind in kinds for channel in range(1, compartments + 1))


class World:
    """A locker of one board, read every `step_s` by a model. Everything that truly happens is counted in `truth`."""

    def __init__(self, of: Locker | None = None, *, items: bool = True, step_s: float = 1.0) -> None:
        self.locker = of or locker()
        count = len(self.locker.boards[0].compartments)
        self.points = asked(count, items=items)
        self.items = items
        self.step_s = step_s
        self.now_s = 1000.0
        self.wall_s = MORNING_S
        self.quality = "ntp"
        self.boot_id = BOOT
        self.closed = [True] * count
        self.present = [False] * count
        self.dirty = [False] * count
        self.answers = True
        self.truth: Counter[str] = Counter()
        self.earlier: Counter[str] = Counter()
        self.model = self._model()

    def _model(self) -> LockerModel:
        return LockerModel(self.locker, {"west_1": [self.points]}, self.now_s)

    @property
    def at(self) -> Instant:
        return Instant(self.boot_id, self.now_s, self.wall_s, self.quality)  # type: ignore[arg-type]

    # --- what people do ---

    def open(self, door: int) -> None:
        self.truth["door.opened"] += self.closed[door]
        self.closed[door] = False

    def close(self, door: int) -> None:
        self.closed[door] = True

    def put(self, door: int) -> None:
        assert not self.closed[door]
        self.truth["parcel.delivered"] += not self.present[door]
        self.present[door] = True

    def take(self, door: int) -> None:
        assert not self.closed[door]
        self.truth["parcel.collected"] += self.present[door]
        self.present[door] = False

    def deliver(self, door: int) -> None:
        """A courier comes, slowly."""
        self.open(door)
        self.run(5)
        self.put(door)
        self.run(5)
        self.close(door)
        self.run(STEADY_ITEM_S + 5)

    def collect(self, door: int) -> None:
        self.open(door)
        self.run(5)
        self.take(door)
        self.run(5)
        self.close(door)
        self.run(STEADY_ITEM_S + 5)

    # --- time ---

    def values(self) -> tuple[bool, ...]:
        doors = [closed is not self.locker.boards[0].inverted for closed in self.closed]
        seen = [present is not dirty for present, dirty in zip(self.present, self.dirty, strict=True)]
        return tuple(doors + (seen if self.items else []))

    def pass_(self, seconds: float) -> None:
        self.now_s += seconds
        self.wall_s += seconds

    def run(self, seconds: float) -> None:
        """Time goes by, with a reading each step while the board answers."""
        until_s = self.now_s + seconds
        while self.now_s + self.step_s <= until_s + 1e-9:
            self.pass_(self.step_s)
            if self.answers:
                self.model.hear("west_1", self.points, self.values(), self.now_s)
            else:
                self.model.boards["west_1"].missed("timeout")
            self.model.advance(self.at)

    def silence(self, seconds: float) -> None:
        """The board does not answer for so long."""
        self.pass_(seconds)
        self.model.boards["west_1"].missed("timeout")
        self.model.advance(self.at)

    def restart(self, seconds: float = 5.0, *, rebooted: bool = False) -> None:
        """The process ends and begins again; what it counted is told to the bureau, which adds it up."""
        kept = self.model.state(self.at)
        self.earlier += self.counted_now
        self.pass_(seconds)
        if rebooted:
            self.boot_id, self.now_s = f"{self.boot_id}x", 30.0
        self.model = self._model()
        self.model.restore(kept, self.at)

    @property
    def counted_now(self) -> Counter[str]:
        streams = self.model.draw(self.at).streams
        return Counter({name.removeprefix("west."): count for name, count in streams.items()})

    @property
    def counted(self) -> Counter[str]:
        """What the bureau has: all runs together."""
        return self.earlier + self.counted_now

    def statuses(self) -> list[tuple[str, str, str, str | None]]:
        return [tuple(one.status) for one in self.model.compartments(self.now_s)]  # type: ignore[misc]
