"""A line's time as its run, e-stop and jam contacts tell it: what is stopped is neither starved, blocked nor idle."""

from __future__ import annotations

import pytest
from some_inputs import PATIENCE_S, an_input

from agent.inputs.site import SiteInputs
from agent.load.conditions import Conditions
from agent.load.instant import Instant
from agent.load.line import SAMPLE_S, LineModel
from agent.load.meter import CounterRule, Meter
from agent.load.standstill import QUIET_S
from config.device_settings import CounterRef
from config.line_settings import Line

IN, OUT = CounterRef("plc", "in"), CounterRef("plc", "out")
LINE = Line("north", "北线", "north", (IN,), (OUT,), (), (), 3600.0, 1000)
LAST_S = 600
OFF_S = 2 * SAMPLE_S + 2.0
"""How exact a line's time is: it is looked at each SAMPLE_S, and contacts must hold."""


class Belt:
    """A line that is counted and whose contacts are read each second, through debouncing, as the agent does it."""

    def __init__(self) -> None:
        kinds = (an_input("run", on_s=1.0, off_s=1.0), an_input("estop", on_s=0.0), an_input("jam"))
        self.inputs = SiteInputs(kinds, {one.id: PATIENCE_S for one in kinds}, 0.0)
        self.meters = {ref: Meter(CounterRule(2**32, 100.0, 1.0), 1) for ref in (IN, OUT)}
        self.model = LineModel(LINE, self.meters)
        self.came = self.went = 0
        self.at_s = 0
        self.last(runs=True, moves=1, seconds=120)

    def last(
        self,
        *,
        runs: bool | None = True,
        moves: int = 0,
        estop: bool = False,
        jam: bool = False,
        bounces: bool = False,
        seconds: int = LAST_S,
    ) -> dict[str, float]:
        """So long `moves` parcels a second come and go; how much longer each figure then is. `runs` None is silence."""
        before = self._figures()
        for _ in range(seconds):
            self.at_s += 1
            self.came, self.went = self.came + moves, self.went + moves
            at = Instant("boot-a", float(self.at_s), 1.8e9 + self.at_s, "ntp")
            for ref, raw in ((IN, self.came), (OUT, self.went)):
                self.meters[ref].advance(raw, at)
            if runs is not None:
                says = runs != (bounces and self.at_s % 2 == 0)
                self.inputs.hear("plc", ("run", "estop", "jam"), (says, estop, jam), at)
            self.inputs.advance(at)
            self.model.sample(at, Conditions(run=self.inputs.run("north"), jammed=self.inputs.jammed("north")))
        after = self._figures()
        return {name: after[name] - before[name] for name in after}

    def put_on(self, parcels: int) -> None:
        """They come onto the belt at once, and stay there."""
        self.came += parcels

    def _figures(self) -> dict[str, float]:
        at = Instant("boot-a", float(self.at_s), 1.8e9 + self.at_s, "ntp")
        pace, told = self.model.advance(at).pace, self.inputs.of("north")
        assert told is not None
        return {
            "starved_s": pace.starved_s,
            "blocked_s": pace.blocked_s,
            "idle_run_s": pace.idle_run_s or 0.0,
            "stop_s": told.stop_s or 0.0,
            "jam_n": float(told.jam_n or 0),
        }


def about(**grown: float) -> dict[str, object]:
    figures = {"starved_s": 0.0, "blocked_s": 0.0, "idle_run_s": 0.0, "stop_s": 0.0, "jam_n": 0.0}
    return {name: pytest.approx(value, abs=OFF_S if value > 1 else 0.0) for name, value in (figures | grown).items()}


def test_a_line_that_works_is_neither_starved_nor_blocked_nor_idle() -> None:
    assert Belt().last(moves=1) == about()


def test_an_empty_line_that_runs_is_starved_and_idles() -> None:
    assert Belt().last() == about(starved_s=LAST_S - QUIET_S, idle_run_s=LAST_S - QUIET_S)


def test_a_jammed_line_that_runs_is_blocked_and_the_jam_counted_once() -> None:
    belt = Belt()
    belt.put_on(7)
    grown = belt.last(jam=True)
    assert grown == about(blocked_s=LAST_S - QUIET_S, idle_run_s=LAST_S - QUIET_S, jam_n=1.0)


@pytest.mark.parametrize("parcels", [0, 7])
@pytest.mark.parametrize("how", [{"runs": False}, {"runs": True, "estop": True}])
def test_a_line_that_is_stopped_only_stands(how: dict[str, bool], parcels: int) -> None:
    belt = Belt()
    belt.put_on(parcels)
    assert belt.last(**how) == about(stop_s=LAST_S)  # type: ignore[arg-type]


def test_a_run_contact_that_bounces_is_no_stop() -> None:
    assert Belt().last(moves=1, bounces=True) == about()


def test_a_line_whose_contacts_are_silent_is_not_said_to_run_idle_nor_to_stand() -> None:
    belt = Belt()
    belt.last(runs=None, moves=1, seconds=60)
    assert belt.inputs.run("north") is None
    assert belt.last(runs=None) == about(starved_s=LAST_S - QUIET_S)
