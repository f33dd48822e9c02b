"""When what is told, over simulated minutes: at once what changed, each minute how everything stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from reported_hour import Hour, Said, told
from simulated_site import Life

from agent.uplink.inbox import Command

BEFORE = Callable[[int, Life, Hour], None]


def at(said: list[Said], tail: str) -> list[float]:
    return [one.at_s for one in said if one.tail == tail]


def last(said: list[Said], tail: str) -> Said:
    """What the broker keeps there."""
    return [one for one in said if one.tail == tail][-1]


def ordered(at_s: int, capacity_pph: int) -> BEFORE:
    """The bureau orders a plan at that second."""
    plan = {"plan_id": "p1", "type": "capacity", "line": "east", "capacity_override": capacity_pph}

    def before(second: int, life: Life, world: Hour) -> None:
        if second == at_s:
            until_ms = int(1000 * (world.clock.now().wall_s + 3000))
            life.uplink.commands = [Command("plan", {**plan, "seq": 1, "by": "gz", "to": until_ms}, retained=False)]

    return before


@pytest.mark.parametrize("second", [962, 966])
def test_what_is_retained_after_an_order_is_judged_by_it_at_once(second: int) -> None:
    said = told(second + 3, before=ordered(second, 20_000))
    line, site = (last(said, tail) for tail in ("line/east/state", "state"))
    assert line.fields["plan"] == site.fields["plan"] == "p1"
    by_plan = 100 * site.fields["in_pph_900"] / 20_000
    assert line.fields["load_index"] == site.fields["load_index"] == pytest.approx(by_plan, abs=0.1)
    assert line.at_s == site.at_s == second + 1
