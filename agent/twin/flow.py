"""One line's parcels, event by event: waiting, inducted, on the belt, then discharged, recirculated or rejected."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from agent.twin.arrivals import Arrivals
from agent.twin.script import Episode
from config.line_settings import Role

MARGIN = 0.8
"""A counter runs at most at this share of the rate its settings call plausible."""

CATCH_UP = 1.15
"""After a stop the line runs at most this much above its capacity."""


FULL_YARD = 5000
"""With so many parcels before induction no truck is unloaded any more."""


class Gate:
    """A place where a counter sees parcels pass, never faster than `MARGIN` of its plausible rate on the wall clock."""

    __slots__ = ("_fastest_s", "_interval_s", "_last_s", "count")

    def __init__(self, max_rate_per_s: float) -> None:
        self.count = 0
        self._fastest_s = self._interval_s = 1.0 / (MARGIN * max_rate_per_s)
        self._last_s = -math.inf

    def pace(self, speed: float) -> None:
        """Let the day run `speed` times as fast as the wall clock; the counter stays as slow as it is."""
        self._interval_s = self._fastest_s * speed

    @property
    def free_s(self) -> float:
        """The first moment at which another parcel may pass."""
        return self._last_s + self._interval_s

    def let_pass(self, at_s: float) -> None:
        """Count one."""
        self.count += 1
        self._last_s = at_s


class Stage:
    """All gates of one role: parcels wait here until a gate is free. Without gates they pass uncounted."""

    def __init__(self, gates: Sequence[Gate], interval_s: float, rng: Random) -> None:
        self._gates = gates
        self._interval_s = interval_s
        self._next_s = -math.inf
        self._rng = rng
        self.waiting = 0
        self.passed = 0

    @property
    def due_s(self) -> float:
        """When the next waiting parcel can pass; infinite when none waits."""
        if not self.waiting:
            return math.inf
        earliest_s = math.inf if self._gates else self._next_s
        for gate in self._gates:
            if (free_s := gate.free_s) <= self._next_s:
                return self._next_s
            earliest_s = min(earliest_s, free_s)
        return earliest_s

    def let_pass(self, at_s: float) -> None:
        """One waiting parcel passes a free gate, any of them with the same chance."""
        self.waiting -= 1
        self.passed += 1
        self._next_s = at_s + self._interval_s
        if self._gates:
            chosen = self._rng.choice(self._gates)
            if chosen.free_s > at_s:
                chosen = self._rng.choice([gate for gate in self._gates if gate.free_s <= at_s])
            chosen.let_pass(at_s)


@dataclass(frozen=True, slots=True)
class Habits:
    """How a line behaves: times on the belt, the shares that go round again or are rejected, how often it jams."""

    transit_s: tuple[float, float] = (2.0, 8.0)
    loop_s: tuple[float, float] = (15.0, 25.0)
    recirculated: float = 0.04
    rejected: float = 0.012
    jam_every_s: float = 1500.0
    jam_s: tuple[float, float] = (15.0, 90.0)


class LineFlow:
    """The parcels of one line. Always `inducted == discharged + rejected + wip`, in whole parcels."""

    def __init__(  # noqa: PLR0913, PLR0917 - a line is made of these
        self,
        arrivals: Arrivals,
        gates: Mapping[Role, Sequence[Gate]],
        capacity_pph: float,
        habits: Habits,
        rng: Random,
        yard: int = FULL_YARD,
    ) -> None:
        self._arrivals = arrivals
        self._yard = yard
        self._habits = habits
        self._rng = rng
        self._recirculates, self._rejects = bool(gates["recirculation"]), bool(gates["reject"])
        self._stages: dict[Role, Stage] = {role: Stage(found, 0.0, rng) for role, found in gates.items()}
        self._stages["induct"] = Stage(gates["induct"], 3600.0 / (CATCH_UP * capacity_pph), rng)
        self._belt: list[tuple[float, int]] = []  # when which parcel reaches the sorter, less all the belt's stops
        self._rounds: deque[int] = deque()  # parcels before the recirculation
        self._stood_s = 0.0
        self._runs_again_s = 0.0
        self._next_jam_s = rng.expovariate(1.0 / habits.jam_every_s)
        self._planned: deque[Episode] = deque()
        self.arrived = 0
        self._at_s = 0.0
        self._quiet_until_s = 0.0
        self.watch: Callable[[int, bool], None] | None = None
        """Told of each parcel at the sorter: its number on this line, and whether it will come round again."""

    @property
    def waiting(self) -> int:
        """Parcels before induction."""
        return self._stages["induct"].waiting

    @property
    def wip(self) -> int:
        """Parcels on the sorter: on the belt, or before an outlet that is not yet free."""
        outlets = (self._stages[role].waiting for role in ("discharge", "recirculation", "reject"))
        return len(self._belt) + sum(outlets)

    def passed(self, role: Role) -> int:
        """Parcels that went past the counters of this role."""
        return self._stages[role].passed

    def advance(self, to_s: float) -> None:
        """Let happen everything up to and including second `to_s`."""
        while self._quiet_until_s <= to_s:
            self._quiet_until_s, what = self._next()
            if self._quiet_until_s <= to_s:
                self._at_s = max(self._at_s, self._quiet_until_s)
                self._happen(what)
        self._at_s = max(self._at_s, to_s)

    def changed(self) -> None:
        """Look again when the next parcel moves: the pace of the gates is another."""
        self._quiet_until_s = 0.0

    @property
    def stands(self) -> bool:
        """Whether it is jammed."""
        return self._at_s < self._runs_again_s

    def jam(self, duration_s: float) -> None:
        """Stop belt and induction now for so long; what is on the belt stays there."""
        begin_s = max(self._at_s, self._runs_again_s)
        self._runs_again_s = begin_s + duration_s
        self._stood_s += duration_s
        self.changed()

    def plan(self, episodes: Iterable[Episode]) -> None:
        """Let the line stand in each of these; they follow each other."""
        self._planned.extend(episodes)
        self.changed()

    def _next(self) -> tuple[float, str]:
        stages = self._stages
        sorter_s = self._belt[0][0] + self._stood_s if self._belt else math.inf
        return min(
            (self._arrivals.next_s if self.waiting < self._yard else math.inf, "arrival"),
            (max(self._runs_again_s, stages["induct"].due_s), "induct"),
            (sorter_s, "sort"),
            (stages["discharge"].due_s, "discharge"),
            (stages["recirculation"].due_s, "recirculation"),
            (stages["reject"].due_s, "reject"),
            (self._next_jam_s, "jam"),
            (self._planned[0].begin_s if self._planned else math.inf, "planned"),
        )

    def _happen(self, what: str) -> None:
        match what:
            case "arrival":
                self.arrived += 1
                self._stages["induct"].waiting += 1
                self._arrivals.draw()
            case "induct":
                self._stages["induct"].let_pass(self._at_s)
                self._carry(self._stages["induct"].passed, self._habits.transit_s)
            case "sort":
                self._sort(heapq.heappop(self._belt)[1])
            case "recirculation":
                self._stages["recirculation"].let_pass(self._at_s)
                self._carry(self._rounds.popleft(), self._habits.loop_s)
            case "discharge":
                self._stages["discharge"].let_pass(self._at_s)
            case "reject":
                self._stages["reject"].let_pass(self._at_s)
            case "planned":
                self.jam(max(0.0, self._planned.popleft().end_s - max(self._at_s, self._runs_again_s)))
            case _:
                self.jam(self._rng.uniform(*self._habits.jam_s))
                self._next_jam_s = self._runs_again_s + self._rng.expovariate(1.0 / self._habits.jam_every_s)

    def _carry(self, parcel: int, duration_s: tuple[float, float]) -> None:
        """Put one parcel on the belt for so long."""
        runs_s = max(self._at_s, self._runs_again_s)
        heapq.heappush(self._belt, (runs_s + self._rng.uniform(*duration_s) - self._stood_s, parcel))

    def _sort(self, parcel: int) -> None:
        """One parcel reaches the sorter and goes to an outlet."""
        destiny = self._destiny()
        self._stages[destiny].waiting += 1
        if destiny == "recirculation":
            self._rounds.append(parcel)
        if self.watch is not None:
            self.watch(parcel, destiny == "recirculation")

    def _destiny(self) -> Role:
        fate = self._rng.random()
        if self._rejects and fate < self._habits.rejected:
            return "reject"
        if self._recirculates and fate > 1.0 - self._habits.recirculated:
            return "recirculation"
        return "discharge"
