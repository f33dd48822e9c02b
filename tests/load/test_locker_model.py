"""Whatever people, wires and sensors do to a locker: nothing is counted that did not happen; calm tells the truth."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from locker_world import SILENT_S, STEADY_ITEM_S, World, locker

DOORS = 3
CALM_S = 2 * STEADY_ITEM_S + 5
ANY_DOOR = st.integers(0, DOORS - 1)


class Locker(RuleBasedStateMachine):
    """The world knows the truth; the model sees what the board says once a second, when it says anything."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(locker(DOORS))
        self.dirtied = False
        self.unsure_s = self.world.now_s
        """Since when every door and sensor was seen without a gap, and every door was closed."""

    def _unsure(self) -> None:
        self.unsure_s = self.world.now_s

    # --- people ---

    @rule(door=ANY_DOOR)
    def open(self, door: int) -> None:
        self.world.open(door)

    @rule(door=ANY_DOOR)
    def close(self, door: int) -> None:
        self.world.close(door)
        self._unsure()

    @rule(door=ANY_DOOR, there=st.booleans())
    def change(self, door: int, there: bool) -> None:
        if not self.world.closed[door]:
            (self.world.put if there else self.world.take)(door)

    # --- time and wires ---

    @rule(seconds=st.sampled_from([1, 2, 5, 15, 130]))
    def time_goes_by(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(seconds=st.sampled_from([1, 3, SILENT_S + 1, 3600]))
    def outage(self, seconds: float) -> None:
        self.world.silence(seconds)
        if seconds > SILENT_S:
            assert {status[:2] for status in self.world.statuses()} == {("unknown", "unknown")}
        self._unsure()

    @rule(seconds=st.sampled_from([1, 60, 7200]), rebooted=st.booleans())
    def restart(self, seconds: float, rebooted: bool) -> None:
        self.world.restart(seconds, rebooted=rebooted)
        self._unsure()

    # --- sensors ---

    @rule(door=ANY_DOOR)
    def a_blink_of_the_sensor(self, door: int) -> None:
        self.world.dirty[door] = not self.world.dirty[door]
        self.world.run(STEADY_ITEM_S / 2)
        self.world.dirty[door] = not self.world.dirty[door]
        self.world.run(1)

    @precondition(lambda self: all(self.world.closed) and self.world.now_s - self.unsure_s > CALM_S)
    @rule(door=ANY_DOOR)
    def dirt_on_the_sensor(self, door: int) -> None:
        self.world.dirty[door] = True
        self.world.run(CALM_S)
        self.world.dirty[door] = False
        self.dirtied = True
        self.world.run(1)

    # --- what must be true ---

    @invariant()
    def nothing_is_counted_that_did_not_happen(self) -> None:
        counted = self.world.counted
        assert all(counted[name] <= self.world.truth[name] for name in counted), (counted, self.world.truth)

    @invariant()
    def the_parts_add_up(self) -> None:
        whole = self.world.model.draw(self.world.at).all
        assert whole.occupied is not None
        assert whole.free is not None
        assert whole.overdue is not None
        assert whole.occupied + whole.free + whole.faulty + whole.unknown == whole.total
        assert whole.overdue <= whole.occupied

    @rule()
    def calm_tells_the_truth(self) -> None:
        self.world.run(CALM_S)
        for closed, present, status in zip(self.world.closed, self.world.present, self.world.statuses(), strict=True):
            door, item, fault, usage = status
            if fault in {"sensor_conflict", "lock_no_change"}:
                assert self.dirtied
                assert usage == "faulty"
                continue
            assert (door == "closed") is closed
            assert item == ("present" if present else "absent")
            assert usage == ("faulty" if door == "ajar" else "occupied" if present else "free")


Locker.TestCase.settings = settings(
    max_examples=150, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_the_model_of_a_locker_is_true = Locker.TestCase


visits = st.lists(st.tuples(ANY_DOOR, st.integers(1, 5000)), min_size=1, max_size=6)


@given(visits=visits)
@settings(max_examples=25, deadline=None)
def test_every_visit_is_counted_and_timed_when_all_is_seen(visits: list[tuple[int, int]]) -> None:
    world = World(locker(DOORS), step_s=2.0)
    world.run(CALM_S)
    world.model.draw(world.at)
    for door, pause_s in visits:
        (world.collect if world.present[door] else world.deliver)(door)
        world.run(pause_s)
    assert world.counted == world.truth
