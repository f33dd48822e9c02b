"""The twin's contacts and gauges: all is well until a line jams, somebody presses a button, or the day brings it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from broker import Broker
from ordered_site import OrderedSite
from ports import free_port
from twins import Played, playing, read_tcp, site

from agent.twin.script import DayKind, What, script
from agent.twin.site import Scenario

BODY = """
[bus.panel]
tcp = "127.0.0.1:{port}"
[device.io]
bus = "panel"
unit = 1
point.runs = {{ area = "discrete", address = 2 }}
point.jam = {{ area = "discrete", address = 4 }}
point.mains = {{ area = "coil", address = 17 }}
point.hot = {{ area = "input", address = 9, type = "i16", scale = 0.1 }}
point.count = {{ area = "input", address = 0, type = "u16", kind = "counter" }}
[line.north]
discharge = ["io.count"]
capacity_pph = 1000
buffer_parcels = 10
[input.runs]
point = "io.runs"
as = "run"
line = "north"
[input.jam]
point = "io.jam"
as = "jam"
line = "north"
[input.mains]
point = "io.mains"
as = "mains"
"""


PANEL = """
[bus.panel]
tcp = "127.0.0.1:{port}"
timeout_s = 0.5
[device.io]
bus = "panel"
unit = 1
period_s = 0.1
point.runs = {{ area = "discrete", address = 0 }}
point.estop = {{ area = "discrete", address = 1 }}
point.fault = {{ area = "discrete", address = 2 }}
point.mains = {{ area = "discrete", address = 3 }}
point.battery = {{ area = "discrete", address = 4 }}
point.wind = {{ area = "input", address = 0, type = "u16", scale = 0.1 }}
point.rain = {{ area = "input", address = 1, type = "f32" }}
point.water = {{ area = "holding", address = 0, type = "i16" }}
point.count = {{ area = "input", address = 9, type = "u32", kind = "counter" }}
[line.north]
discharge = ["io.count"]
capacity_pph = 1000
buffer_parcels = 10
[input.runs]
point = "io.runs"
as = "run"
line = "north"
on_s = 0.3
off_s = 0.3
[input.estop]
point = "io.estop"
as = "estop"
line = "north"
off_s = 0.3
[input.fault]
point = "io.fault"
as = "motor_fault"
line = "north"
on_s = 0.1
off_s = 0.3
[input.mains]
point = "io.mains"
as = "mains"
off_s = 0.3
[input.battery]
point = "io.battery"
as = "ups"
on_s = 0.2
off_s = 0.3
[input.wind]
point = "io.wind"
as = "wind"
above = 17.2
clear = 13.9
on_s = 0.2
off_s = 0.2
[input.rain]
point = "io.rain"
as = "rain"
above = 16
clear = 8
on_s = 0.2
off_s = 0.2
[input.water]
point = "io.water"
as = "water"
above = 10
clear = 5
on_s = 0.2
off_s = 0.2
"""


def shown(twin: Played) -> dict[str, object]:
    with twin.dial("panel") as wire:
        values = read_tcp(wire, twin.twin.settings.devices[0])
    return {name: values[name] for name in ("runs", "jam", "mains", "hot")}


def test_contacts_are_calm_follow_a_jam_and_show_what_somebody_sets(tmp_path: Path) -> None:
    with playing(site(BODY.format(port=free_port())), tmp_path) as twin:
        assert shown(twin) == {"runs": True, "jam": False, "mains": True, "hot": 0.0}
        twin.say("jam", line="north", seconds=60)
        assert shown(twin) == {"runs": True, "jam": True, "mains": True, "hot": 0.0}
        twin.say("set", input="io.mains", value=0)
        twin.say("set", input="io.hot", value=-12.5)
        assert shown(twin) == {"runs": True, "jam": True, "mains": False, "hot": -12.5}


def test_until_it_begins_a_day_goes_by_the_same_however_fast_it_is_played_then(tmp_path: Path) -> None:
    flows = []
    for speed in (1.0, 500.0):
        late = Scenario(1, speed, running=False, begin_s=3600.0)
        with playing(site(BODY.format(port=free_port())), tmp_path, late) as twin:
            flows.append((twin.do(twin.twin.flows), twin.do(twin.twin.day.truth)))
    assert flows[0] == flows[1]
    assert flows[0][1]["arrived"] != 0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


def heard_of(at: OrderedSite, name: str) -> list[Mapping[str, object]]:
    """The events of that alarm, oldest first."""
    told = [*at.told("event"), *at.told("line/north/event")]
    return [one for one in told if one.get("input") == name and one["event"] == "alarm"]


def stages(at: OrderedSite, name: str) -> list[object]:
    return [one["what"] for one in heard_of(at, name)]


@contextmanager
def from_shortly_before(at: OrderedSite, panel: str, kind: DayKind, what: What, speed: float) -> Iterator[Played]:
    """The day from two seconds of the clock before that begins, once the agent has seen the line run."""
    [episode] = script(kind, 1).of(what)
    scenario = Scenario(1, speed, kind, running=False, begin_s=episode.begin_s - 2.0 * speed)
    with at.bureau, playing(site(panel), at.folder, scenario) as twin, at.agent():
        at.wait(lambda: at.latest("line/north/telemetry").get("run") is True)
        twin.say("go")
        yield twin


def test_an_agent_sees_a_typhoon_and_gasps_when_the_mains_go(broker: Broker, tmp_path: Path) -> None:
    panel = PANEL.format(port=free_port())
    at = OrderedSite(tmp_path, broker, more=panel)
    with from_shortly_before(at, panel, "typhoon", "mains", 600.0):
        at.wait(lambda: at.told("gasp"))
        at.wait(lambda: at.latest("line/north/telemetry").get("run") is False)
        at.wait(lambda: stages(at, "mains") == stages(at, "battery") == ["began", "ended"])
        at.wait(lambda: at.latest("line/north/telemetry").get("run") is True)
        at.wait(lambda: stages(at, "water") == ["began"])
        assert (stages(at, "wind"), stages(at, "rain")) == (["began"], ["began"])
        firsts = {heard_of(at, name)[0]["first"] for name in ("wind", "rain", "mains", "battery", "water")}
        assert firsts in ({"wind"}, {"rain"})
        assert stages(at, "estop") == stages(at, "fault") == []


def test_an_agent_sees_who_stopped_a_line_and_what_followed(broker: Broker, tmp_path: Path) -> None:
    first, second = sorted(script("stop", 1).of("estop", "motor_fault"), key=lambda one: one.begin_s)
    names = {"estop": "estop", "motor_fault": "fault"}
    panel = PANEL.format(port=free_port())
    at = OrderedSite(tmp_path, broker, more=panel)
    with from_shortly_before(at, panel, "stop", "stop", 10.0) as twin:
        at.wait(lambda: stages(at, names[second.what]) == ["began"])
        at.wait(lambda: at.latest("line/north/telemetry").get("run") is False)
        assert {heard_of(at, name)[0]["first"] for name in names.values()} == {names[first.what]}
        twin.say("speed", speed=1000)
        at.wait(lambda: stages(at, "estop") == stages(at, "fault") == ["began", "ended"])
        at.wait(lambda: at.latest("line/north/telemetry").get("run") is True)
        assert at.told("gasp") == []
